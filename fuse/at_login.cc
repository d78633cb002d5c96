#include "fuse/at_login.h"

#include <climits>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace larder::fuse {

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kNotFound = 3;
constexpr std::string_view kUsualSocket = "/run/larder/admin.sock";

std::string variable(std::string_view name, std::string_view value) {
    std::string out = std::string(name) + "=\"";
    for (const char c : value) {
        if (std::strchr("\"\\$`", c) != nullptr) out += '\\';
        out += c;
    }
    return out + "\"\n";
}

int fail(int exit, const std::string& what, std::string_view code, const std::string& fix) {
    std::cerr << "error: " << what << "  [" << code << "]\n  fix: " << fix << '\n';
    return exit;
}

// With its parents, for this user alone where it is new.
bool make_folder(const std::string& path) {
    for (std::size_t end = 1; end != std::string::npos;) {
        end = path.find('/', end + 1);
        if (::mkdir(path.substr(0, end).c_str(), 0700) != 0 && errno != EEXIST) return false;
    }
    return true;
}

std::string absolute(const std::string& path) {
    char here[PATH_MAX];
    if (path.starts_with('/') || ::getcwd(here, sizeof here) == nullptr) return path;
    return std::string(here) + '/' + path;
}

// Replaced whole: a login in between reads the old settings or the new ones.
bool write_private(const std::string& path, const std::string& text) {
    const auto part = path + ".new";
    // One that an interrupted call left may have other permissions.
    ::unlink(part.c_str());
    const int file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return false;
    const bool whole =
        ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
    ::close(file);
    return whole && ::rename(part.c_str(), path.c_str()) == 0;
}

bool runs(std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t child = 0;
    if (::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return false;
    int how = 0;
    while (::waitpid(child, &how, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

// Where the unit looks.
std::string settings_folder() {
    const char* const home = std::getenv("HOME");
    return std::string(home != nullptr ? home : "") + "/.config/larder";
}

}  // namespace

std::expected<std::string, std::string> login_settings(const MountCommand& command) {
    std::string options;
    for (const auto& word : command.given) {
        if (word.find_first_of(" \t\n\"'\\") != std::string::npos) return std::unexpected(word);
        options += (options.empty() ? "" : " ") + word;
    }
    if (command.folder.find('\n') != std::string::npos) return std::unexpected(command.folder);
    auto out = variable("LARDER_FOLDER", command.folder) + variable("LARDER_MOUNT_OPTIONS", options);
    if (!command.secret.empty()) out += variable("LARDER_SECRET", command.secret);
    // Where "larder" found the daemon, unless that is where the unit looks anyway.
    const char* const socket = std::getenv("LARDER_SOCKET");
    if (socket != nullptr && *socket == '/' && socket != kUsualSocket) out += variable("LARDER_SOCKET", socket);
    return out;
}

int mount_at_login(MountCommand command) {
    if (::getuid() == 0) {
        return fail(kWrongUsage, "--enable is for a user's logins; root's folders are mounted when the machine starts.",
                    "usage",
                    "a line in /etc/fstab:  " + command.bucket + ' ' + command.folder + " fuse.larder _netdev 0 0");
    }
    command.folder = absolute(command.folder);
    const auto settings = login_settings(command);
    if (!settings) {
        return fail(kWrongUsage, '"' + settings.error() + "\" cannot be kept for the next login.", "usage",
                    "names without spaces and quotes");
    }
    if (!make_folder(command.folder)) {
        return fail(kNotFound, command.folder + ": " + std::strerror(errno), "no-such-file", "another folder");
    }
    const auto kept = settings_folder();
    const auto path = kept + '/' + command.bucket + ".env";
    if (!make_folder(kept) || !write_private(path, *settings)) {
        return fail(kFailed, path + ": " + std::strerror(errno), "io-failure", "make room there, or allow it");
    }
    const auto unit = "larder-mount@" + command.bucket + ".service";
    if (!runs({"systemctl", "--user", "enable", unit}) || !runs({"systemctl", "--user", "restart", unit})) {
        return fail(kFailed, unit + " could not be started; its settings are in " + path + '.', "failed",
                    "journalctl --user -u " + unit);
    }
    std::cout << command.folder << " shows the bucket \"" << command.bucket << "\" now and at every login.\n"
              << "  no more:  systemctl --user disable --now " << unit << '\n';
    return 0;
}

}  // namespace larder::fuse
