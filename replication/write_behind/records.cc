#include "replication/write_behind/records.h"

#include "replication/remote/messages.h"
#include "src/codec/codec.h"

namespace larder::behind {

namespace {

constexpr std::uint8_t kMade = 1;
constexpr std::uint8_t kChanged = 2;

}  // namespace

std::string encode(const Unstored& unstored) {
    codec::Writer out;
    if (const auto* const made = std::get_if<Made>(&unstored)) {
        out.u8(kMade).raw(remote::encode(remote::Create{made->file}));
        return out.take();
    }
    const auto& changed = std::get<Changed>(unstored);
    out.u8(kChanged).u64(changed.inode);
    out.bytes(remote::encode(remote::SetAttributes{changed.key, changed.attributes}));
    for (const auto& [offset, data] : changed.writes) out.varint(offset).bytes(data.chars());
    return out.take();
}

base::Result<Unstored> decode_unstored(std::string_view body) {
    codec::Reader in(body);
    const auto kind = in.u8();
    const auto unknown = base::fail(base::Code::corrupted, "a record of the mount's journal is of no known kind");
    if (kind == kMade) {
        TRY(auto request, remote::decode_request(in.rest()));
        auto* const create = std::get_if<remote::Create>(&request);
        if (create == nullptr) return unknown;
        return Made{std::move(create->file)};
    }
    if (kind != kChanged) return unknown;
    Changed changed;
    changed.inode = in.u64();
    TRY(auto request, remote::decode_request(in.bytes()));
    auto* const attributes = std::get_if<remote::SetAttributes>(&request);
    if (attributes == nullptr) return unknown;
    changed.key = std::move(attributes->key);
    changed.attributes = std::move(attributes->changes);
    while (in.ok() && !in.at_end()) {
        const auto offset = in.varint();
        changed.writes.push_back({offset, base::Buffer::copy_of(in.bytes())});
    }
    TRY_VOID(in.finish("record of the mount's journal"));
    return changed;
}

}  // namespace larder::behind
