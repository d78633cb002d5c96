// Pieces as bytes and as names of files.
#include "replication/read_cache/piece.h"

#include <catch2/catch.hpp>

namespace larder::read_cache {
namespace {

Identity some_identity() {
    Identity identity;
    identity.bucket.bytes.fill(7);
    identity.inode = 42;
    identity.version = {1000, 2, 3};
    identity.offset = 3 * kPieceBytes;
    identity.length = 200'000;
    return identity;
}

TEST_CASE("a header is read as it was written", "[cache]") {
    const Header header{some_identity(), {1, 2, 3, 4}};
    const auto bytes = encode_header(header);
    CHECK(bytes.size() == kHeaderBytes);
    const auto again = decode_header(bytes);
    REQUIRE(again);
    CHECK(again->identity == header.identity);
    CHECK(again->sums == header.sums);
}

TEST_CASE("no other bytes are a header", "[cache]") {
    const auto bytes = encode_header({some_identity(), {1, 2, 3, 4}});
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        auto other = bytes;
        other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
        CHECK_FALSE(decode_header(other));
    }
    CHECK_FALSE(decode_header(bytes.substr(1)));
    CHECK_FALSE(decode_header(""));
    auto impossible = some_identity();
    impossible.length = 0;
    CHECK_FALSE(decode_header(encode_header({impossible, {}})));
    impossible.length = kPieceBytes + 1;
    CHECK_FALSE(decode_header(encode_header({impossible, {}})));
    impossible = some_identity();
    impossible.offset = 1;
    CHECK_FALSE(decode_header(encode_header({impossible, {1, 2, 3, 4}})));
    CHECK_FALSE(decode_header(encode_header({some_identity(), {1, 2, 3, 4, 5}})));
}

TEST_CASE("each part of an identity makes another name", "[cache]") {
    const auto name = name_of(some_identity());
    CHECK(name == name_of(some_identity()));
    for (int part = 0; part < 5; ++part) {
        auto other = some_identity();
        if (part == 0) other.bucket.bytes[15] = 8;
        if (part == 1) ++other.inode;
        if (part == 2) ++other.version.time;
        if (part == 3) other.offset += kPieceBytes;
        if (part == 4) ++other.length;
        CHECK(name_of(other) != name);
    }
}

TEST_CASE("names of files tell what is in them", "[cache]") {
    const Kept kept{name_of(some_identity()), 0xabc, 1'000'000};
    const auto name = file_name(kept);
    const auto again = parse_file_name(name);
    REQUIRE(again);
    CHECK(again->name == kept.name);
    CHECK(again->sequence == kept.sequence);
    CHECK(again->length == kept.length);
    CHECK(file_name({kept.name, 0x1000, 1}) > name);
    auto upper = name;
    upper[13] = 'A';
    for (const auto& wrong : {std::string("lock"), std::string(), name + "0", name.substr(1), upper,
                              "-" + name.substr(1), name.substr(0, 50) + "000000", name.substr(0, 50) + "ffffff"}) {
        CHECK_FALSE(parse_file_name(wrong));
    }
}

}  // namespace
}  // namespace larder::read_cache
