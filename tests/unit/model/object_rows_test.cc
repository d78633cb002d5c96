// Rows of objects and pages of extents, byte for byte as docs/formats.md lays them out.
#include "replication/model/object.h"
#include "tests/unit/model/bytes.h"

namespace larder::model {
namespace {

constexpr base::Tag kVersion{1, 2, 3};
const std::string kVersionHex = "00000000000000010000000200000003";

Object plain() {
    Object object;
    object.version = kVersion;
    object.modified = {0x010203};
    object.size = 300;
    object.etag = "e";
    return object;
}

Object full() {
    auto object = plain();
    object.is_inline = false;
    object.properties.storage_class = "COLD";
    object.properties.headers = {{"content-type", "a/b"}};
    object.properties.metadata = {{"m", "1"}, {"m2", ""}};
    object.properties.tags = {{"t", "v"}};
    object.checksums = {{engine::ChecksumAlgorithm::crc32c, true, "abcd"}};
    object.parts = {{1, 5, "pe", {{engine::ChecksumAlgorithm::sha256, false, "z"}}, {7}}};
    object.upload = id_of<base::UploadId>(0xcd);
    Piece piece{id_of<Owner>(0xee), 10, 20, {{1, 2, 3, id_of<base::Hash256>(0x44)}}, 0};
    Piece paged{id_of<Owner>(0xef), 30, 300, {}, 2};
    object.pieces = {piece, paged};
    return object;
}

TEST_CASE("bytes of an object with an inline body", "[model]") {
    const auto bytes = encode_object(plain());
    CHECK(hex(bytes) ==
          "01"
          "01" +
              kVersionHex +
              "0302010000000000"
              "ac02"
              "0165"
              "00"
              "00"
              "00"
              "00"
              "00"
              "00" +
              repeated("00", 16) + "00");
    const auto back = decode_object(bytes);
    REQUIRE(back);
    CHECK(back->is_inline);
    CHECK(back->version == kVersion);
    CHECK(back->modified.ms == 0x010203);
    CHECK(back->size == 300);
    CHECK(back->etag == "e");
    CHECK(back->pieces.empty());
    CHECK(back->upload.is_zero());
    reads_only_whole(bytes, decode_object);
}

TEST_CASE("bytes of an object with everything", "[model]") {
    const auto bytes = encode_object(full());
    CHECK(hex(bytes) ==
          "01"
          "00" +
              kVersionHex +
              "0302010000000000"
              "ac02"
              "0165"
              "04434f4c44"
              "01"
              "0c636f6e74656e742d74797065"
              "03612f62"
              "02"
              "016d"
              "0131"
              "026d32"
              "00"
              "01"
              "0174"
              "0176"
              "01"
              "02"
              "01"
              "0461626364"
              "01"
              "01"
              "05"
              "027065"
              "01"
              "05"
              "00"
              "017a"
              "0700000000000000" +
              repeated("cd", 16) + "02" + repeated("ee", 16) +
              "0a"
              "14"
              "00"
              "01"
              "01"
              "02"
              "03" +
              repeated("44", 32) + repeated("ef", 16) +
              "1e"
              "ac02"
              "02"
              "00");
    reads_only_whole(bytes, decode_object);
}

TEST_CASE("an object with everything comes back", "[model]") {
    const auto back = decode_object(encode_object(full()));
    REQUIRE(back);
    CHECK_FALSE(back->is_inline);
    CHECK(back->properties.storage_class == "COLD");
    CHECK(back->properties.headers == engine::NamedValues{{"content-type", "a/b"}});
    CHECK(back->properties.metadata == engine::NamedValues{{"m", "1"}, {"m2", ""}});
    CHECK(back->properties.tags == engine::NamedValues{{"t", "v"}});
    CHECK(back->checksums == full().checksums);
    REQUIRE(back->parts.size() == 1);
    CHECK(back->parts[0].number == 1);
    CHECK(back->parts[0].size == 5);
    CHECK(back->parts[0].etag == "pe");
    CHECK(back->parts[0].checksums == full().parts[0].checksums);
    CHECK(back->parts[0].modified.ms == 7);
    CHECK(back->upload == id_of<base::UploadId>(0xcd));
    REQUIRE(back->pieces.size() == 2);
    CHECK(back->pieces[0].offset == 10);
    CHECK(back->pieces[0].size == 20);
    REQUIRE(back->pieces[0].extents.size() == 1);
    CHECK(back->pieces[0].extents[0].offset == 1);
    CHECK(back->pieces[0].extents[0].length == 2);
    CHECK(back->pieces[0].extents[0].block_offset == 3);
    CHECK(back->pieces[0].extents[0].block == id_of<base::Hash256>(0x44));
    CHECK(back->pieces[1].pages == 2);
    CHECK(back->owners() == std::vector<Owner>{id_of<Owner>(0xee), id_of<Owner>(0xef)});
}

TEST_CASE("the summary is read from the front of a row, however long the row", "[model]") {
    auto object = full();
    object.etag = std::string(32, 'e') + "-10000";
    object.properties.metadata = {{"m", std::string(2000, 'x')}};
    const auto bytes = encode_object(object);
    const auto summary = decode_summary(std::string_view(bytes).substr(0, kSummaryBytes));
    REQUIRE(summary);
    CHECK(summary->version == kVersion);
    CHECK(summary->modified.ms == 0x010203);
    CHECK(summary->size == 300);
    CHECK(summary->etag == object.etag);
    CHECK(summary->storage_class == "COLD");
    CHECK_FALSE(summary->is_inline);
}

TEST_CASE("a summary that is cut, or of another format, is damage", "[model]") {
    const auto bytes = encode_object(plain());
    const std::size_t summary_bytes = 1 + 1 + 16 + 8 + 2 + 2 + 1;
    CHECK(decode_summary(std::string_view(bytes).substr(0, summary_bytes)));
    for (std::size_t cut = 0; cut < summary_bytes; ++cut) {
        CHECK_FALSE(decode_summary(std::string_view(bytes).substr(0, cut)));
    }
    auto other = bytes;
    other[0] = 3;
    const auto got = decode_summary(other);
    REQUIRE_FALSE(got);
    CHECK(got.error().is(base::Code::corrupted, base::Subject::row));
}

TEST_CASE("bytes of a page of extents", "[model]") {
    const std::vector<Extent> extents = {{300, 1, 0, id_of<base::Hash256>(0x11)},
                                         {UINT64_MAX, UINT32_MAX, 2, id_of<base::Hash256>(0x22)}};
    const auto bytes = encode_extents(extents);
    CHECK(hex(bytes) ==
          "01"
          "02"
          "ac02"
          "01"
          "00" +
              repeated("11", 32) +
              "ffffffffffffffffff01"
              "ffffffff0f"
              "02" +
              repeated("22", 32));
    const auto back = decode_extents(bytes);
    REQUIRE(back);
    REQUIRE(back->size() == 2);
    CHECK((*back)[1].offset == UINT64_MAX);
    CHECK((*back)[1].length == UINT32_MAX);
    CHECK((*back)[1].block == id_of<base::Hash256>(0x22));
    reads_only_whole(bytes, decode_extents);
}

TEST_CASE("what a door is shown of an object", "[model]") {
    const auto info = info_of("key", full());
    CHECK(info.key == "key");
    CHECK(info.version == kVersion);
    CHECK(info.modified.ms == 0x010203);
    CHECK(info.size == 300);
    CHECK(info.etag == "e");
    CHECK(info.properties.storage_class == "COLD");
    CHECK(info.checksums.size() == 1);
    CHECK(info.parts.size() == 1);
}

TEST_CASE("bytes of an object of windows", "[model]") {
    auto object = full();
    const auto plain_bytes = encode_object(object);
    object.pieces[1].skip = 5;
    object.pieces[1].held = 300;
    const auto bytes = encode_object(object);
    // The flag, two numbers of each piece, and nothing else.
    CHECK(hex(bytes).substr(0, 4) == "0102");
    CHECK(bytes.size() == plain_bytes.size() + 2 + 3);
    CHECK(hex(bytes).ends_with("1eac0202" + std::string("05ac02") + "00"));
    const auto back = decode_object(bytes);
    REQUIRE(back);
    CHECK(back->pieces[0].skip == 0);
    CHECK(back->pieces[0].held == 0);
    CHECK(back->pieces[1].skip == 5);
    CHECK(back->pieces[1].held == 300);
    CHECK(back->pieces[1].pages == 2);
    CHECK(encode_object(*back) == bytes);
    reads_only_whole(bytes, decode_object);
    // A row of before has the whole of each piece.
    const auto old = decode_object(plain_bytes);
    REQUIRE(old);
    CHECK(old->pieces[1].skip == 0);
    CHECK(old->pieces[1].held == 0);
}

TEST_CASE("an owner of several pieces is named once", "[model]") {
    auto object = full();
    object.pieces.push_back(object.pieces[0]);
    CHECK(object.owners() == std::vector<Owner>{id_of<Owner>(0xee), id_of<Owner>(0xef)});
}

}  // namespace
}  // namespace larder::model
