#include "replication/model/invitation.h"

#include "src/codec/codec.h"

#include <algorithm>

namespace larder::model {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kUseBytes = base::NodeId::kSize + 8;

}  // namespace

std::string encode_invitation(const InvitationRow& row) {
    codec::Writer out;
    out.u8(kFormat).raw(row.name.view()).raw(row.key.view()).bytes(row.made_by);
    out.u64(static_cast<std::uint64_t>(row.made.ms)).u64(static_cast<std::uint64_t>(row.expires.ms));
    out.u32(row.uses_max).boolean(row.revoked).varint(row.uses.size());
    for (const auto& use : row.uses) out.raw(use.node.view()).u64(static_cast<std::uint64_t>(use.when.ms));
    return out.take();
}

Result<InvitationRow> decode_invitation(std::string_view bytes) {
    codec::Reader in(bytes);
    InvitationRow row;
    const auto format = in.u8();
    row.name = in.id<InvitationName>();
    row.key = in.id<base::NodeId>();
    row.made_by = in.bytes();
    row.made.ms = static_cast<std::int64_t>(in.u64());
    row.expires.ms = static_cast<std::int64_t>(in.u64());
    row.uses_max = in.u32();
    row.revoked = in.boolean();
    for (auto left = in.count(kUseBytes); left > 0 && in.ok(); --left) {
        InvitationRow::Use use;
        use.node = in.id<base::NodeId>();
        use.when.ms = static_cast<std::int64_t>(in.u64());
        row.uses.push_back(use);
    }
    TRY_VOID(in.finish("invitation row"));
    if (format != kFormat) return base::fail(Code::corrupted, Subject::row, "an invitation row of unknown form");
    return row;
}

table::RowKey invitation_row(const InvitationName& name) {
    return {std::string(kInvitationsKey), std::string(name.view())};
}

Result<void> use_invitation(InvitationRow& row, const base::NodeId& node, base::WallTime now) {
    if (row.revoked) {
        return base::fail(Code::permission_denied, Subject::token, "this invitation was withdrawn.");
    }
    if (std::ranges::find(row.uses, node, &InvitationRow::Use::node) != row.uses.end()) return {};
    if (row.expires <= now) {
        return base::fail(Code::precondition_failed, Subject::token,
                          "this invitation ran out " + span_text(now.ms - row.expires.ms) +
                              " ago (it was valid until " + base::format_iso8601(row.expires) + ").");
    }
    if (row.uses_left() == 0) {
        return base::fail(Code::already_exists, Subject::token, "this invitation was used already.");
    }
    row.uses.push_back({node, now});
    return {};
}

std::string span_text(std::int64_t milliseconds) {
    static constexpr std::pair<std::int64_t, std::string_view> units[] = {
        {86'400'000, "day"}, {3'600'000, "hour"}, {60'000, "minute"}, {1000, "second"}};
    for (const auto& [unit, name] : units) {
        const auto count = milliseconds / unit;
        if (count >= 1) return std::to_string(count) + " " + std::string(name) + (count == 1 ? "" : "s");
    }
    return "1 second";
}

}  // namespace larder::model
