// The front door for administrators: who is a member of the cluster, who may become one, and who stores what. Doors
// (the administration API) include this header beside engine.h. Made by replication/control.
//
// Promises: every number of a member is given once; of two who apply a layout under one epoch one has applied it and
// the other is told (conflict/config); nothing that would lose data happens without the consent that says so. All calls
// are made on the engine thread. Names of members: a name, a number, an id, or a beginning of the id of at least four
// digits.
//
// Errors common to all calls: quorum_not_reached, timeout, io_failure, corrupted, shutting_down; unknown_outcome of
// changes, which may be asked for again. not_found/node and invalid_argument/node where a name means no member, or
// several.
#pragma once

#include "replication/layout/plan.h"
#include "src/base/error.h"
#include "src/base/time.h"
#include "src/io/network.h"
#include "src/io/task.h"

#include <optional>
#include <string>
#include <vector>

namespace larder::cluster {

using base::NodeId;
using base::Result;
using base::WallTime;
using io::NodeNumber;
using io::Task;

// ---- Members ------------------------------------------------------------------------------------------------------
enum class State {
    up,
    down,      // does not answer this node
    draining,  // on its way out: what it holds is being brought elsewhere
    drained,   // holds nothing that counts any more: forget it, or give it a role again
    gone,      // no member any more
};
std::string_view name_of(State state);

// How far a member is with taking over what the layout gives it.
struct CatchingUp {
    double share = 0;  // of its copies that it has, 0 to 1
    std::optional<std::uint64_t> seconds_left;
};

struct Member {
    NodeNumber number = 0;
    NodeId id;
    std::string name;
    bool self = false;
    State state = State::up;
    // The role in the newest layout; without one (drained, gone) what it had when it joined.
    std::string zone;
    std::uint64_t capacity = 0;
    bool gateway = false;
    std::vector<std::string> tags;
    bool in_layout = false;
    std::uint32_t partitions = 0;  // that the newest layout puts there
    std::uint64_t used_bytes = 0;  // of content in those partitions
    std::vector<std::string> addresses;
    std::string release;
    WallTime joined;
    std::optional<WallTime> last_seen;      // none: never, by this node
    std::optional<base::Duration> rtt;      // from this node
    std::optional<CatchingUp> catching_up;  // none: it has all it should have
};

struct Health {
    std::string cluster_name;
    std::uint32_t machines = 0;  // that store
    std::uint32_t zones = 0;
    std::uint8_t copies = 0;      // in force
    layout::Tolerance tolerance;  // as if all were up
    layout::Tolerance now;        // beyond the members that are down
    bool serving = true;          // a quorum of every partition is up
    bool all_reachable = true;    // a copy of every partition is up
    bool catching_up = false;
    std::uint64_t usable_bytes = 0;  // of content, each byte counted once
    std::uint64_t used_bytes = 0;
    std::vector<std::string> problems;  // sentences with their cure; empty when healthy
};

struct Overview {
    Health health;
    std::vector<Member> members;  // by zone, then name; those that are gone are not among them
};

// What giving a member up for dead would cost.
struct Loss {
    NodeId node;
    std::string name;
    std::uint32_t partitions = 0;          // of the cluster
    std::uint32_t partitions_lost = 0;     // no copy elsewhere
    std::uint32_t partitions_at_risk = 0;  // a copy, but no quorum: the last writes may be missing
    std::uint64_t bytes_lost = 0;
    bool none() const { return partitions_lost == 0 && partitions_at_risk == 0; }
};

// ---- Invitations --------------------------------------------------------------------------------------------------
struct Invitation {
    std::string id;  // 16 hexadecimal digits; a beginning of it names it
    std::string made_by;
    WallTime made;
    WallTime expires;
    std::uint32_t uses_max = 1;
    std::vector<std::string> used_by;  // names of members, or the beginnings of their ids
    bool revoked = false;
};
struct NewInvitation {
    Invitation invitation;
    std::string token;  // shown once, kept nowhere
};
struct InvitationWish {
    std::chrono::seconds valid{24 * 3600};
    std::uint32_t uses = 1;
    std::string by;  // who asks
};

// ---- Layout -------------------------------------------------------------------------------------------------------
struct LayoutState {
    layout::Layout current;
    layout::Staged staged;
    std::string staged_by;
    std::vector<layout::Epoch> live;  // epochs in force together while data moves; the last is the newest
    layout::Redundancy redundancy;    // what the policy comes to
    layout::Tolerance tolerance;
};

// A change of one role; what is not given stays as it is, or as it was when the member joined.
struct RoleWish {
    std::string node;
    bool remove = false;
    std::optional<std::string> zone;
    std::optional<std::uint64_t> capacity;  // a gateway that is given one stores from then on
    std::optional<bool> gateway;
    std::optional<std::vector<std::string>> tags;
    std::string by;
};
struct PolicyWish {
    std::optional<std::uint8_t> copies;
    std::optional<std::uint8_t> zone_redundancy;  // layout::Policy::kMaximum for as many as there are
    std::string by;
};

struct LayoutPlan {
    layout::Plan plan;
    layout::Layout current;
    std::string staged;              // names what was staged: give it to apply()
    std::vector<std::string> notes;  // what the numbers mean for the operator
};

struct ApplyWish {
    layout::Epoch current = 0;  // the epoch that the plan was made from
    std::string staged;         // as the plan names it; empty: whatever is staged
    std::string by;
};

struct LayoutVersion {
    layout::Epoch epoch = 0;
    WallTime when;
    std::string by;
    std::string what;
    std::uint64_t copies_moved = 0;
    bool live = false;
};

class Cluster {
 public:
    virtual ~Cluster() = default;

    virtual Task<Result<Overview>> overview() = 0;
    virtual Task<Result<Member>> member(std::string name) = 0;  // those gone too
    // What this node is called by the others.
    virtual std::string self_name() const = 0;

    // Takes the member out of the layout; it goes on serving until what it holds is elsewhere, and is then `drained`.
    // Idempotent. invalid_argument/config when the others cannot store what it holds (too few machines, no room).
    virtual Task<Result<void>> drain(std::string name, std::string by) = 0;
    // What forget() would lose now.
    virtual Task<Result<Loss>> loss_of(std::string name) = 0;
    // Ends its membership for ever, whether it answers or not. conflict/node ("drain it first") while it is up
    // and holds something; precondition_failed/node when data would be lost and `allow_loss` is not given.
    virtual Task<Result<Loss>> forget(std::string name, bool allow_loss, std::string by) = 0;

    // Whether this node can make tokens: it has an address that others reach.
    virtual bool can_invite() const = 0;
    virtual Task<Result<NewInvitation>> invite(InvitationWish wish) = 0;
    virtual Task<Result<std::vector<Invitation>>> invitations() = 0;  // newest first
    // `id`: a beginning of at least four digits that means one alone. not_found/token, invalid_argument/token.
    virtual Task<Result<Invitation>> revoke(std::string id) = 0;

    virtual Task<Result<LayoutState>> layout() = 0;
    // Only notes the change; nothing moves before apply(). invalid_argument/config for what no layout could have.
    virtual Task<Result<LayoutState>> stage(RoleWish wish) = 0;
    virtual Task<Result<LayoutState>> stage(PolicyWish wish) = 0;
    virtual Task<Result<LayoutState>> discard() = 0;
    // not_found/config when nothing is staged; invalid_argument/config with the cure when it cannot be.
    virtual Task<Result<LayoutPlan>> plan() = 0;
    // Makes the layout of what is staged the next one. conflict/config when the layout, or what is staged, is not what
    // the plan was made from.
    virtual Task<Result<layout::Layout>> apply(ApplyWish wish) = 0;
    virtual Task<Result<std::vector<LayoutVersion>>> history() = 0;  // newest first
    // Why it is as it is, in sentences: the whole, a member, or a partition.
    virtual Task<Result<std::vector<std::string>>> explain() = 0;
    virtual Task<Result<std::vector<std::string>>> explain_member(std::string name) = 0;
    virtual Task<Result<std::vector<std::string>>> explain_partition(layout::Partition partition) = 0;
};

}  // namespace larder::cluster
