#include "src/cli/commands.h"
#include "src/cli/show.h"

#include <boost/json.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

namespace larder::cli {

namespace json = boost::json;

namespace {

constexpr std::string_view kType = "fuse.larder";

// Spaces and the like stand as octal in the kernel's table (proc(5), "mounts").
std::string unescape(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 3 >= text.size()) {
            out.push_back(text[i]);
            continue;
        }
        out.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)));
        i += 3;
    }
    return out;
}

}  // namespace

Done mount_bucket(Session& session, const std::vector<std::string>& words) {
    // It finds its own socket beside this one, unless its words name one.
    ::setenv("LARDER_SOCKET", session.globals().socket.c_str(), 1);
    return run_beside("larder-mount", "larder-fuse", words);
}

Done unmount(const std::vector<std::string>& words) {
    auto arguments = words;
    arguments.insert(arguments.begin(), "-u");
    return run_beside("fusermount3", "fuse3", arguments);
}

Done list_mounts(Session& session) {
    json::array mounts;
    std::ifstream table("/proc/self/mounts");
    for (std::string line; std::getline(table, line);) {
        std::istringstream fields(line);
        std::string bucket, folder, type, options;
        fields >> bucket >> folder >> type >> options;
        if (type != kType) continue;
        mounts.push_back({{"bucket", unescape(bucket)},
                          {"folder", unescape(folder)},
                          {"read_only", ("," + options + ",").find(",ro,") != std::string::npos}});
    }
    json::object result{{"mounts", mounts}};
    if (session.show_json(result)) return Exit::done;
    Table shown({{"BUCKET"}, {"FOLDER"}, {"MODE"}});
    for (const auto& item : mounts) {
        const auto& one = item.as_object();
        shown.add({std::string(one.at("bucket").as_string()), std::string(one.at("folder").as_string()),
                   one.at("read_only").as_bool() ? "read-only" : "read-write"});
    }
    std::cout << shown.text();
    return Exit::done;
}

}  // namespace larder::cli
