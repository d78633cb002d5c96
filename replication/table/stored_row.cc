#include "replication/table/stored_row.h"

namespace larder::table {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kFenced = 1;
constexpr std::uint8_t kTombstone = 2;
constexpr std::uint8_t kVersionIsAcc = 4;  // most rows: written once, plainly
constexpr std::uint8_t kHasFence = 8;

}  // namespace

std::string encode_row(const StoredRow& row) {
    codec::Writer out;
    out.reserve(row.row.size() + 48);
    const bool version_is_acc = row.version == row.acc;
    const std::uint8_t flags =
        static_cast<std::uint8_t>((row.fenced ? kFenced : 0) | (row.tombstone ? kTombstone : 0) |
                                  (version_is_acc ? kVersionIsAcc : 0) | (row.fence.is_zero() ? 0 : kHasFence));
    out.u8(kFormat).u8(flags).tag(row.acc);
    if (!version_is_acc) out.tag(row.version);
    if (!row.fence.is_zero()) out.tag(row.fence);
    out.varint(row.body_size).raw(row.row);
    return out.take();
}

base::Result<StoredRow> decode_row(std::string_view bytes) {
    return decode_row_front(bytes, SIZE_MAX);
}

base::Result<StoredRow> decode_row_front(std::string_view bytes, std::size_t row_bytes) {
    codec::Reader in(bytes);
    StoredRow row;
    const auto format = in.u8();
    const auto flags = in.u8();
    row.acc = in.tag();
    row.version = (flags & kVersionIsAcc) != 0 ? row.acc : in.tag();
    if ((flags & kHasFence) != 0) row.fence = in.tag();
    row.fenced = (flags & kFenced) != 0;
    row.tombstone = (flags & kTombstone) != 0;
    row.body_size = static_cast<std::uint32_t>(in.varint());
    if (!in.ok() || format != kFormat) {
        return base::fail(base::Code::corrupted, base::Subject::row, "a row has malformed bytes");
    }
    row.row = in.rest().substr(0, row_bytes);
    return row;
}

std::string row_place(TableId table, std::string_view partition_key, std::string_view sort_key) {
    std::string out;
    out.reserve(3 + partition_key.size() + sort_key.size());
    out.push_back(static_cast<char>(table));
    out.push_back(static_cast<char>(partition_key.size() >> 8));
    out.push_back(static_cast<char>(partition_key.size()));
    out.append(partition_key).append(sort_key);
    return out;
}

std::string row_place(TableId table, const RowKey& key) {
    return row_place(table, key.partition_key, key.sort_key);
}

std::string body_place(TableId table, base::Tag version) {
    std::string out(1, static_cast<char>(table));
    out += version.encode();
    return out;
}

std::string after_prefix(std::string prefix) {
    while (!prefix.empty() && static_cast<std::uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
    if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<std::uint8_t>(prefix.back()) + 1);
    return prefix;
}

}  // namespace larder::table
