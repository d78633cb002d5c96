#include "src/base/encoding.h"
#include "src/cli/commands.h"
#include "src/cli/json_fields.h"
#include "src/cli/show.h"

#include <iostream>

namespace larder::cli {

namespace json = boost::json;

namespace {

std::string key_target(std::string_view key) {
    return "/v1/keys/" + base::percent_encode(key, false);
}

std::string key_state(const json::object& key) {
    if (key.at("disabled").as_bool()) return "disabled";
    const auto expires = text_of(key, "expires");
    return expires.empty() ? "ok" : "until " + expires;
}

std::string key_buckets(const json::object& key) {
    std::string out;
    for (const auto& item : key.at("buckets").as_array()) {
        const auto& bucket = item.as_object();
        out += (out.empty() ? "" : " ") + text_of(bucket, "name") + ":" + rights_text(bucket);
    }
    return out;
}

void print_key(const json::object& key) {
    std::cout << "Key id      " << text_of(key, "id") << '\n';
    if (const auto secret = text_of(key, "secret"); !secret.empty()) std::cout << "Secret      " << secret << '\n';
    std::cout << "Name        " << text_of(key, "name") << '\n'
              << "Created     " << text_of(key, "created") << '\n'
              << "State       " << key_state(key) << '\n'
              << "May create  " << (key.at("may_create_buckets").as_bool() ? "buckets" : "nothing") << '\n'
              << "Buckets     " << key_buckets(key) << '\n';
}

}  // namespace

Done list_keys(Session& session) {
    TRY(const auto result, session.call("GET", "/v1/keys"));
    if (session.show_json(result)) return Exit::done;
    Table table({{"KEY"}, {"NAME"}, {"STATE"}, {"BUCKETS"}});
    for (const auto& item : result.at("keys").as_array()) {
        const auto& key = item.as_object();
        if (session.globals().quiet) {
            std::cout << text_of(key, "id") << '\n';
        } else {
            table.add({text_of(key, "id"), printable(text_of(key, "name")), key_state(key), key_buckets(key)});
        }
    }
    if (!session.globals().quiet) std::cout << table.text();
    return Exit::done;
}

Done create_key(Session& session, const KeyWish& wish) {
    json::object wanted{{"name", wish.name}, {"may_create_buckets", wish.may_create_buckets}};
    if (!wish.id.empty()) wanted["id"] = wish.id;
    if (!wish.secret.empty()) wanted["secret"] = wish.secret;
    if (!wish.expires.empty()) wanted["expires"] = wish.expires;
    TRY(const auto key, session.call("POST", "/v1/keys", wanted));
    if (session.show_json(key)) return Exit::done;
    print_key(key);
    std::cout << "\nThe secret is shown this once. Give the key rights:  larder key allow " << text_of(key, "id")
              << " BUCKET --read --write\n";
    return Exit::done;
}

Done show_key(Session& session, const std::string& key, bool with_secret) {
    TRY(const auto found, session.call("GET", key_target(key) + (with_secret ? "?secret=true" : "")));
    if (!session.show_json(found)) print_key(found);
    return Exit::done;
}

Done delete_key(Session& session, const std::string& key) {
    TRY(const auto result, session.call("DELETE", key_target(key)));
    if (!session.show_json(result)) std::cout << "Key " << key << " deleted.\n";
    return Exit::done;
}

Done disable_key(Session& session, const std::string& key, bool disabled) {
    TRY(const auto changed, session.call("PATCH", key_target(key), json::object{{"disabled", disabled}}));
    if (!session.show_json(changed)) print_key(changed);
    return Exit::done;
}

Done change_rights(Session& session, const RightsWish& wish, bool allowed) {
    if (!wish.read && !wish.write && !wish.owner) {
        return std::unexpected(admin::make_problem("usage", "give --read, --write, --owner, or several."));
    }
    TRY(const auto key, session.call("GET", key_target(wish.key)));
    json::object wanted{{"key", key.at("id")}};
    if (wish.read) wanted["read"] = allowed;
    if (wish.write) wanted["write"] = allowed;
    if (wish.owner) wanted["owner"] = allowed;
    TRY(const auto bucket,
        session.call("POST", "/v1/buckets/" + base::percent_encode(wish.bucket, false) + "/rights", wanted));
    if (session.show_json(bucket)) return Exit::done;
    TRY(const auto changed, session.call("GET", key_target(wish.key)));
    print_key(changed);
    return Exit::done;
}

}  // namespace larder::cli
