#include "src/admin/json.h"
#include "src/admin/routes.h"

namespace larder::admin {

namespace json = boost::json;

namespace {

using BucketPtr = std::shared_ptr<const engine::Bucket>;

io::Task<base::Result<std::string>> list_buckets(Call& call) {
    json::array out;
    for (const auto& bucket : call.engine.buckets()) out.push_back(bucket_json(*bucket, call.engine));
    co_return json::serialize(json::object{{"buckets", std::move(out)}});
}

io::Task<base::Result<std::string>> show_bucket(Call& call, std::string name) {
    CO_TRY(const auto bucket, co_await bucket_named(call, name));
    CO_TRY(const auto usage, co_await call.engine.bucket_usage(bucket->id));
    auto out = bucket_json(*bucket, call.engine);
    out["objects"] = usage.objects;
    out["bytes"] = usage.bytes;
    out["uploads"] = usage.uploads;
    co_return json::serialize(out);
}

io::Task<base::Result<std::string>> create_bucket(Call& call) {
    CO_TRY(const auto body, co_await read_body(call));
    CO_TRY(const auto wanted, parse_object(body));
    CO_TRY(const auto name, string_member(wanted, "name"));
    if (!name) co_return base::fail(base::Code::invalid_argument, "a bucket needs a \"name\".");
    CO_TRY(const auto bucket, co_await call.engine.create_bucket(*name, ""));
    co_return json::serialize(bucket_json(*bucket, call.engine));
}

// {"quota":{"bytes_max":N|null,"objects_max":N|null},"add_name":…,"remove_name":…}
io::Task<base::Result<std::string>> change_bucket(Call& call, std::string name) {
    CO_TRY(const auto bucket, co_await bucket_named(call, name));
    CO_TRY(const auto body, co_await read_body(call));
    CO_TRY(const auto wanted, parse_object(body));
    CO_TRY(const auto add_name, string_member(wanted, "add_name"));
    CO_TRY(const auto remove_name, string_member(wanted, "remove_name"));
    std::optional<engine::Quota> quota;
    if (const auto* given = wanted.if_contains("quota"); given != nullptr && given->is_object()) {
        quota.emplace();
        CO_TRY(quota->bytes_max, count_member(given->get_object(), "bytes_max"));
        CO_TRY(quota->objects_max, count_member(given->get_object(), "objects_max"));
    }
    const auto edit = [=](engine::Bucket& state) -> base::Result<void> {
        if (quota) state.quota = *quota;
        if (add_name) state.names.push_back(*add_name);
        if (remove_name) std::erase(state.names, *remove_name);
        if (state.names.empty()) return base::fail(base::Code::invalid_argument, "a bucket keeps at least one name.");
        return {};
    };
    CO_TRY(const auto changed, co_await call.engine.update_bucket(bucket->id, edit));
    co_return json::serialize(bucket_json(*changed, call.engine));
}

io::Task<base::Result<std::string>> delete_bucket(Call& call, std::string name) {
    CO_TRY(const auto bucket, co_await bucket_named(call, name));
    CO_TRY_VOID(co_await call.engine.delete_bucket(bucket->id));
    co_return std::string("{}");
}

// POST /v1/buckets/NAME/rights {"key":…,"read":…,"write":…,"owner":…}: only what is given changes.
io::Task<base::Result<std::string>> change_rights(Call& call, std::string name) {
    CO_TRY(const auto bucket, co_await bucket_named(call, name));
    CO_TRY(const auto body, co_await read_body(call));
    CO_TRY(const auto wanted, parse_object(body));
    CO_TRY(const auto key, string_member(wanted, "key"));
    CO_TRY(const auto read, bool_member(wanted, "read"));
    CO_TRY(const auto write, bool_member(wanted, "write"));
    CO_TRY(const auto owner, bool_member(wanted, "owner"));
    if (!key) co_return base::fail(base::Code::invalid_argument, "rights need a \"key\".");
    const auto edit = [=, id = bucket->id](engine::AccessKey& state) -> base::Result<void> {
        auto& rights = state.rights[id];
        if (read) rights.read = *read;
        if (write) rights.write = *write;
        if (owner) rights.owner = *owner;
        if (!rights.any()) state.rights.erase(id);
        return {};
    };
    CO_TRY_VOID(co_await call.engine.update_key(*key, edit));
    co_return json::serialize(bucket_json(*bucket, call.engine));
}

io::Task<base::Result<std::string>> dispatch(Call& call) {
    if (call.path.size() == 1) {
        if (call.method == "GET") return list_buckets(call);
        if (call.method == "POST") return create_bucket(call);
    } else if (call.path.size() == 2) {
        if (call.method == "GET") return show_bucket(call, call.path[1]);
        if (call.method == "PATCH") return change_bucket(call, call.path[1]);
        if (call.method == "DELETE") return delete_bucket(call, call.path[1]);
    } else if (call.path.size() == 3 && call.path[2] == "rights" && call.method == "POST") {
        return change_rights(call, call.path[1]);
    }
    return refuse_method(call);
}

}  // namespace

io::Task<void> buckets_route(Call& call) {
    return answer_result(call, dispatch(call));
}

}  // namespace larder::admin
