#include "src/rpc/invitation.h"

#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "src/codec/codec.h"
#include "src/io/tcp_socket.h"
#include "src/rpc/bech32.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstring>

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kPrefix = "larder";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kNameBytesMax = 100;
// Far more than a token has; what is longer is not searched for its error.
constexpr std::size_t kTokenLettersMax = 420;

enum class AddressKind : std::uint8_t { name = 0, v4 = 4, v6 = 6 };

std::unexpected<JoinTrouble> typo(std::string message, std::vector<std::string> facts = {}) {
    return std::unexpected(JoinTrouble{"token-typo", std::move(message), std::move(facts)});
}

Result<void> write_address(codec::Writer& out, const std::string& text) {
    TRY(const auto where, io::parse_host_port(text));
    std::array<char, 16> raw;
    if (::inet_pton(AF_INET, where.host.c_str(), raw.data()) == 1) {
        out.u8(static_cast<std::uint8_t>(AddressKind::v4)).raw({raw.data(), 4});
    } else if (::inet_pton(AF_INET6, where.host.c_str(), raw.data()) == 1) {
        out.u8(static_cast<std::uint8_t>(AddressKind::v6)).raw({raw.data(), 16});
    } else {
        if (where.host.empty() || where.host.size() > kNameBytesMax)
            return fail(Code::invalid_argument, "\"" + text +
                                                    "\" cannot stand in an invitation: its host has not 1 to " +
                                                    std::to_string(kNameBytesMax) + " bytes");
        out.u8(static_cast<std::uint8_t>(AddressKind::name)).bytes(where.host);
    }
    out.u8(static_cast<std::uint8_t>(where.port & 0xff)).u8(static_cast<std::uint8_t>(where.port >> 8));
    return {};
}

// Empty: malformed.
std::string read_address(codec::Reader& in) {
    io::HostPort where;
    const auto kind = static_cast<AddressKind>(in.u8());
    if (kind == AddressKind::name) {
        where.host = in.bytes().substr(0, kNameBytesMax + 1);
    } else {
        const bool v4 = kind == AddressKind::v4;
        if (!v4 && kind != AddressKind::v6) return "";
        const auto raw = in.raw(v4 ? 4 : 16);
        char text[INET6_ADDRSTRLEN];
        if (!in.ok() || ::inet_ntop(v4 ? AF_INET : AF_INET6, raw.data(), text, sizeof text) == nullptr) return "";
        where.host = text;
    }
    const auto low = in.u8();
    where.port = static_cast<std::uint16_t>(low | in.u8() << 8);
    const auto text = io::format_host_port(where);
    // Only what would be written so.
    codec::Writer again;
    return in.ok() && write_address(again, text) ? text : "";
}

std::string encode_payload(const Invitation& invitation, std::string_view addresses, std::size_t length) {
    codec::Writer out;
    out.u8(kVersion).u8(static_cast<std::uint8_t>(length)).u8(static_cast<std::uint8_t>(invitation.role));
    out.u32(static_cast<std::uint32_t>(invitation.expires.seconds()));
    out.raw(invitation.cluster.view()).raw(invitation.secret.view());
    out.u8(static_cast<std::uint8_t>(invitation.addresses.size())).raw(addresses);
    return out.take();
}

std::expected<Invitation, JoinTrouble> decode_payload(std::string_view bytes) {
    codec::Reader in(bytes);
    if (in.u8() > kVersion)
        return std::unexpected(JoinTrouble{
            "token-newer", "this invitation is of a newer larder than this one: install that on this machine too", {}});
    Invitation out;
    const bool whole = in.u8() == bytes.size();
    const auto role = in.u8();
    out.role = static_cast<InvitationRole>(role);
    out.expires.ms = std::int64_t{in.u32()} * 1000;
    out.cluster = in.id<Fingerprint>();
    out.secret = in.id<InvitationSecret>();
    const auto count = in.u8();
    bool good = whole && bytes[0] == static_cast<char>(kVersion) && role >= 1 && role <= 3 && count >= 1 &&
                count <= kInvitationAddressesMax;
    for (int i = 0; good && i < count; ++i) {
        out.addresses.push_back(read_address(in));
        good = !out.addresses.back().empty();
    }
    if (good && in.ok() && in.at_end()) return out;
    return typo("this is no invitation: what it carries cannot be read.");
}

// How many letters the whole has, by what its beginning says; 0: that is lost too.
std::size_t letters_expected(const std::vector<std::uint8_t>& values) {
    if (values.size() < 4) return 0;
    const auto version = values[0] << 3 | values[1] >> 2;
    const auto bytes = static_cast<std::size_t>((values[1] & 3) << 6 | values[2] << 1 | values[3] >> 4);
    if (version != kVersion || bytes < 40) return 0;
    return kPrefix.size() + 1 + (bytes * 8 + 4) / 5 + kCheckLetters;
}

std::unexpected<JoinTrouble> does_not_fit(const std::vector<std::uint8_t>& values) {
    const auto letters = kPrefix.size() + 1 + values.size();
    const auto expected = letters_expected(values);
    if (expected != 0 && expected != letters) {
        const char* const what = letters < expected ? "incomplete" : "too long";
        return typo(std::string("the token is ") + what + ": its check letters do not match.",
                    {"It should have " + std::to_string(expected) + " characters; this has " + std::to_string(letters) +
                     ". Copy the whole line."});
    }
    if (letters <= kTokenLettersMax) {
        if (const auto place = bech32_wrong_place(kPrefix, values))
            return typo("the token has a wrong letter: its check letters do not match.",
                        {"Look at letter " + std::to_string(kPrefix.size() + 2 + *place) + "."});
    }
    return typo("the token is damaged: its check letters do not match.", {"Copy the whole line."});
}

std::string span_of(std::int64_t seconds) {
    const auto of = [](std::int64_t n, const char* unit) {
        return std::to_string(n) + " " + unit + (n == 1 ? "" : "s");
    };
    if (seconds < 120) return of(seconds, "second");
    if (seconds < 2 * 3600) return of(seconds / 60, "minute");
    if (seconds < 2 * 86400) return of(seconds / 3600, "hour");
    return of(seconds / 86400, "day");
}

}  // namespace

NodeKey key_of(const InvitationSecret& secret) {
    const auto seed = base::sha256("larder invitation 1\n" + std::string(secret.view()));
    return NodeKey::from_seed(seed.view());
}

KeptInvitation kept(const Invitation& invitation) {
    return {key_of(invitation.secret).id(), invitation.expires};
}

InvitationId KeptInvitation::id() const {
    return *InvitationId::from(base::sha256("larder invitation id 1\n" + std::string(key.view())).view().substr(0, 8));
}

Result<std::string> encode_token(const Invitation& invitation) {
    const auto count = invitation.addresses.size();
    if (count < 1 || count > kInvitationAddressesMax)
        return fail(Code::invalid_argument, "an invitation has one to three addresses, not " + std::to_string(count));
    codec::Writer addresses;
    for (const auto& address : invitation.addresses) TRY_VOID(write_address(addresses, address));
    const auto length = encode_payload(invitation, addresses.view(), 0).size();
    if (length > 255)
        return fail(Code::invalid_argument, "the addresses are too long for an invitation: give fewer or shorter ones");
    return bech32_encode(kPrefix, encode_payload(invitation, addresses.view(), length));
}

std::expected<Invitation, JoinTrouble> decode_token(std::string_view text, base::WallTime now) {
    text = base::trim(text);
    auto lower = base::to_lower(text);
    if (!lower.starts_with(std::string(kPrefix) + '1'))
        return typo("this is no invitation: one begins with \"larder1\".");
    std::vector<std::uint8_t> values;
    for (std::size_t i = kPrefix.size() + 1; i < lower.size(); ++i) {
        const auto value = bech32_value(lower[i]);
        if (!value)
            return typo("the token has a letter that no token has.", {"Look at letter " + std::to_string(i + 1) + "."});
        values.push_back(*value);
    }
    if (!bech32_fits(kPrefix, values)) return does_not_fit(values);
    const auto bytes = bech32_bytes(values);
    if (!bytes || bytes->empty()) return typo("this is no invitation: what it carries cannot be read.");
    auto invitation = decode_payload(*bytes);
    if (!invitation || now.ms <= invitation->expires.ms) return invitation;
    const auto ago = span_of((now.ms - invitation->expires.ms) / 1000);
    const auto until = base::format_iso8601(invitation->expires);
    return std::unexpected(JoinTrouble{"token-expired",
                                       "this invitation ran out " + ago + " ago (it was valid until " +
                                           until.substr(0, 10) + " " + until.substr(11, 5) + " UTC).",
                                       {}});
}

}  // namespace larder::rpc
