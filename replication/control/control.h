// The cluster as administrators see and change it (replication/cluster.h), and the side of it that lets joiners in. It
// keeps nothing that counts by itself: everything is in rows that every storing node has, and any node does any of
// this.
#pragma once

#include "replication/cluster.h"
#include "replication/control/invitations.h"
#include "replication/control/layouts.h"
#include "replication/control/members.h"
#include "replication/control/surroundings.h"
#include "replication/model/joiner.h"
#include "replication/model/membership.h"
#include "replication/model/rows.h"
#include "src/io/env.h"

namespace larder::control {

struct Scene;  // scene.h: all that decisions are made from

struct Tables {  // model::kMembers, kInvitations, kLayouts
    table::Registers& members;
    table::Registers& invitations;
    table::Registers& layouts;
};

struct Identity {
    base::NodeId id;
    std::string cluster_name;
    std::string release;  // of this program
};

// What a machine says of itself when it founds a cluster or joins one.
struct Machine {
    std::string name;
    std::string zone;
    std::uint64_t capacity = 0;
    bool gateway = false;
    std::vector<std::string> addresses;
    std::string release;
};

// A machine that has proved to have the private half of its key, and the secret of a token.
struct Joiner {
    base::NodeId id;
    Machine machine;
    base::WallTime clock;      // what its clock shows
    bool zone_agreed = false;  // it knows that others stand in its zone
};

// A joiner's clock may be so far from ours: replicas refuse versions farther ahead.
inline constexpr std::int64_t kClockSkewMaxMs = 60'000;

class ClusterControl final : public cluster::Cluster {
 public:
    // All outlive it.
    ClusterControl(io::Env& env, Tables tables, Surroundings& surroundings, Identity identity);

    // Makes this node the first member, with a layout of its own, unless it is a member already. For the founder alone.
    // `first` is the layout, if one was made already.
    Task<Result<void>> found(Machine machine, std::optional<layout::Layout> first = std::nullopt);
    // Lets a machine in: a use of its invitation, its number, and a layout with it, each by a conditional write, so
    // that a joiner who asks again after a broken line goes on where it was. Errors: those of an invitation
    // (model::use_invitation, not_found/token); precondition_failed/clock; already_exists/node when it is a member
    // already and did not come by this invitation; permission_denied/node when it was removed; precondition_failed/zone
    // when others stand in its zone and it has not agreed; invalid_argument/node and /config for what it says of
    // itself.
    Task<Result<model::Welcome>> admit(model::InvitationName invitation, Joiner joiner);
    // An invitation that may still let somebody in, or has let somebody in who may not have heard of it.
    // not_found/token for others.
    Task<Result<model::InvitationRow>> open_invitation(model::InvitationName invitation);
    // Makes a layout with those that were let in, are up, and have no place yet. Of all members the first that is up and
    // has a place does it; for the others there is nothing to do.
    Task<Result<void>> place_waiting();
    // Reads members and layout anew and tells the surroundings what changed.
    Task<Result<void>> refresh();

    Task<Result<cluster::Overview>> overview() override;
    Task<Result<cluster::Member>> member(std::string name) override;
    std::string self_name() const override;
    Task<Result<void>> drain(std::string name, std::string by) override;
    Task<Result<cluster::Loss>> loss_of(std::string name) override;
    Task<Result<cluster::Loss>> forget(std::string name, bool allow_loss, std::string by) override;
    bool can_invite() const override { return surroundings_.makes_tokens(); }
    Task<Result<cluster::NewInvitation>> invite(cluster::InvitationWish wish) override;
    Task<Result<std::vector<cluster::Invitation>>> invitations() override;
    Task<Result<cluster::Invitation>> revoke(std::string id) override;
    Task<Result<cluster::LayoutState>> layout() override;
    Task<Result<cluster::LayoutState>> stage(cluster::RoleWish wish) override;
    Task<Result<cluster::LayoutState>> stage(cluster::PolicyWish wish) override;
    Task<Result<cluster::LayoutState>> discard() override;
    Task<Result<cluster::LayoutPlan>> plan() override;
    Task<Result<layout::Layout>> apply(cluster::ApplyWish wish) override;
    Task<Result<std::vector<cluster::LayoutVersion>>> history() override;
    Task<Result<std::vector<std::string>>> explain() override;
    Task<Result<std::vector<std::string>>> explain_member(std::string name) override;
    Task<Result<std::vector<std::string>>> explain_partition(layout::Partition partition) override;

 private:
    Task<Result<Scene>> look();
    Task<Result<std::vector<model::MemberRow>>> read_members();
    Task<Result<layout::Plan>> plan_of(layout::Layout current, layout::Staged staged,
                                       std::vector<std::uint64_t> partition_bytes);
    // Appends the layout of `plan` and puts it in force here.
    Task<Result<void>> make(LayoutSeen seen, layout::Plan plan, model::LayoutNote note, bool take_staged);
    Task<Result<void>> take_out(model::MemberRow target, std::string what, std::string by);
    Task<Result<void>> set_stage(io::NodeNumber number, model::MemberStage stage);
    Task<Result<void>> end_membership(model::MemberRow target, bool allow_loss);
    Task<Result<model::MemberRow>> judge_joiner(model::InvitationName invitation, Joiner joiner);
    Task<Result<model::Welcome>> place_joiner(model::MemberRow row);
    Task<Result<cluster::Invitation>> show(model::InvitationRow row);

    io::Env& env_;
    MemberBook members_;
    InvitationBook invitations_;
    LayoutBook layouts_;
    Surroundings& surroundings_;
    Identity identity_;
    std::vector<model::MemberRow> known_;  // as last read
};

}  // namespace larder::control
