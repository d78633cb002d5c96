// posix_conformance FOLDER [-k PATTERN] [--known FILE] [--list]
// Runs every case in a new folder below FOLDER and prints a line for each that fails, with what it expected and what it
// got; last "N passed, N failed". --known names a file of differences that are meant, a line each: "CASE = REASON".
// Such a case must fail: when it passes, the line is out of date and that is a failure. Exit 0 when nothing failed, 2
// on wrong usage.
#include "tests/posix/harness.h"

#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <ftw.h>
#include <iostream>
#include <map>
#include <sys/wait.h>

namespace {

using namespace posix;

constexpr unsigned kPatienceSeconds = 60;
constexpr int kSkippedExit = 77;

struct Plan {
    std::string folder;
    std::string pattern;
    std::map<std::string, std::string> known;
    bool list = false;
};

// "" is success; `skipped` when the case says it cannot run here.
struct Outcome {
    std::string text;
    bool skipped = false;
};

[[noreturn]] void run_here(const Case& one, const std::string& folder, int tell) {
    ::alarm(kPatienceSeconds);
    ::umask(022);
    std::string text;
    int exit = 0;
    if (::chdir(folder.c_str()) != 0) text = "chdir " + folder + ": " + error_name(errno);
    try {
        if (text.empty()) one.run();
    } catch (const Failure& failure) {
        text = failure.text;
    } catch (const Skipped& skipped) {
        text = skipped.reason;
        exit = kSkippedExit;
    }
    const auto told = ::write(tell, text.data(), text.size());
    ::_exit(exit != 0 ? exit : text.empty() && told == 0 ? 0 : 1);
}

Outcome run(const Case& one, const std::string& folder) {
    int tell[2];
    if (::mkdir(folder.c_str(), 0777) != 0) return {"mkdir " + folder + ": " + error_name(errno)};
    if (::chmod(folder.c_str(), 0777) != 0) return {"chmod " + folder + ": " + error_name(errno)};
    if (::pipe2(tell, O_CLOEXEC) != 0) return {"pipe: " + error_name(errno)};
    const auto child = ::fork();
    if (child < 0) return {"fork: " + error_name(errno)};
    if (child == 0) run_here(one, folder, tell[1]);
    ::close(tell[1]);
    Outcome out;
    char part[1024];
    for (ssize_t count = 0; (count = ::read(tell[0], part, sizeof part)) > 0;) {
        out.text.append(part, static_cast<std::size_t>(count));
    }
    ::close(tell[0]);
    int how = 0;
    ::waitpid(child, &how, 0);
    out.skipped = WIFEXITED(how) && WEXITSTATUS(how) == kSkippedExit;
    if (WIFSIGNALED(how)) out.text = std::string("ended by ") + ::strsignal(WTERMSIG(how));
    if (how != 0 && out.text.empty()) out.text = "ended with status " + std::to_string(how);
    return out;
}

// Whatever a case leaves, deep paths and folders without permissions included.
void remove_tree(const std::string& folder) {
    const auto remove = [](const char* path, const struct stat*, int, FTW*) {
        ::remove(path);
        return 0;
    };
    ::nftw(folder.c_str(), remove, 32, FTW_DEPTH | FTW_PHYS);
}

bool read_known(const char* path, Plan& plan) {
    std::ifstream file(path);
    if (!file) return false;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line.starts_with('#')) continue;
        const auto equals = line.find(" = ");
        if (equals == std::string::npos) return false;
        plan.known[line.substr(0, equals)] = line.substr(equals + 3);
    }
    return true;
}

bool read_words(int argc, char** argv, Plan& plan) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const bool more = i + 1 < argc;
        if (word == "--list") {
            plan.list = true;
        } else if (word == "-k" && more) {
            plan.pattern = argv[++i];
        } else if (word == "--known" && more) {
            if (!read_known(argv[++i], plan)) return false;
        } else if (!word.starts_with("-") && plan.folder.empty()) {
            plan.folder = word;
        } else {
            return false;
        }
    }
    return plan.list || !plan.folder.empty();
}

// Names that no case has: a line of --known that means nothing.
int count_unknown(const Plan& plan) {
    int out = 0;
    for (const auto& [title, reason] : plan.known) {
        bool there = false;
        for (const auto& one : cases()) there = there || one.title() == title;
        if (there) continue;
        ++out;
        std::cout << "FAIL  " << title << ": a known difference that names no case\n";
    }
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    Plan plan;
    if (!read_words(argc, argv, plan)) {
        std::cerr << "usage: posix_conformance FOLDER [-k PATTERN] [--known FILE] [--list]\n";
        return 2;
    }
    int passed = 0;
    int failed = plan.list ? 0 : count_unknown(plan);
    int number = 0;
    for (const auto& one : cases()) {
        if (one.title().find(plan.pattern) == std::string::npos) continue;
        if (plan.list) {
            std::cout << one.title() << '\n';
            continue;
        }
        const auto folder = plan.folder + "/posix-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
        const auto outcome = run(one, folder);
        remove_tree(folder);
        const auto known = plan.known.find(one.title());
        if (outcome.skipped) {
            std::cout << "skip  " << one.title() << ": " << outcome.text << '\n';
        } else if (outcome.text.empty() == (known == plan.known.end())) {
            ++passed;
        } else {
            ++failed;
            const auto what =
                outcome.text.empty() ? "a known difference is none any more: " + known->second : outcome.text;
            std::cout << "FAIL  " << one.title() << ": " << what << '\n';
        }
        std::cout.flush();
    }
    if (!plan.list) std::cout << passed << " passed, " << failed << " failed\n";
    return failed == 0 ? 0 : 1;
}
