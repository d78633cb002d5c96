#include "tests/posix/harness.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>

namespace posix {

std::vector<Case>& cases() {
    static std::vector<Case> all;
    return all;
}

Enlist::Enlist(std::string area, std::string name, std::function<void()> run) {
    cases().push_back({std::move(area), std::move(name), std::move(run)});
}

// On one line, not too long, with what cannot be printed as \xNN.
static std::string shown(std::string_view text) {
    constexpr std::size_t kShown = 300;
    std::string out;
    for (const char byte : text.substr(0, kShown)) {
        char hex[5];
        std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(byte));
        out += byte >= ' ' && byte < 0x7f ? std::string(1, byte) : hex;
    }
    return text.size() > kShown ? out + "…" : out;
}

void fail(std::string_view what, std::string_view expected, std::string_view got) {
    throw Failure{std::string(what) + ": expected " + shown(expected) + ", got " + shown(got)};
}

void skip(std::string reason) {
    throw Skipped{std::move(reason)};
}

std::string error_name(int error) {
    if (error == 0) return "success";
    const char* name = strerrorname_np(error);
    return name != nullptr ? name : std::to_string(error);
}

std::int64_t succeed(std::string_view what, std::int64_t result) {
    const int error = errno;
    if (result == -1) fail(what, "success", error_name(error));
    return result;
}

void refuse(std::string_view what, std::initializer_list<int> wanted, std::int64_t result) {
    const int error = result == -1 ? errno : 0;
    std::string expected;
    for (const int one : wanted) {
        if (one == error) return;
        expected += (expected.empty() ? "" : " or ") + error_name(one);
    }
    fail(what, expected, error_name(error));
}

void hold(std::string_view what, bool holds) {
    if (!holds) fail(what, "it to hold", "that it does not");
}

int open_file(const std::string& path, int flags, mode_t mode) {
    return static_cast<int>(succeed("open " + path, ::open(path.c_str(), flags | O_CLOEXEC, mode)));
}

void put(const std::string& path, std::string_view content, mode_t mode) {
    const int file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    while (!content.empty()) {
        content.remove_prefix(
            static_cast<std::size_t>(succeed("write " + path, ::write(file, content.data(), content.size()))));
    }
    succeed("close " + path, ::close(file));
}

std::string get(int file, std::size_t most, off_t offset) {
    std::string out(most, '\0');
    std::size_t size = 0;
    while (size < most) {
        const auto count =
            succeed("read", ::pread(file, out.data() + size, most - size, offset + static_cast<off_t>(size)));
        if (count == 0) break;
        size += static_cast<std::size_t>(count);
    }
    out.resize(size);
    return out;
}

std::string get(const std::string& path) {
    const int file = open_file(path, O_RDONLY);
    struct stat there{};
    succeed("fstat " + path, ::fstat(file, &there));
    // One byte more than it says: a file is as long as it says.
    auto out = get(file, static_cast<std::size_t>(there.st_size) + 1, 0);
    ::close(file);
    return out;
}

struct stat status(const std::string& path) {
    struct stat out{};
    succeed("stat " + path, ::stat(path.c_str(), &out));
    return out;
}

struct stat link_status(const std::string& path) {
    struct stat out{};
    succeed("lstat " + path, ::lstat(path.c_str(), &out));
    return out;
}

bool exists(const std::string& path) {
    struct stat out{};
    if (::lstat(path.c_str(), &out) == 0) return true;
    if (errno != ENOENT) fail("lstat " + path, "success or ENOENT", error_name(errno));
    return false;
}

std::vector<std::string> names(const std::string& folder) {
    DIR* const directory = ::opendir(folder.c_str());
    if (directory == nullptr) fail("opendir " + folder, "success", error_name(errno));
    std::vector<std::string> out;
    errno = 0;
    while (const auto* entry = ::readdir(directory)) {
        if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
            out.emplace_back(entry->d_name);
    }
    succeed("readdir " + folder, errno == 0 ? 0 : -1);
    ::closedir(directory);
    std::sort(out.begin(), out.end());
    return out;
}

std::int64_t nanoseconds(const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

void next_tick() {
    // The kernel stamps files of local file systems by a clock that goes on every 1 to 10 ms.
    timespec before{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &before);
    timespec now = before;
    while (nanoseconds(now) < nanoseconds(before) + 11'000'000) {
        const timespec rest{0, 1'000'000};
        ::nanosleep(&rest, nullptr);
        ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    }
}

As::As(uid_t user, gid_t group, std::vector<gid_t> groups) {
    if (::geteuid() != 0) skip("needs root");
    before_.resize(64);
    before_.resize(static_cast<std::size_t>(succeed("getgroups", ::getgroups(64, before_.data()))));
    succeed("setgroups", ::setgroups(groups.size(), groups.data()));
    succeed("setegid", ::setegid(group == 0 ? user : group));
    succeed("seteuid", ::seteuid(user));
}

As::~As() {
    if (::seteuid(0) != 0 || ::setegid(0) != 0 || ::setgroups(before_.size(), before_.data()) != 0) ::_exit(1);
}

void in_child(const std::function<void()>& act) {
    int tell[2];
    succeed("pipe", ::pipe2(tell, O_CLOEXEC));
    const auto child = static_cast<pid_t>(succeed("fork", ::fork()));
    if (child == 0) {
        std::string failed;
        try {
            act();
        } catch (const Failure& failure) {
            failed = failure.text;
        } catch (const Skipped& skipped) {
            failed = skipped.reason;
        }
        const auto told = ::write(tell[1], failed.data(), failed.size());
        ::_exit(failed.empty() && told == 0 ? 0 : 1);
    }
    ::close(tell[1]);
    std::string text;
    char part[1024];
    for (ssize_t count = 0; (count = ::read(tell[0], part, sizeof part)) > 0;) {
        text.append(part, static_cast<std::size_t>(count));
    }
    ::close(tell[0]);
    int how = 0;
    succeed("waitpid", ::waitpid(child, &how, 0));
    if (!text.empty()) throw Failure{"in a child: " + text};
    if (how != 0) fail("a child process", "to end well", "status " + std::to_string(how));
}

}  // namespace posix
