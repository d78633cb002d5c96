// The bytes of records.
#include "replication/block/record.h"

#include "src/base/hash.h"
#include "tests/unit/block/harness.h"

#include <catch2/catch.hpp>

namespace larder::block {
namespace {

using base::Code;

constexpr FolderMark kMark = 0x1122334455667788;

Packed packed(const std::string& bytes) {
    auto out = pack(base::Buffer::copy_of(bytes), owner(7), std::nullopt, false, 1);
    REQUIRE(out);
    out->header.mark = kMark;
    return std::move(*out);
}

TEST_CASE("a header comes back as it was written", "[block]") {
    for (const auto& bytes : {std::string(), std::string("x"), pattern(65'536), pattern(65'537), text(1 << 20)}) {
        const auto record = packed(bytes);
        const auto encoded = encode_header(record.header);
        CHECK(encoded.size() == record.header.header_bytes());
        const auto decoded = decode_header(encoded + std::string(record.payload.chars()), kMark);
        REQUIRE(decoded);
        CHECK((decoded->name == base::sha256(bytes)));
        CHECK((decoded->owner == owner(7)));
        CHECK(decoded->plain_bytes == bytes.size());
        CHECK(decoded->stored_bytes == record.payload.size());
        CHECK(decoded->chunk_sums == record.header.chunk_sums);
        CHECK(decoded->total_bytes() % kPage == 0);
        CHECK(decoded->total_bytes() >= encoded.size() + record.payload.size());
    }
}

TEST_CASE("no header is taken that differs by a bit, is cut short, or bears another mark", "[block]") {
    const auto encoded = encode_header(packed(pattern(200'000)).header);
    REQUIRE(decode_header(encoded, kMark));
    for (std::size_t bit = 0; bit < encoded.size() * 8; ++bit) {
        if (bit / 8 >= 76 && bit / 8 < 80) continue;  // not used
        auto damaged = encoded;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
        INFO("bit " << bit);
        CHECK_FALSE(decode_header(damaged, kMark));
    }
    for (std::size_t size = 0; size < encoded.size(); ++size)
        CHECK_FALSE(decode_header(encoded.substr(0, size), kMark));
    CHECK_FALSE(decode_header(encoded, kMark + 1));
}

TEST_CASE("text is stored smaller, noise and short pieces as they are", "[block]") {
    CHECK(packed(text(100'000)).header.codec == Codec::zstd);
    CHECK(packed(text(100'000)).payload.size() < 10'000);
    CHECK(packed(pattern(100'000)).header.codec == Codec::raw);
    CHECK(packed(text(1000)).header.codec == Codec::raw);
    // Noise at the beginning: what follows is not tried.
    CHECK(packed(pattern(20'000) + text(100'000)).header.codec == Codec::raw);
    // Text at the beginning, noise after it: not worth it.
    CHECK(packed(text(16'384) + pattern(1 << 20)).header.codec == Codec::raw);
}

TEST_CASE("any piece of a record can be read", "[block]") {
    for (const auto& bytes : {pattern(300'001), text(300'001), pattern(65'536), std::string()}) {
        const auto record = packed(bytes);
        const bool raw = record.header.codec == Codec::raw;
        for (const std::uint64_t offset : {0ul, 1ul, 65'535ul, 65'536ul, 200'000ul, bytes.size()}) {
            for (const std::uint64_t length : {0ul, 1ul, 65'536ul, 100'001ul, bytes.size()}) {
                if (offset > bytes.size() || length > bytes.size() - offset) continue;
                const auto first = raw ? static_cast<std::uint32_t>(offset / kChunkBytes) : 0;
                const auto from = std::min<std::size_t>(std::size_t{first} * kChunkBytes, record.payload.size());
                const auto stored = record.payload.slice(from, record.payload.size() - from);
                const auto plain = unpack(record.header, stored, first, offset, length);
                REQUIRE(plain);
                CHECK((plain->chars() == std::string_view(bytes).substr(offset, length)));
            }
        }
    }
}

TEST_CASE("a flipped bit in a payload is found in the chunk it lies in", "[block]") {
    for (const auto& bytes : {pattern(200'000), text(2'000'000)}) {
        const auto record = packed(bytes);
        for (std::size_t at = 0; at < record.payload.size(); at += 4999) {
            auto damaged = std::string(record.payload.chars());
            damaged[at] = static_cast<char>(damaged[at] ^ 16);
            const auto plain = unpack(record.header, base::Buffer::copy_of(damaged), 0, 0, bytes.size());
            CHECK(plain.error().is(Code::corrupted, base::Subject::block));
        }
        const auto cut = record.payload.slice(0, record.payload.size() - 1);
        CHECK(unpack(record.header, cut, 0, 0, bytes.size()).error().is(Code::corrupted));
    }
}

TEST_CASE("bytes that are not what they were said to be are refused, and so are blocks beyond the bound", "[block]") {
    const auto bytes = base::Buffer::copy_of("abc");
    CHECK(pack(bytes, owner(1), base::sha256("abd"), false, 1).error().is(Code::corrupted));
    CHECK(pack(bytes, owner(1), base::sha256("abc"), false, 1));
    const auto large = base::Buffer::copy_of(std::string(kPlainBytesMax + 1, 'x'));
    CHECK(pack(large, owner(1), std::nullopt, false, 1).error().is(Code::too_large));
}

}  // namespace
}  // namespace larder::block
