// Rows of buckets, their names, and access keys.
#pragma once

#include "replication/engine.h"

namespace larder::model {

struct BucketRow {
    engine::Bucket bucket;
    std::uint16_t index_shards = 1;
    bool deleting = false;  // no more writes; being emptied of uploads and names
};

std::string encode_bucket(const BucketRow& row);
base::Result<BucketRow> decode_bucket(std::string_view bytes);
std::string encode_access_key(const engine::AccessKey& key);
base::Result<engine::AccessKey> decode_access_key(std::string_view bytes);

}  // namespace larder::model
