// Rows of uploads and intents, byte for byte as docs/formats.md lays them out.
#include "replication/model/upload.h"
#include "tests/unit/model/bytes.h"

namespace larder::model {
namespace {

using base::BucketId;
using base::UploadId;

Upload some_upload() {
    Upload upload;
    upload.state = UploadState::completing;
    upload.completed_etag = "done";
    upload.info.id = id_of<UploadId>(0x01);
    upload.info.bucket = id_of<BucketId>(0x02);
    upload.info.key = "k";
    upload.info.created = {9};
    upload.info.owner_key = "LK";
    upload.info.checksum_algorithm = engine::ChecksumAlgorithm::sha1;
    upload.info.checksum_composite = false;
    upload.info.properties.metadata = {{"m", "1"}};
    upload.info.properties.storage_class = "COLD";
    return upload;
}

TEST_CASE("bytes of an upload", "[model]") {
    Object properties;
    properties.properties = some_upload().info.properties;
    const auto inner = encode_object(properties);
    const auto bytes = encode_upload(some_upload());
    CHECK(hex(bytes) ==
          "01"
          "01"
          "04646f6e65" +
              repeated("01", 16) + repeated("02", 16) +
              "016b"
              "0900000000000000"
              "024c4b"
              "04"
              "00" +
              hex(std::string(1, static_cast<char>(inner.size()))) + hex(inner));
    const auto back = decode_upload(bytes);
    REQUIRE(back);
    CHECK(back->state == UploadState::completing);
    CHECK(back->completed_etag == "done");
    CHECK(back->info.id == id_of<UploadId>(0x01));
    CHECK(back->info.bucket == id_of<BucketId>(0x02));
    CHECK(back->info.key == "k");
    CHECK(back->info.created.ms == 9);
    CHECK(back->info.owner_key == "LK");
    CHECK(back->info.checksum_algorithm == engine::ChecksumAlgorithm::sha1);
    CHECK_FALSE(back->info.checksum_composite);
    CHECK(back->info.properties.metadata == engine::NamedValues{{"m", "1"}});
    CHECK(back->info.properties.storage_class == "COLD");
    reads_only_whole(bytes, decode_upload);
}

TEST_CASE("an upload without a checksum, in each state", "[model]") {
    auto upload = some_upload();
    upload.info.checksum_algorithm.reset();
    for (const auto state : {UploadState::open, UploadState::completing, UploadState::completed}) {
        upload.state = state;
        const auto bytes = encode_upload(upload);
        CHECK(bytes[1] == static_cast<char>(state));
        CHECK(decode_upload(bytes)->state == state);
        CHECK_FALSE(decode_upload(bytes)->info.checksum_algorithm);
    }
    auto bytes = encode_upload(upload);
    bytes[1] = 3;
    CHECK_FALSE(decode_upload(bytes));
}

TEST_CASE("an upload whose properties are malformed is damage", "[model]") {
    auto bytes = encode_upload(some_upload());
    bytes[1 + 1 + 5 + 32 + 2 + 8 + 3 + 1 + 1 + 1] = 2;  // the format of the row inside
    CHECK_FALSE(decode_upload(bytes));
}

TEST_CASE("bytes of an intent", "[model]") {
    const Intent intent{id_of<BucketId>(0x01), "key", id_of<UploadId>(0x02), 10'000, 7};
    const auto bytes = encode_intent(intent);
    CHECK(hex(bytes) == "01" + repeated("01", 16) + "036b6579" + repeated("02", 16) +
                            "10270000"
                            "07000000");
    const auto back = decode_intent(bytes);
    REQUIRE(back);
    CHECK(back->bucket == intent.bucket);
    CHECK(back->key == "key");
    CHECK(back->upload == intent.upload);
    CHECK(back->part == 10'000);
    CHECK(back->boot == 7);
    reads_only_whole(bytes, decode_intent);
}

}  // namespace
}  // namespace larder::model
