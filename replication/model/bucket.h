// Rows of buckets, their names, and access keys.
#pragma once

#include "replication/engine.h"

namespace larder::model {

struct BucketRow {
    engine::Bucket bucket;
    std::uint16_t index_shards = 1;
    bool deleting = false;  // no more writes; being emptied of uploads and names
    // Whose deletion it is, while it is being deleted: node and boot. Zero where a Larder of one node wrote it.
    std::uint32_t deleter = 0;
    std::uint32_t deleter_boot = 0;
};

std::string encode_bucket(const BucketRow& row);
base::Result<BucketRow> decode_bucket(std::string_view bytes);
std::string encode_access_key(const engine::AccessKey& key);
base::Result<engine::AccessKey> decode_access_key(std::string_view bytes);

}  // namespace larder::model
