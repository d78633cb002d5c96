// What the control plane is told by the rest of its node, and tells it. Engine thread.
#pragma once

#include "replication/cluster.h"
#include "replication/layout/history.h"
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

// What a token carries besides what its maker knows of itself (addresses, the cluster's fingerprint).
struct TokenFacts {
    std::string secret;  // 16 random bytes; whoever has them may join
    base::WallTime expires;
    std::uint32_t uses = 1;
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
    // The text of a token; nothing where others cannot be let in.
    virtual bool makes_tokens() const = 0;
    virtual std::string token(const TokenFacts& facts) const = 0;
};

}  // namespace larder::control
