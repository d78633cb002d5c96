// Rows of invitations to a cluster. The secret that stands in a token is kept by nobody: only a public key is that
// follows from it, by which a joiner's signature is judged (src/rpc/invitation.h).
#pragma once

#include "replication/table/register.h"

namespace larder::model {

using InvitationName = base::Id<struct InvitationNameKind, 8>;  // follows from the key, tells nothing of the secret

struct InvitationRow {
    struct Use {
        base::NodeId node;
        base::WallTime when;
        bool operator==(const Use&) const = default;
    };

    InvitationName name;
    base::NodeId key;
    std::string made_by;  // the machine and the user, for the list
    base::WallTime made;
    base::WallTime expires;
    std::uint32_t uses_max = 1;
    std::vector<Use> uses;
    bool revoked = false;

    bool operator==(const InvitationRow&) const = default;
    std::uint32_t uses_left() const {
        return uses.size() >= uses_max ? 0 : uses_max - static_cast<std::uint32_t>(uses.size());
    }
};

std::string encode_invitation(const InvitationRow& row);
base::Result<InvitationRow> decode_invitation(std::string_view bytes);

inline constexpr std::string_view kInvitationsKey = "invitations";
table::RowKey invitation_row(const InvitationName& name);

// Takes a use for the node, unless it has one: whoever asks again after a broken line is let through again, without
// another use. Fails with permission_denied/token when it was withdrawn, precondition_failed/token when it has run
// out, and already_exists/token when others have used it up.
base::Result<void> use_invitation(InvitationRow& row, const base::NodeId& node, base::WallTime now);

// "3 hours", "2 days": a span as people say it, rounded down, at least one second.
std::string span_text(std::int64_t milliseconds);

}  // namespace larder::model
