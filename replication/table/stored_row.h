// A register as a replica keeps it, and as it travels.
#pragma once

#include "replication/table/register.h"
#include "src/codec/codec.h"

#include <optional>
#include <string>

namespace larder::table {

struct StoredRow {
    base::Tag acc;           // tag under which the value was last accepted
    base::Tag fence;         // highest ballot promised or accepted under one
    base::Tag version;       // tag of the write that proposed the value; survives re-acceptance; zero: no value ever
    bool fenced = false;     // accepted under a prepared ballot
    bool tombstone = false;  // a deletion
    std::uint32_t body_size = 0;
    std::string row;
    // In memory and in range replies only: what stands here cannot be read, so nothing is known of it.
    bool damaged = false;

    bool has_value() const { return !version.is_zero() && !tombstone; }
};

// Format 1 (docs/formats.md, "Rows").
std::string encode_row(const StoredRow& row);
base::Result<StoredRow> decode_row(std::string_view bytes);
// The same, keeping at most `row_bytes` of the row.
base::Result<StoredRow> decode_row_front(std::string_view bytes, std::size_t row_bytes);

// Where a row lies: table, length of the partition key, partition key, sort key. Rows of one partition key are adjacent
// and ordered by sort key.
std::string row_place(TableId table, const RowKey& key);
std::string row_place(TableId table, std::string_view partition_key, std::string_view sort_key);
std::string body_place(TableId table, base::Tag version);

// The least key greater than all that begin with `prefix`; empty when there is none.
std::string after_prefix(std::string prefix);

}  // namespace larder::table
