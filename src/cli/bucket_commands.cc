#include "src/base/encoding.h"
#include "src/base/size.h"
#include "src/cli/commands.h"
#include "src/cli/json_fields.h"
#include "src/cli/show.h"

#include <iostream>

namespace larder::cli {

namespace json = boost::json;

namespace {

std::string bucket_target(std::string_view name) {
    return "/v1/buckets/" + base::percent_encode(name, false);
}

std::string joined(const json::array& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ", ") + std::string(name.as_string());
    return out;
}

std::string limit_text(const json::object& quota, std::string_view name, bool size) {
    const auto* value = quota.if_contains(name);
    if (value == nullptr) return "none";
    const auto number = value->to_number<std::uint64_t>();
    return size ? format_size(number) : std::to_string(number);
}

std::unexpected<Problem> bad_number(const std::string& text) {
    return std::unexpected(admin::make_problem("usage", "\"" + text + "\" is not a size like 10GB, nor \"none\"."));
}

// Puts the limit into the request: a number, or null for "none"; nothing when it was not given.
Outcome<void> put_limit(json::object& quota, std::string_view name, const std::optional<std::string>& text) {
    if (!text) return {};
    if (*text == "none") {
        quota.erase(name);
        return {};
    }
    const auto size = base::parse_size(*text);
    if (!size) return bad_number(*text);
    quota[name] = *size;
    return {};
}

}  // namespace

Done list_buckets(Session& session) {
    TRY(const auto result, session.call("GET", "/v1/buckets"));
    if (session.show_json(result)) return Exit::done;
    const auto& buckets = result.at("buckets").as_array();
    if (session.globals().quiet) {
        for (const auto& bucket : buckets) std::cout << bucket.at("names").at(0).as_string().c_str() << '\n';
        return Exit::done;
    }
    Table table({{"BUCKET"}, {"CREATED"}, {"KEYS", true}});
    for (const auto& item : buckets) {
        const auto& bucket = item.as_object();
        table.add({joined(bucket.at("names").as_array()), text_of(bucket, "created"),
                   std::to_string(bucket.at("keys").as_array().size())});
    }
    std::cout << table.text();
    return Exit::done;
}

Done create_bucket(Session& session, const std::string& name) {
    TRY(const auto bucket, session.call("POST", "/v1/buckets", json::object{{"name", name}}));
    if (!session.show_json(bucket)) std::cout << "Bucket \"" << name << "\" made.\n";
    return Exit::done;
}

Done show_bucket(Session& session, const std::string& name) {
    TRY(const auto bucket, session.call("GET", bucket_target(name)));
    if (session.show_json(bucket)) return Exit::done;
    const auto& quota = bucket.at("quota").as_object();
    std::cout << "Bucket   " << joined(bucket.at("names").as_array()) << "   (" << text_of(bucket, "id") << ")\n"
              << "Created  " << text_of(bucket, "created") << '\n'
              << "Holds    " << bucket.at("objects").to_number<std::uint64_t>() << " objects, "
              << format_size(bucket.at("bytes").to_number<std::uint64_t>()) << "; "
              << bucket.at("uploads").to_number<std::uint64_t>() << " uploads in progress\n"
              << "Limits   size " << limit_text(quota, "bytes_max", true) << ", objects "
              << limit_text(quota, "objects_max", false) << "\n\n";
    Table table({{"KEY"}, {"NAME"}, {"RIGHTS"}});
    for (const auto& item : bucket.at("keys").as_array()) {
        const auto& key = item.as_object();
        table.add({text_of(key, "id"), text_of(key, "name"), rights_text(key)});
    }
    std::cout << table.text();
    return Exit::done;
}

Done delete_bucket(Session& session, const std::string& name) {
    TRY(const auto result, session.call("DELETE", bucket_target(name)));
    if (!session.show_json(result)) std::cout << "Bucket \"" << name << "\" deleted.\n";
    return Exit::done;
}

Done set_quota(Session& session, const std::string& name, std::optional<std::string> bytes,
               std::optional<std::string> objects) {
    if (!bytes && !objects) {
        return std::unexpected(admin::make_problem("usage", "give --max-size, --max-objects, or both."));
    }
    TRY(const auto bucket, session.call("GET", bucket_target(name)));
    json::object quota = bucket.at("quota").as_object();
    TRY_VOID(put_limit(quota, "bytes_max", bytes));
    TRY_VOID(put_limit(quota, "objects_max", objects));
    TRY(const auto changed, session.call("PATCH", bucket_target(name), json::object{{"quota", std::move(quota)}}));
    if (!session.show_json(changed)) std::cout << "Limits of \"" << name << "\" set.\n";
    return Exit::done;
}

Done rename_bucket(Session& session, const std::string& from, const std::string& to) {
    const json::object wanted{{"add_name", to}, {"remove_name", from}};
    TRY(const auto changed, session.call("PATCH", bucket_target(from), wanted));
    if (!session.show_json(changed)) std::cout << "Bucket \"" << from << "\" is now \"" << to << "\".\n";
    return Exit::done;
}

}  // namespace larder::cli
