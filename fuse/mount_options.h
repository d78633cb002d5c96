// The command line of larder-mount.
#pragma once

#include "fuse/mount.h"

#include <optional>
#include <string>

namespace larder::fuse {

struct MountCommand {
    std::string bucket;
    std::string folder;
    std::string socket;      // of the daemon's file service
    std::string access_key;  // empty: by the rights of this user on the socket
    std::string secret;
    bool foreground = false;
    bool at_login = false;           // "--enable"
    std::vector<std::string> given;  // the options as they were given, but for these two
    bool read_only = false;
    bool allow_other = false;
    std::string log_level = "warning";
    std::string durability = "daemon";                   // or "local"
    base::Duration patience = std::chrono::seconds(30);  // for one request to the daemon
    std::string journal;           // of this folder, whether this mount writes behind (replication/write_behind) or not
    std::string cache_size = "0";  // as it was given
    std::uint64_t cache_bytes = 0;  // of this machine's disk, for what was read; 0: none
    std::string cache;              // the folder of this mount for it (replication/read_cache)
    Options options;

    // Else close and fsync wait for the daemon.
    bool writes_behind() const { return durability == "local" && !read_only; }
};

// Reads the words of the program, and those of mount(8) ("BUCKET DIR -o OPTIONS"). What is wrong, or asked for help, is
// printed, and the exit code returned instead.
std::expected<MountCommand, int> parse_mount_command(int argc, char** argv);

}  // namespace larder::fuse
