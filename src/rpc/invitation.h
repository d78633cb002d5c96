// Invitations: a line of text that lets one machine into a cluster, once and for a while.
//
//   larder1 | payload in base32 | 6 check characters (bech32m, BIP 350, of any length)
//
// The payload (docs/formats.md, "Invitations") says how to reach the cluster, its fingerprint, until when the
// invitation holds, and a secret. The secret is in the line alone. What the cluster keeps is a public key that follows
// from it.
#pragma once

#include "src/base/id.h"
#include "src/base/time.h"
#include "src/io/random.h"
#include "src/rpc/node_key.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace larder::rpc {

using Fingerprint = base::Id<struct FingerprintKind, 16>;            // of a cluster; every member knows it
using InvitationSecret = base::Id<struct InvitationSecretKind, 16>;  // random
using InvitationId = base::Id<struct InvitationIdKind, 8>;           // names an invitation, tells nothing of it

enum class InvitationRole : std::uint8_t { machine = 1, client = 2, admin = 3 };

struct Invitation {
    InvitationRole role = InvitationRole::machine;
    base::WallTime expires;  // whole seconds, until 2106
    Fingerprint cluster;
    InvitationSecret secret;
    std::vector<std::string> addresses;  // "host:port", one to three, in the order to try them
};
constexpr std::size_t kInvitationAddressesMax = 3;

// What the cluster keeps of an invitation. Whoever reads it cannot make the invitation of it.
struct KeptInvitation {
    base::NodeId key;  // public half of the key pair that follows from the secret
    base::WallTime expires;
    InvitationId id() const;
};
KeptInvitation kept(const Invitation& invitation);
// The private half, in the hands of who is invited.
NodeKey key_of(const InvitationSecret& secret);

// What is wrong with an invitation, or went wrong with joining, for a person. `code` is a fixed word: token-typo,
// token-expired, token-newer, and those of join.h.
struct JoinTrouble {
    std::string code;
    std::string message;
    std::vector<std::string> facts;
};

// invalid_argument: an address that is none, too long a name, or not one to three of them.
base::Result<std::string> encode_token(const Invitation& invitation);
// White space around it and upper case are taken. token-typo says how long it should be and is, or which letter is
// wrong; token-expired when `now` is later than it holds, since when.
std::expected<Invitation, JoinTrouble> decode_token(std::string_view text, base::WallTime now);

}  // namespace larder::rpc
