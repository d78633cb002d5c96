// What the control plane is told by the rest of its node, and tells it. Engine thread.
#pragma once

#include "replication/cluster.h"
#include "replication/layout/history.h"
#include "replication/model/invitation.h"
#include "replication/model/member.h"

namespace larder::control {

using base::Result;
using io::Task;

// What is known of the line to another member.
struct Contact {
    bool up = false;
    std::optional<base::WallTime> last_seen;
    std::optional<base::Duration> rtt;
};

// What lets a machine in: the text that is given to it, and what the cluster keeps of it.
struct Token {
    std::string text;
    model::InvitationName name;
    base::NodeId key;
};

class Surroundings {
 public:
    virtual ~Surroundings() = default;

    // The layouts in force, as this node knows them.
    virtual layout::History history() const = 0;
    // A layout that is decided: to be in force here, durably, and made known to the others. Idempotent. One that is
    // more than one ahead of those known here may be left to come with the ones between.
    virtual Task<Result<void>> adopt(layout::Layout next) = 0;
    // Gives nodes up in all epochs before the newest (layout::give_up). Idempotent.
    virtual Task<Result<void>> give_up(std::vector<base::NodeId> dead, bool allow_loss) = 0;
    // Members that are gone are not among them. Called whenever they may have changed.
    virtual void members_are(const std::vector<model::MemberRow>& members) = 0;

    virtual Contact contact(io::NodeNumber member) const = 0;
    virtual std::optional<cluster::CatchingUp> catching_up(io::NodeNumber member) const = 0;
    // The bytes of content that each partition holds, each byte counted once.
    virtual Task<Result<std::vector<std::uint64_t>>> partition_bytes() = 0;
    // Bytes per second that a member takes in.
    virtual std::uint64_t bandwidth() const = 0;
    // Whether others can be let in here; a token with a new secret, which says how to reach this node.
    virtual bool makes_tokens() const = 0;
    virtual Result<Token> make_token(base::WallTime expires) = 0;
};

}  // namespace larder::control
