#include "src/base/encoding.h"
#include "src/cli/cluster_text.h"
#include "src/cli/commands.h"
#include "src/cli/json_fields.h"
#include "src/cli/show.h"

#include <boost/json.hpp>

#include <cerrno>
#include <chrono>
#include <iostream>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace larder::cli {

namespace json = boost::json;

namespace {

// Of several machines: the cluster first.
void print_cluster(const json::object& status, bool has_problems) {
    const auto* health = status.if_contains("health");
    const auto* members = status.if_contains("members");
    if (health == nullptr || members == nullptr || members->as_array().size() < 2) return;
    const auto& state = health->as_object();
    const auto number = [](const json::object& from, std::string_view name) {
        return from.at(name).to_number<std::uint64_t>();
    };
    const auto machines = number(state, "machines");
    const auto places = number(state, "places");
    std::cout << text_of(status, "cluster") << "   " << health_text(state, has_problems) << "   " << machines
              << (machines == 1 ? " machine in " : " machines in ") << places
              << (places == 1 ? " place   " : " places   ")
              << may_fail_text(number(state.at("may_fail_now").as_object(), "places_serving")) << "\n\n"
              << members_text(members->as_array(), now_ms()) << '\n';
    const auto usable = number(state, "usable_bytes");
    const auto used = number(state, "used_bytes");
    std::cout << "Room for about " << format_size(usable > used ? usable - used : 0)
              << " more. Why: larder layout explain\n\n";
}

}  // namespace

Done watch_status(Session& session) {
    for (;;) {
        if (!session.globals().json) std::cout << "\x1b[H\x1b[2J";
        TRY_VOID(show_status(session));
        std::cout << std::flush;
        std::this_thread::sleep_for(std::chrono::seconds(2));
    }
}

Done show_status(Session& session) {
    TRY(const auto status, session.call("GET", "/v1/status"));
    const auto& problems = status.at("problems").as_array();
    const auto exit = problems.empty() ? Exit::done : Exit::no_quorum;
    if (session.show_json(status)) return exit;
    print_cluster(status, !problems.empty());
    std::cout << "Cluster  " << status.at("cluster").as_string().c_str() << "   node "
              << std::string_view(status.at("node").as_string()).substr(0, 8) << "   larder "
              << status.at("version").as_string().c_str() << '\n'
              << "S3       " << status.at("s3_endpoint").as_string().c_str() << "   region "
              << status.at("region").as_string().c_str() << '\n'
              << "Holds    " << status.at("buckets").to_number<std::uint64_t>() << " buckets, "
              << status.at("objects").to_number<std::uint64_t>() << " objects, "
              << format_size(status.at("bytes").to_number<std::uint64_t>()) << "\n\n";
    Table table({{"DATA FOLDER"}, {"USED", true}, {"FREE", true}, {"DISK", true}, {"STATE"}});
    for (const auto& item : status.at("data_folders").as_array()) {
        const auto& folder = item.as_object();
        table.add({std::string(folder.at("path").as_string()),
                   format_size(folder.at("used_bytes").to_number<std::uint64_t>()),
                   format_size(folder.at("free_bytes").to_number<std::uint64_t>()),
                   format_size(folder.at("total_bytes").to_number<std::uint64_t>()),
                   folder.at("writable").as_bool() ? "ok" : "read-only"});
    }
    std::cout << table.text();
    for (const auto& problem : problems) std::cout << "! " << problem.as_string().c_str() << '\n';
    return exit;
}

Done show_version(const Globals& globals) {
    if (globals.json) {
        std::cout << json::serialize(json::object{{"version", LARDER_VERSION}}) << '\n';
    } else {
        std::cout << "larder " << LARDER_VERSION << '\n';
    }
    return Exit::done;
}

Done verify_data(Session& session) {
    TRY(const auto result, session.call("POST", "/v1/verify"));
    const auto& damage = result.at("damage").as_array();
    if (!session.show_json(result)) {
        for (const auto& line : damage) std::cout << line.as_string().c_str() << '\n';
        std::cout << (damage.empty() ? "Everything stored here was read and is whole.\n" : "");
    }
    return damage.empty() ? Exit::done : Exit::damage;
}

Done make_snapshot(Session& session, const std::string& folder) {
    TRY(const auto result, session.call("POST", "/v1/snapshot?folder=" + base::percent_encode(folder, true)));
    if (!session.show_json(result)) std::cout << "Metadata copied to " << folder << " and verified.\n";
    return Exit::done;
}

Done run_beside(const std::string& program, const std::string& package, const std::vector<std::string>& arguments) {
    // Where this program lies first, then where a package puts a daemon, which PATH need not name.
    std::string own(4096, '\0');
    const auto length = ::readlink("/proc/self/exe", own.data(), own.size());
    own.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    const std::string here = own.substr(0, own.rfind('/') + 1);
    std::vector<char*> words{const_cast<char*>(program.c_str())};
    for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    for (const auto& path : {here + program, here + "../sbin/" + program}) ::execv(path.c_str(), words.data());
    ::execvp(program.c_str(), words.data());
    auto problem = admin::make_problem("no-such-file", program + " is not installed beside larder nor on the PATH.",
                                       {std::generic_category().message(errno)});
    problem.fix = {"apt install " + package};
    return std::unexpected(std::move(problem));
}

}  // namespace larder::cli
