#include "src/base/id.h"

#include "src/base/encoding.h"

#include <catch2/catch.hpp>

#include <unordered_set>
#include <vector>

namespace larder::base {
namespace {

TEST_CASE("an id comes from exactly its number of bytes", "[id]") {
    const std::string raw = "0123456789abcdef";
    const auto id = BucketId::from(raw);
    REQUIRE(id);
    CHECK(id->view() == raw);
    CHECK(id->hex() == "30313233343536373839616263646566");
    CHECK_FALSE(BucketId::from(raw.substr(1)));
    CHECK_FALSE(BucketId::from(raw + "x"));
    CHECK_FALSE(BucketId::from(""));
    CHECK_FALSE(Hash256::from(raw));
    CHECK(Hash256::from(raw + raw));
}

TEST_CASE("ids are compared bytewise, and only the zero id is zero", "[id]") {
    const auto low = *UploadId::from(std::string(15, '\0') + "\x7f");
    const auto high = *UploadId::from(std::string(15, '\0') + "\x80");
    CHECK(low < high);
    CHECK(UploadId{} < low);
    CHECK(UploadId{}.is_zero());
    CHECK_FALSE(low.is_zero());
    CHECK(std::unordered_set<UploadId>{low, high, low}.size() == 2);
}

// Rows on disk and messages hold these bytes.
TEST_CASE("a tag is 16 bytes, big-endian", "[id]") {
    const Tag tag{0x0102030405060708ull, 0x090a0b0cu, 0x0d0e0f10u};
    CHECK(hex_encode(tag.encode()) == "0102030405060708090a0b0c0d0e0f10");
    CHECK(tag.hex() == "0102030405060708090a0b0c0d0e0f10");
    CHECK(Tag::decode(tag.encode()) == tag);
    CHECK(Tag::from_hex(tag.hex()) == tag);
    CHECK(Tag::from_hex("0102030405060708090A0B0C0D0E0F10") == tag);
    CHECK(Tag{}.encode() == std::string(16, '\0'));
    CHECK(Tag{UINT64_MAX, UINT32_MAX, UINT32_MAX}.encode() == std::string(16, '\xff'));
}

TEST_CASE("bytes and texts that are no tag are refused", "[id]") {
    CHECK_FALSE(Tag::decode(""));
    CHECK_FALSE(Tag::decode(std::string(15, 'x')));
    CHECK_FALSE(Tag::decode(std::string(17, 'x')));
    CHECK_FALSE(Tag::from_hex(""));
    CHECK_FALSE(Tag::from_hex("null"));
    CHECK_FALSE(Tag::from_hex(std::string(31, '0')));
    CHECK_FALSE(Tag::from_hex(std::string(34, '0')));
    CHECK_FALSE(Tag::from_hex(std::string(31, '0') + "g"));
}

TEST_CASE("tags are ordered by time, then node, then boot, and so are their bytes", "[id]") {
    const std::vector<Tag> ascending = {
        {},
        {0, 0, 1},
        {0, 1, 0},
        {0, 1, 255},
        {0, 1, 256},
        {0, 256, 0},
        {1, 0, 0},
        {1, 0, 9},
        {1, 2, 0},
        {255, 9, 9},
        {256, 0, 0},
        {1ull << 40, 0, 0},
        {1ull << 63, 0, 0},
        {UINT64_MAX, UINT32_MAX, UINT32_MAX},
    };
    for (std::size_t i = 0; i < ascending.size(); ++i) {
        for (std::size_t k = 0; k < ascending.size(); ++k) {
            CHECK((ascending[i] < ascending[k]) == (i < k));
            CHECK((ascending[i].encode() < ascending[k].encode()) == (i < k));
        }
        CHECK(ascending[i].is_zero() == (i == 0));
    }
}

}  // namespace
}  // namespace larder::base
