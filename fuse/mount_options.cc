#include "fuse/mount_options.h"

#include "src/base/hash.h"
#include "src/base/size.h"

#include <CLI/CLI.hpp>
#include <climits>

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

namespace larder::fuse {

namespace {

constexpr int kWrongUsage = 2;
constexpr std::uint32_t kModeBits = 0777;
constexpr std::uint64_t kCacheBytesMin = 16 << 20;

// Beside the administration socket that the other commands use.
std::string default_socket() {
    const auto beside = [](std::string path) { return path.substr(0, path.rfind('/') + 1) + "files.sock"; };
    if (const char* named = std::getenv("LARDER_SOCKET"); named != nullptr && *named != '\0') return beside(named);
    for (const std::string path : {"/run/larder/files.sock", ".larder/files.sock"}) {
        if (::access(path.c_str(), F_OK) == 0) return path;
    }
    return "/run/larder/files.sock";
}

// Where programs of a user, or of root, keep things of one kind (systemd.exec(5), the XDG base directories).
struct Place {
    const char* service;  // variables that name a folder
    const char* user;
    const char* of_root;
    const char* in_home;
};
constexpr Place kStates = {"STATE_DIRECTORY", "XDG_STATE_HOME", "/var/lib/larder-mount", "/.local/state"};
constexpr Place kCaches = {"CACHE_DIRECTORY", "XDG_CACHE_HOME", "/var/cache/larder-mount", "/.cache"};

// One for each mounted folder.
std::string path_in(const Place& place, const std::string& folder) {
    const auto absolute = [](const char* name) -> std::string {
        const char* const value = std::getenv(name);
        return value != nullptr && *value == '/' ? value : "";
    };
    auto root = absolute(place.service);
    if (root.empty() && ::getuid() == 0) root = place.of_root;
    if (root.empty() && !absolute(place.user).empty()) root = absolute(place.user) + "/larder/mount";
    if (root.empty()) root = absolute("HOME") + place.in_home + "/larder/mount";
    return root + '/' + base::sha256(folder).hex().substr(0, 16);
}

// Digits of this base and nothing else, at most `most`.
bool take_number(std::uint32_t& into, std::string_view text, int base, std::uint32_t most = UINT32_MAX) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || end != text.data() + text.size() || value > most) return false;
    into = value;
    return true;
}

// One word of "-o a,b=c"; what mount(8) and systemd add for themselves is let pass.
bool take_mount_word(MountCommand& command, const std::string& word) {
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto value = equals == std::string::npos ? std::string() : word.substr(equals + 1);
    if (name == "ro") return command.read_only = true;
    if (name == "allow_other") return command.allow_other = true;
    if (name == "uid") return take_number(command.options.uid, value, 10);
    if (name == "gid") return take_number(command.options.gid, value, 10);
    if (name == "umask") return take_number(command.options.umask, value, 8, kModeBits);
    if (name == "socket") return !(command.socket = value).empty();
    if (name == "durability") return !(command.durability = value).empty();
    if (name == "cache") return !(command.cache_size = value).empty();
    if (name == "key") return !(command.access_key = value).empty();
    for (const std::string known : {"rw", "user", "users", "noauto", "auto", "nofail", "_netdev", "defaults", "dev",
                                    "nodev", "suid", "nosuid", "exec", "noexec", "noatime", "relatime"}) {
        if (name == known) return true;
    }
    return name.starts_with("x-");
}

std::optional<std::string> take_mount_words(MountCommand& command, const std::vector<std::string>& lists) {
    for (const auto& list : lists) {
        for (std::size_t at = 0; at <= list.size();) {
            const auto comma = std::min(list.find(',', at), list.size());
            const auto word = list.substr(at, comma - at);
            if (!word.empty() && !take_mount_word(command, word)) return word;
            at = comma + 1;
        }
    }
    return std::nullopt;
}

// Words whose form CLI11 does not know. Says what is wrong with them.
bool take_words(MountCommand& command, const std::string& umask, const std::vector<std::string>& lists) {
    std::optional<std::string> unknown;
    if (!take_number(command.options.umask, umask, 8, kModeBits)) unknown = "--umask " + umask;
    if (!unknown) unknown = take_mount_words(command, lists);
    if (command.durability != "daemon" && command.durability != "local") unknown = "durability=" + command.durability;
    if (unknown) {
        std::cerr << "error: \"" << *unknown << "\" is no option of this mount.  [usage]\n  fix: larder mount --help\n";
        return false;
    }
    const auto size = base::parse_size(command.cache_size);
    if (!size || (*size > 0 && *size < kCacheBytesMin)) {
        std::cerr << "error: \"" << command.cache_size
                  << "\" is no size of a cache.  [usage]\n  fix: --cache 10GB; at least 16MiB, or 0 for none\n";
        return false;
    }
    command.cache_bytes = *size;
    return true;
}

// The options as they were given, but for how this process runs.
void take_given(MountCommand& command, const CLI::App& app) {
    for (const auto* const option : app.get_options()) {
        const auto name = option->get_name();
        if (option->get_positional() || name == "--enable" || name == "--foreground") continue;
        for (const auto& value : option->results()) {
            command.given.push_back(name);
            if (option->get_items_expected_max() > 0)
                command.given.push_back(name == "--socket" ? command.socket : value);
        }
    }
}

}  // namespace

std::expected<MountCommand, int> parse_mount_command(int argc, char** argv) {
    MountCommand command;
    command.options.uid = ::getuid();
    command.options.gid = ::getgid();
    CLI::App app{"Shows a bucket as a folder: larder mount BUCKET FOLDER", "larder mount"};
    app.add_option("bucket", command.bucket, "the bucket to show")->required();
    app.add_option("folder", command.folder, "where: a folder of this machine; what is in it is hidden meanwhile")
        ->required();
    app.add_option("--socket", command.socket, "the daemon's file service (beside $LARDER_SOCKET)");
    app.add_option("--key", command.access_key, "access key whose rights hold; its secret is in $LARDER_SECRET");
    app.add_flag("--read-only", command.read_only, "refuse every change");
    app.add_flag("--allow-other", command.allow_other, "let other users of this machine in (needs root or fuse.conf)");
    app.add_option("--uid", command.options.uid, "owner of files that have none");
    app.add_option("--gid", command.options.gid, "group of files that have none");
    std::string umask = "022";
    app.add_option("--umask", umask, "permissions that files without any do not have");
    app.add_option("--durability", command.durability,
                   "daemon: close and fsync wait until larderd has stored it; local: fsync waits for a journal on this "
                   "machine's disk, close for nothing")
        ->type_name("daemon|local");
    app.add_option("--cache", command.cache_size,
                   "keep what is read on this machine's disk, up to so much (10GB, 512MiB); 0: nothing")
        ->type_name("SIZE");
    app.add_flag("--enable", command.at_login, "mount it now and at every login of this user");
    app.add_flag("-f,--foreground", command.foreground, "stay in the foreground and log to the terminal");
    app.add_option("--log-level", command.log_level, "debug, info, warning or error");
    std::vector<std::string> lists;
    app.add_option("-o", lists, "options as mount(8) gives them");
    app.footer("larder umount FOLDER ends it.");
    app.set_version_flag("--version", "larder " LARDER_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& wanted) {
        return std::unexpected(app.exit(wanted));
    } catch (const CLI::ParseError& wrong) {
        std::cerr << "error: " << wrong.what() << "  [usage]\n  fix: larder mount --help\n";
        return std::unexpected(kWrongUsage);
    }
    if (!take_words(command, umask, lists)) return std::unexpected(kWrongUsage);
    if (command.socket.empty()) command.socket = default_socket();
    if (const char* secret = std::getenv("LARDER_SECRET")) command.secret = secret;
    // The working folder changes when the program leaves the terminal.
    for (auto* path : {&command.folder, &command.socket}) {
        char whole[PATH_MAX];
        if (::realpath(path->c_str(), whole) != nullptr) *path = whole;
    }
    take_given(command, app);
    command.options.read_only = command.read_only;
    command.cache = path_in(kCaches, command.folder) + ".cache";
    command.journal = path_in(kStates, command.folder) + ".journal";
    return command;
}

}  // namespace larder::fuse
