#include "replication/model/membership.h"

#include "src/base/crc.h"
#include "src/codec/codec.h"

#include <algorithm>

namespace larder::model {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kSumBytes = 4;
constexpr std::string_view kFile = "/member";

std::unexpected<base::Error> damaged(std::string_view what) {
    return base::fail(Code::corrupted, Subject::row, "what is kept of the cluster is damaged: " + std::string(what));
}

Result<void> take_members(codec::Reader& in, Membership& out) {
    for (auto left = in.count(base::NodeId::kSize); left > 0 && in.ok(); --left) {
        TRY(auto row, decode_member(in.bytes()));
        if (!out.members.empty() && out.members.back().number >= row.number) return damaged("members out of order");
        out.members.push_back(std::move(row));
    }
    return {};
}

Result<void> take_layouts(codec::Reader& in, Membership& out) {
    for (auto left = in.count(base::NodeId::kSize); left > 0 && in.ok(); --left) {
        auto layout = layout::decode(in.bytes());
        if (!layout) return damaged(layout.error().message);
        const auto epoch = layout->epoch;
        if (!out.live.empty() && out.live.rbegin()->first + 1 != epoch) return damaged("layouts with a gap");
        out.live.emplace(epoch, std::move(*layout));
    }
    for (auto left = in.count(base::NodeId::kSize + 1); left > 0 && in.ok(); --left) {
        const auto node = in.id<base::NodeId>();
        out.given_up[node] = in.varint();
    }
    return {};
}

}  // namespace

const MemberRow* Membership::find(io::NodeNumber number) const {
    const auto found = std::ranges::find(members, number, &MemberRow::number);
    return found == members.end() ? nullptr : &*found;
}

std::string encode_membership(const Membership& membership) {
    codec::Writer out;
    out.u8(kFormat).bytes(membership.cluster_name).u32(membership.self).varint(membership.members.size());
    for (const auto& row : membership.members) out.bytes(encode_member(row));
    out.varint(membership.live.size());
    for (const auto& [epoch, layout] : membership.live) out.bytes(layout::encode(layout));
    out.varint(membership.given_up.size());
    for (const auto& [node, epoch] : membership.given_up) out.raw(node.view()).varint(epoch);
    out.u32(base::crc32c(out.view()));
    return out.take();
}

Result<Membership> decode_membership(std::string_view bytes) {
    if (bytes.size() <= kSumBytes) return damaged("cut short");
    if (static_cast<std::uint8_t>(bytes.front()) != kFormat) return damaged("of no known format");
    const auto body = bytes.substr(0, bytes.size() - kSumBytes);
    if (codec::Reader(bytes.substr(body.size())).u32() != base::crc32c(body)) return damaged("the sum does not match");
    codec::Reader in(body.substr(1));
    Membership out;
    out.cluster_name = in.bytes();
    out.self = in.u32();
    TRY_VOID(take_members(in, out));
    TRY_VOID(take_layouts(in, out));
    TRY_VOID(in.finish("membership"));
    if (out.find(out.self) == nullptr) return damaged("this node is not among the members");
    return out;
}

std::string encode_welcome(const Welcome& welcome) {
    codec::Writer out;
    out.u8(kFormat).bytes(encode_membership(welcome.membership)).varint(welcome.bytes_to_copy).varint(welcome.seconds);
    return out.take();
}

Result<Welcome> decode_welcome(std::string_view bytes) {
    codec::Reader in(bytes);
    const auto format = in.u8();
    const auto membership = in.bytes();
    Welcome out;
    out.bytes_to_copy = in.varint();
    out.seconds = in.varint();
    TRY_VOID(in.finish("welcome"));
    if (format != kFormat) return damaged("a welcome of no known format");
    TRY(out.membership, decode_membership(membership));
    return out;
}

Result<Membership> read_membership(io::Disk& disk, const std::string& meta_folder) {
    const auto path = meta_folder + std::string(kFile);
    TRY(const auto there, disk.exists(path));
    if (!there) return base::fail(Code::not_found, Subject::node, "there is no " + path);
    TRY(const auto bytes, disk.read_file(path));
    return decode_membership(bytes);
}

Result<void> write_membership(io::Disk& disk, const std::string& meta_folder, const Membership& membership) {
    return disk.write_file(meta_folder + std::string(kFile), encode_membership(membership));
}

}  // namespace larder::model
