#include "replication/table/stored_row.h"

#include "src/base/hash.h"

namespace larder::table {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kFenced = 1;
constexpr std::uint8_t kTombstone = 2;
constexpr std::uint8_t kVersionIsAcc = 4;  // most rows: written once, plainly
constexpr std::uint8_t kHasFence = 8;
constexpr std::uint8_t kHasBodyMark = 16;

std::uint8_t flags_of(const RowView& row) {
    return static_cast<std::uint8_t>((row.fenced ? kFenced : 0) | (row.tombstone ? kTombstone : 0) |
                                     (row.version == row.acc ? kVersionIsAcc : 0) |
                                     (row.fence.is_zero() ? 0 : kHasFence) | (row.body_mark == 0 ? 0 : kHasBodyMark));
}

// Bytes of format 1.
std::size_t encoded_bytes(const RowView& row, std::uint8_t flags) {
    const std::size_t tags = 1 + ((flags & kVersionIsAcc) != 0 ? 0 : 1) + ((flags & kHasFence) != 0 ? 1 : 0);
    const std::size_t mark = (flags & kHasBodyMark) != 0 ? sizeof row.body_mark : 0;
    return 2 + tags * base::Tag::kSize + mark + codec::varint_bytes(row.body_size) + row.row.size();
}

void append_bytes(codec::Writer& out, const RowView& row, std::uint8_t flags) {
    out.u8(kFormat).u8(flags).tag(row.acc);
    if ((flags & kVersionIsAcc) == 0) out.tag(row.version);
    if ((flags & kHasFence) != 0) out.tag(row.fence);
    if ((flags & kHasBodyMark) != 0) out.u64(row.body_mark);
    out.varint(row.body_size).raw(row.row);
}

template <typename To, typename From>
To copy_of(const From& row) {
    return {row.acc, row.fence, row.version, row.fenced, row.tombstone, row.body_size, {}, row.damaged, row.body_mark};
}

}  // namespace

RowView view_of(const StoredRow& row) {
    auto out = copy_of<RowView>(row);
    out.row = row.row;
    return out;
}

StoredRow owned(const RowView& row) {
    auto out = copy_of<StoredRow>(row);
    out.row = row.row;
    return out;
}

std::string encode_row(const StoredRow& row) {
    codec::Writer out;
    const auto view = view_of(row);
    const auto flags = flags_of(view);
    out.reserve(encoded_bytes(view, flags));
    append_bytes(out, view, flags);
    return out.take();
}

void append_row(codec::Writer& out, const RowView& row) {
    const auto flags = flags_of(row);
    out.varint(encoded_bytes(row, flags));
    append_bytes(out, row, flags);
}

base::Result<StoredRow> decode_row(std::string_view bytes) {
    TRY(const auto row, decode_row_front(bytes, SIZE_MAX));
    return owned(row);
}

base::Result<RowView> decode_row_front(std::string_view bytes, std::size_t row_bytes) {
    codec::Reader in(bytes);
    RowView row;
    const auto format = in.u8();
    const auto flags = in.u8();
    row.acc = in.tag();
    row.version = (flags & kVersionIsAcc) != 0 ? row.acc : in.tag();
    if ((flags & kHasFence) != 0) row.fence = in.tag();
    if ((flags & kHasBodyMark) != 0) row.body_mark = in.u64();
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

std::optional<PlaceView> read_place(std::string_view place) {
    if (place.size() < 3) return std::nullopt;
    const auto byte = [place](std::size_t i) { return static_cast<std::size_t>(static_cast<std::uint8_t>(place[i])); };
    const auto length = byte(1) << 8 | byte(2);
    if (place.size() < 3 + length) return std::nullopt;
    return PlaceView{static_cast<TableId>(byte(0)), place.substr(3, length), place.substr(3 + length)};
}

std::string body_place(TableId table, base::Tag version, std::uint64_t mark) {
    codec::Writer out;
    out.u8(table).tag(version);
    if (mark != 0) out.u64(mark);
    return out.take();
}

std::uint64_t body_mark_of(TableId table, const RowKey& key) {
    const auto digest = base::sha256(row_place(table, key));
    std::uint64_t mark = 0;
    for (std::size_t i = 0; i < sizeof mark; ++i) mark = mark << 8 | digest.bytes[i];
    return mark | 1;
}

std::string after_prefix(std::string prefix) {
    while (!prefix.empty() && static_cast<std::uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
    if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<std::uint8_t>(prefix.back()) + 1);
    return prefix;
}

}  // namespace larder::table
