// How a machine that holds an invitation becomes known to a cluster, over the port for nodes.
//
// TLS proves the two node keys. Over it, first the cluster proves that it keeps the invitation (it knows the public key
// that follows from the secret, which only members do), then the machine proves that it has the secret itself, by a
// signature. Both proofs are over the connection's own secret, both node keys and the cluster's fingerprint, so that
// they are worth nothing on another connection, to another node, or later. docs/decisions/0036.
#pragma once

#include "src/io/real_env.h"
#include "src/rpc/invitation.h"
#include "src/rpc/node_door.h"

#include <expected>
#include <functional>
#include <memory>
#include <string>

namespace larder::rpc {

constexpr std::size_t kJoinBytesMax = 1u << 20;  // of facts, and of a welcome

// Who asks, with all that is proved.
struct Joiner {
    base::NodeId id;
    InvitationId invitation;
    std::string address;  // where it comes from
    std::string facts;    // as it gave them
};

struct JoinRules {
    Fingerprint cluster;
    // The invitation of this name, if it is open. not_found: never made, used, withdrawn.
    std::function<io::Task<base::Result<KeptInvitation>>(InvitationId id)> find;
    // Uses the invitation up and makes the machine a member, in one conditional write; gives what it needs to know.
    // Called only when everything was proved and the invitation holds. Two may prove the same at once: one must fail
    // with not_found.
    std::function<io::Task<base::Result<std::string>>(Joiner joiner)> accept;
};

class JoinDoor {
 public:
    // Serves Purpose::join at the door. References outlive this. `self` is this node's id.
    JoinDoor(io::RealEnv& world, NodeDoor& door, const base::NodeId& self, JoinRules rules);
    ~JoinDoor();
    JoinDoor(const JoinDoor&) = delete;
    JoinDoor& operator=(const JoinDoor&) = delete;

    struct Impl;

 private:
    std::unique_ptr<Impl> impl_;
};

struct Welcome {
    std::string bytes;  // of JoinRules::accept
    base::NodeId from;
    std::string address;  // where that node was reached
    base::Duration round_trip{};
};

struct JoinOptions {
    base::Duration patience = std::chrono::seconds(5);   // for each address, and each step
    base::Duration decision = std::chrono::seconds(30);  // for being accepted
    base::Duration clocks_apart = std::chrono::minutes(2);
};

// Tries the addresses of the invitation in their order until one leads to the cluster. Troubles: cannot-reach (with
// what was tried), wrong-cluster (somebody else answers there), clock-skew, token-used (or withdrawn, or unknown),
// token-expired, not-accepted (the cluster's own reason).
io::Task<std::expected<Welcome, JoinTrouble>> ask_to_join(io::RealEnv& world, NodeKey key, Invitation invitation,
                                                          std::string facts, JoinOptions options = {});

}  // namespace larder::rpc
