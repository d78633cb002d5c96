// What a machine that joins and a cluster say to each other: messages and proofs. (The inside of join.h.)
#pragma once

#include "src/rpc/invitation.h"
#include "src/rpc/link.h"

#include <string>
#include <variant>

namespace larder::rpc {

// What both proofs are about.
struct JoinContext {
    std::string binding;  // Secured::binding
    Fingerprint cluster;
    base::NodeId node;
    base::NodeId joiner;
};
std::string proof_of_cluster(const JoinContext& context, const base::NodeId& invitation_key);
std::string words_to_sign(const JoinContext& context, std::string_view facts);

struct JoinBegin {
    InvitationId invitation;
};
struct JoinProve {
    std::string signature;
    std::string facts;
};
using JoinRequest = std::variant<JoinBegin, JoinProve>;
std::string encode_join(const JoinRequest& request);
base::Result<JoinRequest> decode_join(std::string_view bytes);

// The answer to JoinBegin; that to JoinProve is the welcome as it is.
struct JoinBegun {
    std::string proof;
    base::WallTime clock;
};
std::string encode_begun(const JoinBegun& begun);
base::Result<JoinBegun> decode_begun(std::string_view bytes);

LinkOptions join_link_options(base::Duration patience);

}  // namespace larder::rpc
