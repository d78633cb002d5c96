#include "src/admin/cluster_json.h"
#include "src/admin/json.h"
#include "src/admin/routes.h"

namespace larder::admin {

namespace json = boost::json;

namespace {

json::object status_json(const engine::EngineStatus& status, const AdminOptions& options) {
    json::object out;
    out["api"] = "larder/v1";
    out["kind"] = "NodeStatus";
    out["version"] = options.version;
    out["node"] = status.node.hex();
    out["cluster"] = status.cluster_name;
    out["s3_endpoint"] = options.s3_endpoint;
    out["region"] = options.region;
    out["healthy"] = status.problems.empty();
    out["buckets"] = status.buckets;
    out["objects"] = status.objects;
    out["bytes"] = status.bytes;
    out["blocks"] = status.blocks;
    out["block_bytes"] = status.block_bytes;
    json::array folders;
    for (const auto& folder : status.data_folders) {
        folders.push_back(json::object{{"path", folder.path},
                                       {"total_bytes", folder.total_bytes},
                                       {"free_bytes", folder.free_bytes},
                                       {"used_bytes", folder.used_bytes},
                                       {"writable", folder.writable}});
    }
    out["data_folders"] = std::move(folders);
    out["problems"] = json::array(status.problems.begin(), status.problems.end());
    return out;
}

io::Task<base::Result<std::string>> show_status(Call& call) {
    CO_TRY(auto status, co_await call.engine.status());
    const auto seen = co_await call.cluster.overview();
    // The node is shown although too few others answer.
    if (!seen) {
        status.problems.push_back("the state of the cluster cannot be read: " + seen.error().message);
    } else {
        const auto& problems = seen->health.problems;
        status.problems.insert(status.problems.end(), problems.begin(), problems.end());
    }
    auto out = status_json(status, call.options);
    if (seen) {
        out["health"] = health_json(seen->health);
        out["members"] = members_json(seen->members);
    }
    co_return json::serialize(out);
}

io::Task<base::Result<std::string>> verify(Call& call) {
    CO_TRY(const auto damage, co_await call.engine.verify());
    co_return json::serialize(json::object{{"damage", json::array(damage.begin(), damage.end())}});
}

io::Task<base::Result<std::string>> snapshot(Call& call) {
    const auto folder = call.parameter("folder");
    CO_TRY_VOID(co_await call.engine.snapshot(folder));
    co_return json::serialize(json::object{{"folder", folder}});
}

}  // namespace

io::Task<void> status_route(Call& call) {
    return answer_result(call, call.method == "GET" ? show_status(call) : refuse_method(call));
}

io::Task<void> verify_route(Call& call) {
    return answer_result(call, call.method == "POST" ? verify(call) : refuse_method(call));
}

io::Task<void> snapshot_route(Call& call) {
    const bool asked = call.method == "POST" && !call.parameter("folder").empty();
    return answer_result(call, asked ? snapshot(call) : refuse_method(call));
}

}  // namespace larder::admin
