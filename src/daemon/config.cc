#include "src/daemon/config.h"

#include "src/base/size.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <toml++/toml.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <unistd.h>

namespace larder::daemon {
namespace {

std::unexpected<admin::Problem> bad(std::string message, std::string fix) {
    auto problem = admin::make_problem("bad-config", std::move(message));
    problem.fix = {std::move(fix)};
    return std::unexpected(std::move(problem));
}

std::string place(const std::string& path, const toml::source_region& at) {
    return fmt::format("{}:{}:{}", path, at.begin.line, at.begin.column);
}

// The text settings of the file, in its order.
struct TextKey {
    std::string_view name;
    std::string Config::* field;
};
constexpr TextKey kTextKeys[] = {
    {"data", &Config::data},
    {"s3_address", &Config::s3_address},
    {"rpc_address", &Config::rpc_address},
    {"health_address", &Config::health_address},
    {"admin_socket", &Config::admin_socket},
    {"files_socket", &Config::files_socket},
    {"region", &Config::region},
    {"root_domain", &Config::root_domain},
    {"certificate_file", &Config::certificate_file},
    {"key_file", &Config::key_file},
    {"machine", &Config::machine},
    {"place", &Config::place},
    {"capacity", &Config::capacity},
    {"log_level", &Config::log_level},
    {"log_format", &Config::log_format},
};

struct ListKey {
    std::string_view name;
    std::vector<std::string> Config::* field;
    std::string_view example;
};
constexpr ListKey kListKeys[] = {
    {"data_folders", &Config::data_folders, "data_folders = [\"/disk1\", \"/disk2\"]"},
    {"advertise", &Config::advertise, "advertise = [\"192.168.1.20:3901\"]"},
};

std::string known_keys() {
    std::string out;
    for (const auto& key : kTextKeys) out += std::string(key.name) + " ";
    return out + "data_folders advertise cache_mib";
}

std::expected<void, admin::Problem> apply_entry(std::string_view name, const toml::node& value,
                                                const std::string& where, Config& config) {
    for (const auto& key : kTextKeys) {
        if (key.name != name) continue;
        const auto* text = value.as_string();
        if (text == nullptr)
            return bad(where + ": \"" + std::string(name) + "\" must be a text in quotes.", "see larder.toml(5)");
        config.*key.field = text->get();
        return {};
    }
    for (const auto& key : kListKeys) {
        if (key.name != name) continue;
        const auto* list = value.as_array();
        if (list == nullptr || !(list->empty() || list->is_homogeneous<std::string>())) {
            return bad(where + ": \"" + std::string(name) + "\" must be a list of texts.", std::string(key.example));
        }
        (config.*key.field).clear();
        for (const auto& item : *list) (config.*key.field).push_back(item.as_string()->get());
        return {};
    }
    if (name == "cache_mib") {
        const auto* number = value.as_integer();
        if (number == nullptr || number->get() < 1 || number->get() > 1'000'000) {
            return bad(where + ": \"cache_mib\" must be a number from 1 to 1000000.", "cache_mib = 16");
        }
        config.cache_bytes = static_cast<std::uint64_t>(number->get()) << 20;
        return {};
    }
    return bad(where + ": there is no setting \"" + std::string(name) + "\". Settings are: " + known_keys(),
               "remove or correct the line");
}

std::expected<void, admin::Problem> check(const Config& config) {
    if (config.certificate_file.empty() != config.key_file.empty()) {
        return bad("certificate_file and key_file are given together or not at all.", "larderd --help");
    }
    if (!config.capacity.empty() && !base::parse_size(config.capacity)) {
        return bad("capacity is \"" + config.capacity + "\", which is no size.", "capacity = \"700GB\"");
    }
    if (config.place.empty()) return bad("place is empty: name where this machine stands.", "place = \"home\"");
    static constexpr std::string_view levels[] = {"debug", "info", "warning", "error"};
    if (std::find(std::begin(levels), std::end(levels), config.log_level) == std::end(levels)) {
        return bad("log_level is \"" + config.log_level + "\".", "log_level is one of debug, info, warning, error");
    }
    static constexpr std::string_view formats[] = {"auto", "text", "json"};
    if (std::find(std::begin(formats), std::end(formats), config.log_format) == std::end(formats)) {
        return bad("log_format is \"" + config.log_format + "\".", "log_format is one of auto, text, json");
    }
    return {};
}

void add_options(CLI::App& app, Config& config) {
    app.set_version_flag("--version", "larderd " LARDER_VERSION);
    app.add_option("--config", config.config_file,
                   "configuration file; default /etc/larder/larder.toml if it is there");
    app.add_option("--data", config.data, "folder of all data (" + config.data + ")");
    app.add_option("--data-folder", config.data_folders,
                   "folder for content instead of DATA/data; repeat for several disks");
    app.add_option("--s3", config.s3_address, "address of the S3 endpoint (" + config.s3_address + ")");
    app.add_option("--rpc", config.rpc_address,
                   "address where other machines of the cluster reach this one, or none (" + config.rpc_address + ")");
    app.add_option("--health", config.health_address, "address of /health and /metrics, or none");
    app.add_option("--socket", config.admin_socket, "administration socket");
    app.add_option("--files-socket", config.files_socket,
                   "socket that mounts connect to, or none; default beside the other");
    app.add_option("--region", config.region, "region name for clients (us-east-1 is accepted beside it)");
    app.add_option("--root-domain", config.root_domain, "buckets are also at BUCKET.ROOT-DOMAIN");
    app.add_option("--certificate", config.certificate_file, "PEM chain: the S3 endpoint speaks TLS");
    app.add_option("--key", config.key_file, "PEM key of the certificate");
    app.add_option("--name", config.cluster_name, "with --init: the cluster's name");
    app.add_option("--machine", config.machine, "this machine's name in the cluster; default the host's");
    app.add_option("--place", config.place, "where it stands: machines in one place can fail together (home)");
    app.add_option("--capacity", config.capacity,
                   "bytes it may store, such as 700GB; default nine tenths of what is free");
    app.add_option("--advertise", config.advertise, "host:port where other machines reach it; repeat for several");
    app.add_option("--log-level", config.log_level, "debug, info, warning or error");
    app.add_option("--log-format", config.log_format, "auto, text or json");
    app.add_flag("--init", config.init, "set up a new node in DATA, then stop");
    app.add_option("--join", config.join_token, "join the cluster that made this token, then stop; - reads it");
    app.add_flag("--same-place", config.same_place, "with --join: although others of the cluster stand in its place");
    app.add_flag("--quick-start", config.quick_start,
                 "set up a node if there is none, with bucket home and a key, and run");
    app.add_flag("--first-start", config.first_start,
                 "set up a node, telling no secret, if no folder was named and the built-in one is empty; and run");
    app.add_flag("--show-config", config.show_config, "print the settings in force, then stop");
}

}  // namespace

std::expected<void, admin::Problem> apply_toml(std::string_view text, const std::string& path, Config& config) {
    try {
        const auto table = toml::parse(text, std::string_view(path));
        for (const auto& [name, value] : table) {
            TRY_VOID(apply_entry(name.str(), value, place(path, name.source()), config));
        }
    } catch (const toml::parse_error& error) {
        return bad(place(path, error.source()) + ": " + std::string(error.description()),
                   "larderd --config " + path + " --show-config");
    }
    return {};
}

namespace {

// A basic string of TOML.
std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        if ((c >= '\0' && c < ' ') || c == '\x7f') {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out.push_back(c);
        }
    }
    return out + "\"";
}

}  // namespace

std::string to_toml(const Config& config) {
    std::string out;
    for (const auto& key : kTextKeys) out += fmt::format("{} = {}\n", key.name, toml_string(config.*key.field));
    const auto list = [&out](std::string_view name, const std::vector<std::string>& items) {
        out += std::string(name) + " = [";
        for (const auto& item : items) out += (out.ends_with('[') ? "" : ", ") + toml_string(item);
        out += "]\n";
    };
    list("data_folders", config.segment_folders());
    list("advertise", config.advertise);
    return out + fmt::format("cache_mib = {}\n", config.cache_bytes >> 20);
}

std::expected<Parsed, admin::Problem> parse_config(int argc, char** argv) {
    // Twice: first to learn which file to read, then over the file's values, so that the command line wins.
    Parsed parsed;
    for (const bool over_file : {false, true}) {
        CLI::App app{"larderd, the daemon of Larder: keeps objects and serves them over S3."};
        auto config = over_file ? parsed.config : Config();
        add_options(app, config);
        try {
            app.parse(argc, argv);
        } catch (const CLI::Success& wanted) {
            parsed.exit = app.exit(wanted);
            return parsed;
        } catch (const CLI::ParseError& wrong) {
            return bad(wrong.what(), "larderd --help");
        }
        if (over_file) {
            parsed.config = std::move(config);
            break;
        }
        const std::string standard = "/etc/larder/larder.toml";
        const bool named = !config.config_file.empty();
        const std::string path = named ? config.config_file : standard;
        if (!named && (config.quick_start || ::access(path.c_str(), F_OK) != 0)) continue;
        std::ifstream file(path);
        if (!file) return bad("the configuration file " + path + " cannot be read.", "ls -l " + path);
        const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
        TRY_VOID(apply_toml(text, path, parsed.config));
        parsed.config.config_file = path;
    }
    auto& config = parsed.config;
    // A node that is only tried out does not open itself to others, unless it is asked to.
    if (config.quick_start && config.rpc_address == Config().rpc_address) config.rpc_address = "none";
    if (config.admin_socket.empty()) {
        config.admin_socket = ::access("/run/larder", W_OK) == 0 && !config.quick_start ? "/run/larder/admin.sock"
                                                                                        : config.data + "/admin.sock";
    }
    if (config.files_socket.empty()) {
        config.files_socket = config.admin_socket.substr(0, config.admin_socket.rfind('/') + 1) + "files.sock";
    }
    TRY_VOID(check(config));
    if (config.show_config) {
        std::cout << to_toml(config);
        parsed.exit = 0;
    }
    return parsed;
}

}  // namespace larder::daemon
