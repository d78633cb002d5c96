// What goes with every change of a row on this node's replica, in the same transaction: a bucket's usage, content that
// is named no more, names that files have lost, and buckets that take nothing new. Inside replication/ only.
#pragma once

#include "replication/model/object.h"
#include "replication/table/db_row_store.h"

namespace larder::engine {

// Trees of db used by the engine itself.
constexpr db::TreeId kOldGarbageTree = 48;  // tag of the change → owners; read only, a Larder of one node wrote it
constexpr db::TreeId kUsageTree = 49;       // bucket id → BucketCount (this shard's part)
constexpr db::TreeId kClockTree = 50;       // "floor" → hybrid time
constexpr db::TreeId kLostNamesTree = 51;   // tag of the change, key → names that files with several have lost
constexpr db::TreeId kGarbageTree = 52;     // tag of the change, key → Garbage
// 53: what is known of layouts (cluster/db_keeper_store.h)

// What this node's replica counts of a bucket.
struct BucketCount {
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
    base::Tag closed;  // not zero: nothing new is taken into the bucket, since this version of its row
};
std::string encode_count(const BucketCount& count);
base::Result<BucketCount> decode_count(const std::optional<std::string>& bytes);

// Content that a version of a row named and the next one here does not.
struct Garbage {
    table::RowKey row;
    base::Tag version;  // the one that named it
    std::vector<model::Owner> owners;
};
std::string encode_garbage(const Garbage& garbage);
base::Result<Garbage> decode_garbage(std::string_view bytes);

base::Result<void> after_object_change(db::Writer& rows, const table::RowTransition& change);
base::Result<void> after_upload_change(db::Writer& rows, const table::RowTransition& change);

// Changes of a shard. Closing: unless it is closed already. Opening: what was closed before `version`.
base::Result<void> close_count(db::Writer& rows, std::string_view bucket, base::Tag mark);
base::Result<void> open_count(db::Writer& rows, std::string_view bucket, base::Tag version);

}  // namespace larder::engine
