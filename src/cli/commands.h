// What each command does, apart from how its words are parsed (command_line.cc).
#pragma once

#include "src/cli/session.h"

#include <optional>
#include <string>
#include <vector>

namespace larder::cli {

using Done = Outcome<Exit>;

Done show_status(Session& session);
// Again every two seconds until it is interrupted.
Done watch_status(Session& session);
Done show_version(const Globals& globals);
Done verify_data(Session& session);
Done make_snapshot(Session& session, const std::string& folder);

Done list_nodes(Session& session);
Done show_node(Session& session, const std::string& name);
Done drain_node(Session& session, const std::string& name);
struct ForgetWish {
    std::string node;
    bool allow_loss = false;
    std::string confirm;
};
Done forget_node(Session& session, const ForgetWish& wish);
Done leave_cluster(Session& session);
std::int64_t now_ms();  // since 1970

struct InviteWish {
    std::string valid = "24h";
    std::uint32_t uses = 1;
};
Done make_invite(Session& session, const InviteWish& wish);
Done list_invites(Session& session);
Done revoke_invite(Session& session, const std::string& id);

// What changes: of a machine, or of the policy.
struct LayoutWish {
    std::string node;
    bool remove = false;
    bool gateway = false;
    bool stores = false;
    std::optional<std::string> place;
    std::optional<std::string> capacity;
    std::vector<std::string> tags;  // one empty: none
    std::optional<int> copies;
    std::optional<std::string> places;
};
Done show_layout(Session& session);
Done plan_layout(Session& session);
Done set_layout(Session& session, const LayoutWish& wish);
Done apply_layout(Session& session, std::optional<std::uint64_t> if_version);
Done discard_layout(Session& session);
Done layout_history(Session& session);
Done explain_layout(Session& session, const std::string& node, std::optional<std::uint64_t> partition);

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
