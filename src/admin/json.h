// Engine nouns as JSON. Inside src/admin only: it brings Boost.JSON along.
#pragma once

#include "replication/engine.h"

#include <boost/json.hpp>

namespace larder::admin {

boost::json::object bucket_json(const engine::Bucket& bucket, const engine::Engine& engine);
// The secret is left out unless `with_secret`.
boost::json::object key_json(const engine::AccessKey& key, const engine::Engine& engine, bool with_secret);
boost::json::object object_json(const engine::ObjectInfo& info);

// The request body as an object; an empty body is an empty object. invalid_argument otherwise.
base::Result<boost::json::object> parse_object(std::string_view body);
// Typed members; absent gives nullopt, another type invalid_argument naming the member.
base::Result<std::optional<std::string>> string_member(const boost::json::object& object, std::string_view name);
base::Result<std::optional<bool>> bool_member(const boost::json::object& object, std::string_view name);
base::Result<std::optional<std::uint64_t>> count_member(const boost::json::object& object, std::string_view name);

}  // namespace larder::admin
