// A register as a replica keeps it, and as it travels.
#pragma once

#include "replication/table/register.h"
#include "src/codec/codec.h"

#include <optional>
#include <string>

namespace larder::table {

template <typename Bytes>
struct RowOf {
    base::Tag acc;           // tag under which the value was last accepted
    base::Tag fence;         // highest ballot promised or accepted under one
    base::Tag version;       // tag of the write that proposed the value; survives re-acceptance; zero: no value ever
    bool fenced = false;     // accepted under a prepared ballot
    bool tombstone = false;  // a deletion
    std::uint32_t body_size = 0;
    Bytes row;
    // In memory and in range replies only: what stands here cannot be read, so nothing is known of it.
    bool damaged = false;
    // Tells the bodies of rows apart that one change gave the same version. Zero where an older Larder wrote it.
    std::uint64_t body_mark = 0;

    bool has_value() const { return !version.is_zero() && !tombstone; }
};
using StoredRow = RowOf<std::string>;
// A row seen in the bytes that it was decoded from: a scan shows thousands, and most are only passed on.
using RowView = RowOf<std::string_view>;
RowView view_of(const StoredRow& row);
StoredRow owned(const RowView& row);

// Format 1 (docs/formats.md, "Rows").
std::string encode_row(const StoredRow& row);
// The same as a length and the bytes, at the end of a message.
void append_row(codec::Writer& out, const RowView& row);
base::Result<StoredRow> decode_row(std::string_view bytes);
// The same, seen in `bytes` and with at most `row_bytes` of the row.
base::Result<RowView> decode_row_front(std::string_view bytes, std::size_t row_bytes);

// Where a row lies: table, length of the partition key, partition key, sort key. Rows of one partition key are adjacent
// and ordered by sort key.
std::string row_place(TableId table, const RowKey& key);
std::string row_place(TableId table, std::string_view partition_key, std::string_view sort_key);
// What a row's place says; nothing for bytes that are none.
struct PlaceView {
    TableId table = 0;
    std::string_view partition_key, sort_key;
    RowKey key() const { return {std::string(partition_key), std::string(sort_key)}; }
};
std::optional<PlaceView> read_place(std::string_view place);
// Where its body lies: table, version, and the mark where there is one.
std::string body_place(TableId table, base::Tag version, std::uint64_t mark);
// Never zero.
std::uint64_t body_mark_of(TableId table, const RowKey& key);

// The least key greater than all that begin with `prefix`; empty when there is none.
std::string after_prefix(std::string prefix);

}  // namespace larder::table
