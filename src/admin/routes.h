// One request of the administration API, as its routes see it. Inside src/admin only.
#pragma once

#include "src/admin/admin_api.h"
#include "src/admin/protocol.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace larder::admin {

struct Call {
    http::Exchange& exchange;
    io::Env& env;
    base::Metrics& metrics;
    engine::Engine& engine;
    cluster::Cluster& cluster;
    const AdminOptions& options;
    std::string method;
    std::vector<std::string> path;  // decoded segments after /v1; an object key is the single last one
    std::map<std::string, std::string> query;

    std::string parameter(const std::string& name) const {
        const auto found = query.find(name);
        return found == query.end() ? std::string() : found->second;
    }
};

// "/v1/a/b%20c" → {"a", "b c"}; for objects everything behind the bucket is one key. not_found, invalid_argument.
base::Result<std::vector<std::string>> parse_path(std::string_view path);
// "a=1&b=%20"; of a name given twice the last counts. invalid_argument.
base::Result<std::map<std::string, std::string>> parse_query(std::string_view text);

// Answers.
io::Task<void> answer_json(Call& call, int status, std::string json);
io::Task<void> answer_problem(Call& call, Problem problem);
io::Task<void> answer_error(Call& call, base::Error error);

// Answers 200 with the text, or the error.
io::Task<void> answer_result(Call& call, io::Task<base::Result<std::string>> work);
// The error of a method or path that is not offered.
io::Task<base::Result<std::string>> refuse_method(Call& call);

// Reads the whole body, at most 1 MiB. too_large beyond it.
io::Task<base::Result<std::string>> read_body(Call& call);

// Who asks, for the records of the cluster: "root on attic".
std::string asker(Call& call);

// not_found/bucket when there is none of that name.
io::Task<base::Result<std::shared_ptr<const engine::Bucket>>> bucket_named(Call& call, std::string name);

// One function per first path segment; each answers every method.
io::Task<void> status_route(Call& call);
io::Task<void> buckets_route(Call& call);
io::Task<void> keys_route(Call& call);
io::Task<void> objects_route(Call& call);
io::Task<void> list_route(Call& call);
io::Task<void> copy_route(Call& call);
io::Task<void> verify_route(Call& call);
io::Task<void> snapshot_route(Call& call);
io::Task<void> nodes_route(Call& call);
io::Task<void> leave_route(Call& call);
io::Task<void> invites_route(Call& call);
io::Task<void> layout_route(Call& call);

}  // namespace larder::admin
