#include "replication/model/member.h"

#include "src/base/encoding.h"
#include "src/codec/codec.h"

#include <algorithm>

namespace larder::model {

using base::Result;

namespace {

constexpr std::uint8_t kFormat = 1;

std::unexpected<base::Error> damaged(std::string_view what) {
    return base::fail(base::Code::corrupted, base::Subject::row, std::string(what) + " of unknown form");
}

bool is_sound(const MemberRow& row) {
    const auto fits = [](const std::string& address) {
        return !address.empty() && address.size() <= kMemberAddressBytesMax;
    };
    return row.number != 0 && is_member_name(row.name) && row.addresses.size() <= kMemberAddressesMax &&
           std::ranges::all_of(row.addresses, fits) && row.stage <= MemberStage::gone;
}

}  // namespace

bool is_member_name(std::string_view text) {
    return !text.empty() && text.size() <= kMemberNameBytesMax && base::is_utf8(text) &&
           std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::string encode_member(const MemberRow& row) {
    codec::Writer out;
    out.u8(kFormat).u32(row.number).raw(row.id.view()).bytes(row.name).bytes(row.zone).varint(row.capacity);
    out.boolean(row.gateway).varint(row.addresses.size());
    for (const auto& address : row.addresses) out.bytes(address);
    out.bytes(row.release).u64(static_cast<std::uint64_t>(row.joined.ms)).bytes(row.invitation);
    out.u8(static_cast<std::uint8_t>(row.stage)).u64(static_cast<std::uint64_t>(row.changed.ms));
    return out.take();
}

Result<MemberRow> decode_member(std::string_view bytes) {
    codec::Reader in(bytes);
    MemberRow row;
    const auto format = in.u8();
    row.number = in.u32();
    row.id = in.id<base::NodeId>();
    row.name = in.bytes();
    row.zone = in.bytes();
    row.capacity = in.varint();
    row.gateway = in.boolean();
    for (auto left = in.count(); left > 0 && in.ok(); --left) row.addresses.emplace_back(in.bytes());
    row.release = in.bytes();
    row.joined.ms = static_cast<std::int64_t>(in.u64());
    row.invitation = in.bytes();
    row.stage = static_cast<MemberStage>(in.u8());
    row.changed.ms = static_cast<std::int64_t>(in.u64());
    TRY_VOID(in.finish("member row"));
    if (format != kFormat || !is_sound(row)) return damaged("a member row");
    return row;
}

std::string encode_number(io::NodeNumber number) {
    return codec::Writer().u8(kFormat).u32(number).take();
}

Result<io::NodeNumber> decode_number(std::string_view bytes) {
    codec::Reader in(bytes);
    const auto format = in.u8();
    const auto number = in.u32();
    TRY_VOID(in.finish("member number"));
    if (format != kFormat || number == 0) return damaged("a member number");
    return number;
}

table::RowKey member_row(io::NodeNumber number) {
    std::string sort(kByNumber);
    for (int shift = 24; shift >= 0; shift -= 8) sort.push_back(static_cast<char>(number >> shift));
    return {std::string(kMembersKey), std::move(sort)};
}

table::RowKey member_id_row(const base::NodeId& id) {
    return {std::string(kMembersKey), std::string(kById).append(id.view())};
}

}  // namespace larder::model
