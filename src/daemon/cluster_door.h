// How a daemon lets machines into its cluster, and asks to be let into one: the control plane and the links put
// together.
#pragma once

#include "replication/control/control.h"
#include "src/admin/protocol.h"
#include "src/rpc/join.h"

#include <expected>
#include <string>

namespace larder::daemon {

// Of a cluster: it follows from the key of its first member, whose row every member has for ever.
rpc::Fingerprint fingerprint_of(const base::NodeId& founder);

// A token with a new secret. invalid_argument/token when no address can stand in it.
base::Result<control::Token> make_token(io::Random& random, const rpc::Fingerprint& cluster,
                                        const std::vector<std::string>& addresses, base::WallTime expires);

// Lets in whom `cluster` lets in. Both outlive the door that goes by these rules. A refusal that the joiner can do
// something about is an answer too, so that it comes with its code.
rpc::JoinRules join_rules(control::ClusterControl& cluster, const rpc::Fingerprint& fingerprint);

// What came of asking: what this machine must keep, and what it may be told.
struct Joined {
    model::Welcome welcome;
    std::string address;  // where the cluster was reached
    base::Duration round_trip{};
};
// Asks at the token's addresses. Problems: those of a token and of reaching the cluster, and the cluster's own, among
// them same-place when others stand in its place and `zone_agreed` is not set.
io::Task<std::expected<Joined, admin::Problem>> ask_for_membership(io::RealEnv& world, rpc::NodeKey key,
                                                                   std::string token, control::Machine machine,
                                                                   bool zone_agreed);

}  // namespace larder::daemon
