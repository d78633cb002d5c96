// What the calls on names share: their errors, and values of rows. Inside replication/ only.
#pragma once

#include "replication/file_store.h"

namespace larder::engine::files {

constexpr int kAttempts = 16;  // of a change that others overtake

inline std::unexpected<base::Error> nothing_at(std::string_view key) {
    return fail(Code::not_found, Subject::object, "there is nothing at \"" + std::string(key) + "\"");
}
inline std::unexpected<base::Error> taken(std::string_view key) {
    return fail(Code::already_exists, Subject::object, "\"" + std::string(key) + "\" exists");
}
inline std::unexpected<base::Error> not_empty(std::string_view key) {
    return fail(Code::conflict, Subject::object, "\"" + std::string(key) + "\" is not empty");
}
inline std::unexpected<base::Error> wrong(std::string why) {
    return fail(Code::invalid_argument, Subject::object, std::move(why));
}
// The subject tells it from a directory that is not empty.
inline std::unexpected<base::Error> changed_meanwhile() {
    return fail(Code::conflict, Subject::row, "the file changed meanwhile");
}
inline bool lost_race(const base::Error& error) {
    return error.code == Code::conflict && error.subject != Subject::object;
}
inline bool is_directory(std::string_view key) {
    return key.ends_with('/');
}

// A row that is to hold the object.
inline std::optional<table::Value> value_of(const model::Object& object, std::string body) {
    return table::Value{model::encode_object(object), std::move(body)};
}
// Whether the row is still what was read: the version of a row changes with everything in it.
inline bool is_still(const table::Row& row, Tag state) {
    return row.exists() && row.version == state;
}
// Once, although a name that was taken and given back before its content heard of it may be there still.
inline void add_name(model::Object& content, const std::string& key) {
    std::erase(content.names, key);
    content.names.push_back(key);
}
inline model::Object name_of(const model::LinkId& link) {
    model::Object name;
    name.link = link;
    return name;
}

}  // namespace larder::engine::files
