#include "src/admin/json.h"

namespace larder::admin {

namespace json = boost::json;

namespace {

json::object rights_json(const engine::Rights& rights) {
    return {{"read", rights.read}, {"write", rights.write}, {"owner", rights.owner}};
}

json::object named_values(const engine::NamedValues& values) {
    json::object out;
    for (const auto& [name, value] : values) out[name] = value;
    return out;
}

std::unexpected<base::Error> wrong_type(std::string_view name, std::string_view wanted) {
    return base::fail(base::Code::invalid_argument,
                      "\"" + std::string(name) + "\" must be " + std::string(wanted) + ".");
}

}  // namespace

json::object bucket_json(const engine::Bucket& bucket, const engine::Engine& engine) {
    json::object out;
    out["id"] = bucket.id.hex();
    out["names"] = json::array(bucket.names.begin(), bucket.names.end());
    out["created"] = base::format_iso8601(bucket.created);
    out["owner_key"] = bucket.owner_key;
    json::object quota;
    if (bucket.quota.bytes_max) quota["bytes_max"] = *bucket.quota.bytes_max;
    if (bucket.quota.objects_max) quota["objects_max"] = *bucket.quota.objects_max;
    out["quota"] = std::move(quota);
    json::array keys;
    for (const auto& key : engine.keys()) {
        const auto found = key->rights.find(bucket.id);
        if (found == key->rights.end() || !found->second.any()) continue;
        auto entry = rights_json(found->second);
        entry["id"] = key->id;
        entry["name"] = key->name;
        keys.push_back(std::move(entry));
    }
    out["keys"] = std::move(keys);
    return out;
}

json::object key_json(const engine::AccessKey& key, const engine::Engine& engine, bool with_secret) {
    json::object out;
    out["id"] = key.id;
    out["name"] = key.name;
    out["created"] = base::format_iso8601(key.created);
    if (key.expires) out["expires"] = base::format_iso8601(*key.expires);
    out["disabled"] = key.disabled;
    out["may_create_buckets"] = key.may_create_buckets;
    if (with_secret) out["secret"] = key.secret;
    json::array buckets;
    for (const auto& [id, rights] : key.rights) {
        const auto bucket = engine.find_bucket(id);
        if (!bucket || !rights.any()) continue;
        auto entry = rights_json(rights);
        entry["name"] = bucket->names.empty() ? id.hex() : bucket->names.front();
        buckets.push_back(std::move(entry));
    }
    out["buckets"] = std::move(buckets);
    return out;
}

json::object object_json(const engine::ObjectInfo& info) {
    json::object out;
    out["key"] = info.key;
    out["size"] = info.size;
    out["etag"] = info.etag;
    out["modified"] = base::format_iso8601(info.modified);
    out["version"] = info.version.hex();
    if (!info.properties.headers.empty()) out["headers"] = named_values(info.properties.headers);
    if (!info.properties.metadata.empty()) out["metadata"] = named_values(info.properties.metadata);
    if (!info.properties.tags.empty()) out["tags"] = named_values(info.properties.tags);
    if (!info.parts.empty()) out["parts"] = info.parts.size();
    return out;
}

base::Result<json::object> parse_object(std::string_view body) {
    if (body.empty()) return json::object();
    boost::system::error_code bad;
    auto value = json::parse(body, bad);
    if (bad || !value.is_object()) return base::fail(base::Code::invalid_argument, "the body is not a JSON object.");
    return std::move(value.get_object());
}

base::Result<std::optional<std::string>> string_member(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (!value->is_string()) return wrong_type(name, "a string");
    return std::string(value->get_string());
}

base::Result<std::optional<bool>> bool_member(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (!value->is_bool()) return wrong_type(name, "true or false");
    return value->get_bool();
}

base::Result<std::optional<std::uint64_t>> count_member(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    boost::system::error_code bad;
    const auto number = value->to_number<std::uint64_t>(bad);
    if (bad) return wrong_type(name, "a number that is not negative");
    return number;
}

}  // namespace larder::admin
