// What each command does, apart from how its words are parsed (command_line.cc).
#pragma once

#include "src/cli/session.h"

#include <optional>
#include <string>
#include <vector>

namespace larder::cli {

using Done = Outcome<Exit>;

Done show_status(Session& session);
Done show_version(const Globals& globals);
Done verify_data(Session& session);
Done make_snapshot(Session& session, const std::string& folder);

Done list_buckets(Session& session);
Done create_bucket(Session& session, const std::string& name);
Done show_bucket(Session& session, const std::string& name);
Done delete_bucket(Session& session, const std::string& name);
// Sizes as typed; "none" takes a limit away.
Done set_quota(Session& session, const std::string& name, std::optional<std::string> bytes,
               std::optional<std::string> objects);
Done rename_bucket(Session& session, const std::string& from, const std::string& to);

struct KeyWish {
    std::string name;
    std::string id;  // with secret: import
    std::string secret;
    std::string expires;  // ISO 8601
    bool may_create_buckets = false;
};
Done list_keys(Session& session);
Done create_key(Session& session, const KeyWish& wish);
Done show_key(Session& session, const std::string& key, bool with_secret);
Done delete_key(Session& session, const std::string& key);
Done disable_key(Session& session, const std::string& key, bool disabled);
struct RightsWish {
    std::string key;
    std::string bucket;
    bool read = false;
    bool write = false;
    bool owner = false;
};
// Sets the rights named to `allowed`.
Done change_rights(Session& session, const RightsWish& wish, bool allowed);

struct ListWish {
    std::string place;  // empty: the buckets
    bool recursive = false;
    bool long_form = false;
};
Done list_objects(Session& session, const ListWish& wish);
Done stat_object(Session& session, const std::string& place);
Done cat_object(Session& session, const std::string& place);
Done remove_objects(Session& session, const std::vector<std::string>& places, bool recursive);
struct CopyWish {
    std::vector<std::string> sources;
    std::string target;
    bool recursive = false;
};
Done copy(Session& session, const CopyWish& wish);

// Calls `visit` for every object whose key begins with `prefix`, in order, a page at a time.
Outcome<void> each_object(Session& session, const Remote& place, bool recursive,
                          const std::function<Outcome<void>(const boost::json::object&)>& visit,
                          const std::function<void(std::string_view)>& visit_prefix = {});

// Replaces this program by another of ours, or of `package`. Returns only on failure.
Done run_beside(const std::string& program, const std::string& package, const std::vector<std::string>& arguments);

// `words` are those of larder-mount.
Done mount_bucket(Session& session, const std::vector<std::string>& words);
Done unmount(const std::vector<std::string>& words);
Done list_mounts(Session& session);

Done print_completion(const std::string& shell);

}  // namespace larder::cli
