#include "src/admin/json.h"
#include "src/admin/routes.h"

namespace larder::admin {

namespace json = boost::json;

namespace {

// The key by its id, a unique beginning of it, or its name.
io::Task<base::Result<std::shared_ptr<const engine::AccessKey>>> key_named(Call& call, std::string text) {
    CO_TRY(auto exact, co_await call.engine.look_up_key(text));
    if (exact) co_return exact;
    std::shared_ptr<const engine::AccessKey> found;
    for (const auto& key : call.engine.keys()) {
        if (key->name != text && !(text.size() >= 6 && key->id.starts_with(text))) continue;
        if (found) {
            co_return base::fail(base::Code::invalid_argument, base::Subject::access_key,
                                 "\"" + text + "\" fits several access keys: give the id.");
        }
        found = key;
    }
    if (found) co_return found;
    co_return base::fail(base::Code::not_found, base::Subject::access_key, "there is no access key \"" + text + "\".");
}

io::Task<base::Result<std::string>> list_keys(Call& call) {
    json::array out;
    for (const auto& key : call.engine.keys()) out.push_back(key_json(*key, call.engine, false));
    co_return json::serialize(json::object{{"keys", std::move(out)}});
}

io::Task<base::Result<std::string>> show_key(Call& call, std::string text) {
    CO_TRY(const auto key, co_await key_named(call, text));
    co_return json::serialize(key_json(*key, call.engine, call.parameter("secret") == "true"));
}

base::Result<std::optional<base::WallTime>> expiry_member(const json::object& object) {
    TRY(const auto text, string_member(object, "expires"));
    if (!text) return std::nullopt;
    const auto time = base::parse_iso8601(*text);
    if (!time) return base::fail(base::Code::invalid_argument, "\"expires\" must be like 2027-01-31T00:00:00Z.");
    return time;
}

// {"name":…,"may_create_buckets":…,"expires":…,"id":…,"secret":…}; id and secret together import a key.
io::Task<base::Result<std::string>> create_key(Call& call) {
    CO_TRY(const auto body, co_await read_body(call));
    CO_TRY(const auto wanted, parse_object(body));
    engine::AccessKey key;
    CO_TRY(const auto name, string_member(wanted, "name"));
    CO_TRY(const auto id, string_member(wanted, "id"));
    CO_TRY(const auto secret, string_member(wanted, "secret"));
    CO_TRY(const auto may_create, bool_member(wanted, "may_create_buckets"));
    CO_TRY(key.expires, expiry_member(wanted));
    if (id.has_value() != secret.has_value()) {
        co_return base::fail(base::Code::invalid_argument, "to import a key give both \"id\" and \"secret\".");
    }
    key.name = name.value_or("");
    key.id = id.value_or("");
    key.secret = secret.value_or("");
    key.may_create_buckets = may_create.value_or(false);
    CO_TRY(const auto made, co_await call.engine.create_key(std::move(key)));
    co_return json::serialize(key_json(*made, call.engine, true));
}

io::Task<base::Result<std::string>> change_key(Call& call, std::string text) {
    CO_TRY(const auto key, co_await key_named(call, text));
    CO_TRY(const auto body, co_await read_body(call));
    CO_TRY(const auto wanted, parse_object(body));
    CO_TRY(const auto name, string_member(wanted, "name"));
    CO_TRY(const auto disabled, bool_member(wanted, "disabled"));
    CO_TRY(const auto may_create, bool_member(wanted, "may_create_buckets"));
    CO_TRY(const auto expires, expiry_member(wanted));
    const auto edit = [=](engine::AccessKey& state) -> base::Result<void> {
        if (name) state.name = *name;
        if (disabled) state.disabled = *disabled;
        if (may_create) state.may_create_buckets = *may_create;
        if (expires) state.expires = *expires;
        return {};
    };
    CO_TRY(const auto changed, co_await call.engine.update_key(key->id, edit));
    co_return json::serialize(key_json(*changed, call.engine, false));
}

io::Task<base::Result<std::string>> delete_key(Call& call, std::string text) {
    CO_TRY(const auto key, co_await key_named(call, text));
    CO_TRY_VOID(co_await call.engine.delete_key(key->id));
    co_return std::string("{}");
}

io::Task<base::Result<std::string>> dispatch(Call& call) {
    if (call.path.size() == 1) {
        if (call.method == "GET") return list_keys(call);
        if (call.method == "POST") return create_key(call);
    } else if (call.path.size() == 2) {
        if (call.method == "GET") return show_key(call, call.path[1]);
        if (call.method == "PATCH") return change_key(call, call.path[1]);
        if (call.method == "DELETE") return delete_key(call, call.path[1]);
    }
    return refuse_method(call);
}

}  // namespace

io::Task<void> keys_route(Call& call) {
    return answer_result(call, dispatch(call));
}

}  // namespace larder::admin
