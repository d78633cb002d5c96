// Rows of buckets and access keys, byte for byte as docs/formats.md lays them out.
#include "replication/model/bucket.h"
#include "tests/unit/model/bytes.h"

namespace larder::model {
namespace {

using base::BucketId;

const std::string kIdHex = repeated("ab", 16);

BucketRow some_bucket() {
    BucketRow row;
    row.bucket.id = id_of<BucketId>(0xab);
    row.bucket.names = {"photos", "p2"};
    row.bucket.created = {0x0102030405};
    row.bucket.owner_key = "LK1";
    row.bucket.quota.bytes_max = 300;
    row.bucket.settings = {{"cors", "<x/>"}, {"tagging", ""}};
    row.index_shards = 2;
    return row;
}

TEST_CASE("bytes of a bucket", "[model]") {
    const auto bytes = encode_bucket(some_bucket());
    CHECK(hex(bytes) == "01" + kIdHex +
                            "0504030201000000"
                            "034c4b31"
                            "02000000"
                            "00"
                            "01ac02"
                            "0000"
                            "02"
                            "0670686f746f73"
                            "027032"
                            "02"
                            "04636f7273"
                            "043c782f3e"
                            "0774616767696e67"
                            "00");
    const auto back = decode_bucket(bytes);
    REQUIRE(back);
    const auto& bucket = back->bucket;
    CHECK(bucket.id == id_of<BucketId>(0xab));
    CHECK(bucket.names == std::vector<std::string>{"photos", "p2"});
    CHECK(bucket.created.ms == 0x0102030405);
    CHECK(bucket.owner_key == "LK1");
    CHECK(bucket.quota.bytes_max == 300u);
    CHECK_FALSE(bucket.quota.objects_max);
    CHECK(bucket.settings == std::map<std::string, std::string>{{"cors", "<x/>"}, {"tagging", ""}});
    CHECK(back->index_shards == 2);
    CHECK_FALSE(back->deleting);
    reads_only_whole(bytes, decode_bucket);
}

TEST_CASE("a quota of nothing is not the same as no quota", "[model]") {
    auto row = some_bucket();
    row.bucket.quota = {0, 0};
    row.deleting = true;
    const auto back = decode_bucket(encode_bucket(row));
    REQUIRE(back);
    CHECK(back->bucket.quota.bytes_max == 0u);
    CHECK(back->bucket.quota.objects_max == 0u);
    CHECK(back->deleting);
    row.bucket.quota = {UINT64_MAX, std::nullopt};
    CHECK(decode_bucket(encode_bucket(row))->bucket.quota.bytes_max == UINT64_MAX);
}

// Rows of no shard could never be found again.
TEST_CASE("a bucket without an index shard is damage", "[model]") {
    auto row = some_bucket();
    row.index_shards = 0;
    CHECK_FALSE(decode_bucket(encode_bucket(row)));
}

engine::AccessKey some_key() {
    engine::AccessKey key;
    key.id = "LK";
    key.secret = "s3";
    key.name = "me";
    key.created = {1};
    key.expires = base::WallTime{2};
    key.disabled = true;
    key.rights = {{id_of<BucketId>(0x01), {true, false, false}},
                  {id_of<BucketId>(0x02), {false, true, false}},
                  {id_of<BucketId>(0x03), {false, false, true}}};
    return key;
}

TEST_CASE("bytes of an access key", "[model]") {
    const auto bytes = encode_access_key(some_key());
    CHECK(hex(bytes) ==
          "01"
          "024c4b"
          "027333"
          "026d65"
          "0100000000000000"
          "01"
          "0200000000000000"
          "01"
          "00"
          "03" +
              repeated("01", 16) + "010000" + repeated("02", 16) + "000100" + repeated("03", 16) + "000001");
    const auto back = decode_access_key(bytes);
    REQUIRE(back);
    CHECK(back->id == "LK");
    CHECK(back->secret == "s3");
    CHECK(back->name == "me");
    CHECK(back->created.ms == 1);
    CHECK(back->expires == base::WallTime{2});
    CHECK(back->disabled);
    CHECK_FALSE(back->may_create_buckets);
    REQUIRE(back->rights.size() == 3);
    CHECK(back->rights.at(id_of<BucketId>(0x01)).read);
    CHECK_FALSE(back->rights.at(id_of<BucketId>(0x01)).write);
    CHECK(back->rights.at(id_of<BucketId>(0x02)).write);
    CHECK_FALSE(back->rights.at(id_of<BucketId>(0x02)).owner);
    CHECK(back->rights.at(id_of<BucketId>(0x03)).owner);
    CHECK_FALSE(back->rights.at(id_of<BucketId>(0x03)).read);
    reads_only_whole(bytes, decode_access_key);
}

TEST_CASE("a key that never expires, and one that did in 1970", "[model]") {
    auto key = some_key();
    key.expires.reset();
    key.disabled = false;
    key.may_create_buckets = true;
    const auto back = decode_access_key(encode_access_key(key));
    CHECK_FALSE(back->expires);
    CHECK_FALSE(back->disabled);
    CHECK(back->may_create_buckets);
    key.expires = base::WallTime{0};
    CHECK(decode_access_key(encode_access_key(key))->expires == base::WallTime{0});
}

TEST_CASE("rights are any when one is given", "[model]") {
    CHECK_FALSE(engine::Rights{}.any());
    CHECK(engine::Rights{true, false, false}.any());
    CHECK(engine::Rights{false, true, false}.any());
    CHECK(engine::Rights{false, false, true}.any());
}

}  // namespace
}  // namespace larder::model
