// Where rows lie: ids of tables and keys of rows, which stand on disks for ever.
#include "replication/model/rows.h"
#include "tests/unit/model/bytes.h"

namespace larder::model {
namespace {

using base::BucketId;
using base::UploadId;

TEST_CASE("ids of tables", "[model]") {
    const table::TableId ids[] = {kBuckets, kBucketNames, kAccessKeys, kObjects, kUploads, kParts};
    for (int i = 0; i < 6; ++i) CHECK(ids[i] == i + 1);
    const table::TableId later[] = {kVersions, kIntents, kPages, kMoves};
    for (int i = 0; i < 4; ++i) CHECK(later[i] == i + 8);
}

TEST_CASE("keys of control rows", "[model]") {
    const auto id = id_of<BucketId>(0xab);
    CHECK(bucket_row(id) == table::RowKey{"buckets", std::string(16, '\xab')});
    CHECK(name_row("photos") == table::RowKey{"names", "photos"});
    CHECK(access_key_row("LK1") == table::RowKey{"keys", "LK1"});
    CHECK(intents_of(12) == "intents-12");
}

TEST_CASE("keys of content rows", "[model]") {
    const auto bucket = id_of<BucketId>(0xab);
    const auto upload = id_of<UploadId>(0xcd);
    const auto owner = id_of<UploadId>(0xef);
    CHECK(hex(index_shard(bucket, 0x0102)) == repeated("ab", 16) + "0102");
    const auto row = upload_row(bucket, "key", upload);
    CHECK(hex(row.partition_key) == repeated("ab", 16));
    CHECK(hex(row.sort_key) == "6b657900" + repeated("cd", 16));
    const auto part = part_row(upload, 10'000, owner);
    CHECK(hex(part.partition_key) == repeated("cd", 16));
    CHECK(hex(part.sort_key) == "2710" + repeated("ef", 16));
    const auto page = page_row(owner, 300);
    CHECK(hex(page.partition_key) == repeated("ef", 16));
    CHECK(hex(page.sort_key) == "012c");
}

TEST_CASE("part and page numbers sort as numbers", "[model]") {
    for (int number = 0; number < 65'535; ++number) {
        if (!(numbered(number) < numbered(number + 1))) FAIL(number);
    }
}

// Keys hold no zero byte, so that uploads of one key lie together, before those of longer keys.
TEST_CASE("uploads of a key do not mix with those of keys that begin with it", "[model]") {
    const auto bucket = id_of<BucketId>(1);
    const auto last_of_a = upload_row(bucket, "a", id_of<UploadId>(0xff)).sort_key;
    CHECK(last_of_a < upload_row(bucket, "a\1", id_of<UploadId>(0)).sort_key);
    CHECK(last_of_a < upload_row(bucket, "aa", id_of<UploadId>(0)).sort_key);
}

}  // namespace
}  // namespace larder::model
