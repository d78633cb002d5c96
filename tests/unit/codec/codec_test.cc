#include "src/codec/codec.h"

#include "src/base/encoding.h"

#include <catch2/catch.hpp>

#include <random>
#include <vector>

namespace larder::codec {
namespace {

using base::hex_encode;

std::string raw(std::string_view hex) {
    const auto bytes = base::hex_decode(hex);
    REQUIRE(bytes);
    return *bytes;
}

// What stands on disks and in messages (docs/formats.md, "Codec").
TEST_CASE("known bytes of every kind of field", "[codec]") {
    CHECK(hex_encode(Writer().u8(0xab).take()) == "ab");
    CHECK(hex_encode(Writer().u32(0x01020304).take()) == "04030201");
    CHECK(hex_encode(Writer().u64(0x0102030405060708).take()) == "0807060504030201");
    CHECK(hex_encode(Writer().boolean(true).boolean(false).take()) == "0100");
    CHECK(hex_encode(Writer().bytes("abc").take()) == "03616263");
    CHECK(hex_encode(Writer().bytes("").take()) == "00");
    CHECK(hex_encode(Writer().raw("abc").take()) == "616263");
    CHECK(hex_encode(Writer().tag({1, 2, 3}).take()) == "00000000000000010000000200000003");
    CHECK(hex_encode(Writer().bytes(std::string(200, 'x')).take().substr(0, 3)) == "c80178");
}

TEST_CASE("known bytes of varints", "[codec]") {
    const std::pair<std::uint64_t, const char*> known[] = {
        {0, "00"},
        {1, "01"},
        {127, "7f"},
        {128, "8001"},
        {300, "ac02"},
        {16383, "ff7f"},
        {16384, "808001"},
        {UINT32_MAX, "ffffffff0f"},
        {1ull << 63, "80808080808080808001"},
        {UINT64_MAX, "ffffffffffffffffff01"},
    };
    for (const auto& [value, hex] : known) {
        CHECK(hex_encode(Writer().varint(value).take()) == hex);
        const auto bytes = raw(hex);
        Reader in(bytes);
        CHECK(in.varint() == value);
        CHECK(in.finish("x"));
    }
}

TEST_CASE("a varint that is cut or longer than 64 bits is malformed", "[codec]") {
    for (const char* hex : {"", "80", "ffff", "ffffffffffffffffff", "ffffffffffffffffff02", "ffffffffffffffffff7f",
                            "ffffffffffffffffff81", "8080808080808080808001"}) {
        INFO(hex);
        const auto bytes = raw(hex);
        Reader in(bytes);
        CHECK(in.varint() == 0);
        CHECK_FALSE(in.ok());
    }
}

// Old bytes stay readable: a padded varint was never written, but reads as what it says.
TEST_CASE("a varint with idle bytes is read", "[codec]") {
    const auto bytes = raw("8100ff");
    Reader in(bytes);
    CHECK(in.varint() == 1);
    CHECK(in.rest() == "\xff");
}

TEST_CASE("any other byte than zero is true", "[codec]") {
    Reader in("\x02\xff");
    CHECK(in.boolean());
    CHECK(in.boolean());
}

TEST_CASE("after a read past the end every read gives zero and nothing is left", "[codec]") {
    const std::string bytes = Writer().u8(7).u32(9).take();
    Reader in(bytes);
    CHECK(in.u64() == 0);
    CHECK_FALSE(in.ok());
    CHECK(in.at_end());
    CHECK(in.rest().empty());
    CHECK(in.u8() == 0);
    CHECK(in.u32() == 0);
    CHECK(in.varint() == 0);
    CHECK(in.bytes().empty());
    CHECK(in.raw(0).empty());
    CHECK_FALSE(in.boolean());
    CHECK(in.tag().is_zero());
    CHECK(in.id<base::BucketId>().is_zero());
    CHECK(in.count() == 0);
    CHECK_FALSE(in.ok());
    CHECK(in.finish("a row").error().is(base::Code::corrupted, base::Subject::row));
    CHECK(in.finish("a row").error().message.starts_with("a row"));
}

TEST_CASE("bytes that a stranger says are longer than all there is are malformed", "[codec]") {
    for (const char* hex : {"0161", "00"}) {
        const auto good = raw(hex);
        Reader in(good);
        in.bytes();
        CHECK(in.finish("x"));
    }
    for (const char* hex : {"01", "0261", "ffffffffffffffffff0161", "ffffffff0f61"}) {
        INFO(hex);
        const auto bytes = raw(hex);
        Reader in(bytes);
        CHECK(in.bytes().empty());
        CHECK_FALSE(in.ok());
    }
}

TEST_CASE("a count is refused when its items could not fit", "[codec]") {
    const auto counted = [](std::uint64_t count, std::size_t left, std::size_t least) {
        const auto bytes = Writer().varint(count).raw(std::string(left, 'x')).take();
        Reader in(bytes);
        const auto got = in.count(least);
        return in.ok() ? std::optional(got) : std::nullopt;
    };
    CHECK(counted(0, 0, 1) == 0u);
    CHECK(counted(3, 3, 1) == 3u);
    CHECK_FALSE(counted(4, 3, 1));
    CHECK(counted(3, 60, 20) == 3u);
    CHECK_FALSE(counted(3, 59, 20));
    CHECK(counted(2, 2, 0) == 2u);  // items of no length are held to a byte each
    CHECK_FALSE(counted(3, 2, 0));
    CHECK_FALSE(counted(UINT64_MAX, 100, 1));
    CHECK_FALSE(counted(UINT64_MAX, 100, 20));
    CHECK_FALSE(counted(1ull << 62, 100, 20));  // times 20 is 0 in 64 bits
}

TEST_CASE("what is left over is an error at the end only", "[codec]") {
    const std::string bytes = "ab";
    Reader in(bytes);
    in.u8();
    CHECK(in.ok());
    CHECK_FALSE(in.at_end());
    CHECK(in.rest() == "b");
    CHECK(in.finish("x").error().code == base::Code::corrupted);
    in.u8();
    CHECK(in.at_end());
    CHECK(in.finish("x"));
}

TEST_CASE("ids are their own bytes", "[codec]") {
    const auto id = *base::UploadId::from("0123456789abcdef");
    const auto bytes = Writer().raw(id.view()).take();
    CHECK(bytes == "0123456789abcdef");
    Reader in(bytes);
    CHECK(in.id<base::UploadId>() == id);
    Reader cut(std::string_view(bytes).substr(1));
    CHECK(cut.id<base::UploadId>().is_zero());
    CHECK_FALSE(cut.ok());
}

// What is read are views into the given bytes: nothing is copied.
TEST_CASE("bytes are views", "[codec]") {
    const auto bytes = Writer().bytes("abc").raw("de").take();
    Reader in(bytes);
    CHECK(in.bytes().data() == bytes.data() + 1);
    CHECK(in.raw(2).data() == bytes.data() + 4);
}

struct Field {
    int kind = 0;
    std::uint64_t number = 0;
    std::string text;
};

Field draw(std::mt19937_64& random) {
    Field field{static_cast<int>(random() % 7), random() >> random() % 64, {}};
    field.text.resize(random() % 300);
    for (auto& c : field.text) c = static_cast<char>(random());
    return field;
}

void put(Writer& out, const Field& field) {
    switch (field.kind) {
        case 0:
            out.u8(static_cast<std::uint8_t>(field.number));
            break;
        case 1:
            out.u32(static_cast<std::uint32_t>(field.number));
            break;
        case 2:
            out.u64(field.number);
            break;
        case 3:
            out.varint(field.number);
            break;
        case 4:
            out.bytes(field.text);
            break;
        case 5:
            out.boolean((field.number & 1) != 0);
            break;
        default:
            out.tag({field.number, 5, 6});
    }
}

bool comes_back(Reader& in, const Field& field) {
    switch (field.kind) {
        case 0:
            return in.u8() == static_cast<std::uint8_t>(field.number);
        case 1:
            return in.u32() == static_cast<std::uint32_t>(field.number);
        case 2:
            return in.u64() == field.number;
        case 3:
            return in.varint() == field.number;
        case 4:
            return in.bytes() == field.text;
        case 5:
            return in.boolean() == ((field.number & 1) != 0);
        default:
            return in.tag() == base::Tag{field.number, 5, 6};
    }
}

TEST_CASE("random rows of fields come back, and no cut of them passes for whole", "[codec]") {
    std::mt19937_64 random(4);
    for (int round = 0; round < 500; ++round) {
        std::vector<Field> fields(1 + random() % 8);
        Writer out;
        for (auto& field : fields) {
            field = draw(random);
            put(out, field);
        }
        CHECK(out.size() == out.view().size());
        const auto bytes = out.take();
        Reader in(bytes);
        for (const auto& field : fields) REQUIRE(comes_back(in, field));
        REQUIRE(in.finish("fields"));
        const auto cut = random() % bytes.size();
        Reader part(std::string_view(bytes).substr(0, cut));
        for (const auto& field : fields) comes_back(part, field);
        REQUIRE_FALSE(part.ok());
        REQUIRE_FALSE(part.finish("fields"));
    }
}

}  // namespace
}  // namespace larder::codec
