// How a daemon runs: built-in defaults, then the configuration file, then the command line.
#pragma once

#include "src/admin/protocol.h"

#include <expected>
#include <string>
#include <vector>

namespace larder::daemon {

struct Config {
    std::string data = "/var/lib/larder";   // metadata in DATA/meta, segments in DATA/data
    std::vector<std::string> data_folders;  // more or other places for segments; empty: DATA/data
    std::string s3_address = ":3900";
    std::string rpc_address = ":3901";              // for other machines of the cluster; "none" for no such listener
    std::string health_address = "127.0.0.1:3903";  // /health and /metrics; "none" for no such listener
    std::string admin_socket;                       // empty: /run/larder/admin.sock as a service, else DATA/admin.sock
    std::string files_socket;                       // of mounts; empty: files.sock beside the other; or "none"
    std::string region = "us-east-1";
    std::string root_domain;  // for virtual-host style: "s3.example.org"; empty: path style only
    std::string certificate_file;
    std::string key_file;
    std::string cluster_name;
    // What this machine says of itself when it founds a cluster; later that is the layout's.
    std::string machine;                 // its name; empty: the host's
    std::string place = "home";          // machines in one place can fail together
    std::string capacity;                // "700GB"; empty: nine tenths of what is free
    std::vector<std::string> advertise;  // "host:port", where other machines reach it
    std::string log_level = "info";
    std::string log_format = "auto";  // auto, text, json
    std::uint64_t cache_bytes = 16u << 20;

    bool init = false;         // --init: make the node, then stop
    bool quick_start = false;  // --quick-start: make the node if there is none, bucket and key, and print how to use it
    bool first_start =
        false;  // --first-start: make the node if the built-in places are empty, telling no secret, and run
    std::string join_token;    // --join: become a member of the cluster that made this token, then stop
    bool same_place = false;   // --same-place: although others of the cluster stand there
    bool show_config = false;  // --show-config: print what would be used, then stop
    std::string config_file;   // the file read, if any

    // No folder was named: what lies in the built-in ones is nobody else's.
    bool has_built_in_folders() const { return data == Config().data && data_folders.empty(); }
    std::string meta_folder() const { return data + "/meta"; }
    std::vector<std::string> segment_folders() const {
        return data_folders.empty() ? std::vector<std::string>{data + "/data"} : data_folders;
    }
};

// The outcome of reading the words and the file: a configuration, an exit code (help or version was printed), or a
// problem that names file, line and key.
struct Parsed {
    Config config;
    std::optional<int> exit;
};
std::expected<Parsed, admin::Problem> parse_config(int argc, char** argv);

// The configuration file's text applied to `config`. Unknown keys are refused.
std::expected<void, admin::Problem> apply_toml(std::string_view text, const std::string& path, Config& config);

// The configuration as the file that would give it.
std::string to_toml(const Config& config);

}  // namespace larder::daemon
