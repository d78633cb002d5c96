// Members of the daemon's answers as texts. Inside src/cli only.
#pragma once

#include <boost/json.hpp>

#include <string>
#include <string_view>

namespace larder::cli {

// The string member, or empty.
inline std::string text_of(const boost::json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// "read,write".
inline std::string rights_text(const boost::json::object& rights) {
    std::string out;
    for (const char* right : {"read", "write", "owner"}) {
        if (rights.at(right).as_bool()) out += (out.empty() ? "" : ",") + std::string(right);
    }
    return out;
}

}  // namespace larder::cli
