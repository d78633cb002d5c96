// The tables of a cluster and how their rows are keyed. Ids stand in stored keys: never reused.
#pragma once

#include "replication/engine.h"
#include "replication/table/register.h"

#include <string>

namespace larder::model {

constexpr table::TableId kBuckets = 1;      // partition key "buckets", sort key bucket id
constexpr table::TableId kBucketNames = 2;  // partition key "names", sort key name
constexpr table::TableId kAccessKeys = 3;   // partition key "keys", sort key access key id
constexpr table::TableId kObjects = 4;      // partition key bucket id and index shard, sort key object key
constexpr table::TableId kUploads = 5;      // partition key bucket id, sort key object key, 0, upload id
constexpr table::TableId kParts = 6;        // partition key upload id, sort key part number and owner
// 7 held attributes of files; they stand in the object's row now.
constexpr table::TableId kVersions = 8;  // reserved: versions that are no longer current
constexpr table::TableId kIntents = 9;   // partition key node, sort key owner: uploads that may be left half done
constexpr table::TableId kPages = 10;    // partition key owner, sort key page number: long manifests, immutable
constexpr table::TableId kMoves = 11;    // partition key "moves", sort key bucket id and directory: renames under way
constexpr table::TableId kMembers = 12;  // partition key "members": by number, and by node id
constexpr table::TableId kInvitations = 13;  // partition key "invitations", sort key hash of the secret
constexpr table::TableId kLayouts = 14;      // partition key "layout": the newest, and what is staged

inline table::RowKey bucket_row(const base::BucketId& id) {
    return {"buckets", std::string(id.view())};
}
inline table::RowKey name_row(std::string_view name) {
    return {"names", std::string(name)};
}
inline table::RowKey access_key_row(std::string_view id) {
    return {"keys", std::string(id)};
}

// The partition key of a bucket's objects in one index shard.
inline std::string index_shard(const base::BucketId& bucket, std::uint16_t shard) {
    std::string out(bucket.view());
    out.push_back(static_cast<char>(shard >> 8));
    out.push_back(static_cast<char>(shard));
    return out;
}
inline table::RowKey upload_row(const base::BucketId& bucket, std::string_view key, const base::UploadId& id) {
    std::string sort(key);
    sort.push_back('\0');
    return {std::string(bucket.view()), sort.append(id.view())};
}
// Sorts by number.
inline std::string numbered(int number) {
    return {static_cast<char>(number >> 8), static_cast<char>(number)};
}
// Every write of a part has a row of its own, and the newest of a number counts: what a completion has chosen is never
// replaced under it. Those not chosen go when the upload has ended.
inline table::RowKey part_row(const base::UploadId& upload, int number, const base::UploadId& owner) {
    return {std::string(upload.view()), numbered(number).append(owner.view())};
}
inline table::RowKey page_row(const base::UploadId& owner, std::uint32_t page) {
    return {std::string(owner.view()), numbered(static_cast<int>(page))};
}
inline std::string intents_of(std::uint32_t node) {
    return "intents-" + std::to_string(node);
}

}  // namespace larder::model
