#include "src/base/crc.h"

#include <catch2/catch.hpp>

#include <random>

namespace larder::base {
namespace {

// The definition, a bit at a time; it shares nothing with the product but the polynomial's published value.
template <typename Word>
Word by_definition(std::string_view bytes, Word polynomial) {
    Word crc = ~Word{0};
    for (const char c : bytes) {
        crc ^= static_cast<std::uint8_t>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ polynomial : crc >> 1;
    }
    return ~crc;
}

std::uint32_t slow_crc32(std::string_view bytes) {
    return by_definition<std::uint32_t>(bytes, 0xedb88320u);
}
std::uint32_t slow_crc32c(std::string_view bytes) {
    return by_definition<std::uint32_t>(bytes, 0x82f63b78u);
}
std::uint64_t slow_crc64nvme(std::string_view bytes) {
    return by_definition<std::uint64_t>(bytes, 0x9a6c9329ac4bc9b5ull);
}

std::string ascending(std::size_t size) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(i));
    return out;
}

TEST_CASE("the sums of the standards' own examples", "[crc]") {
    CHECK(crc32("") == 0);
    CHECK(crc32c("") == 0);
    CHECK(crc64nvme("") == 0);
    CHECK(crc32("123456789") == 0xcbf43926u);
    CHECK(crc32c("123456789") == 0xe3069283u);
    CHECK(crc64nvme("123456789") == 0xae8b14860a799888ull);
    // RFC 3720, appendix B.4.
    CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
    CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
    CHECK(crc32c(ascending(32)) == 0x46dd794eu);
    // NVM Express, the protection information of a 4 KiB block.
    CHECK(crc64nvme(std::string(4096, '\0')) == 0x6482d367eb22b64eull);
    CHECK(crc64nvme(std::string(4096, '\xff')) == 0xc0ddba7302eca3acull);
    CHECK(crc64nvme(ascending(4096)) == 0x3e729f5f6750449cull);
}

// Lengths around the steps of 8 and 16 bytes, and around three streams of 2048.
TEST_CASE("every length gives what the definition gives, from any start", "[crc]") {
    std::mt19937 random(1);
    std::string bytes(3 * 6144 + 64, '\0');
    for (auto& c : bytes) c = static_cast<char>(random());
    std::vector<std::size_t> lengths;
    for (std::size_t i = 0; i <= 70; ++i) lengths.push_back(i);
    for (const std::size_t around : {2048u, 6144u, 12288u, 18432u}) {
        for (std::size_t i = around - 9; i <= around + 9; ++i) lengths.push_back(i);
    }
    for (const auto length : lengths) {
        const auto piece = std::string_view(bytes).substr(length % 9, length);
        INFO("length " << length);
        REQUIRE(crc32(piece) == slow_crc32(piece));
        REQUIRE(crc32c(piece) == slow_crc32c(piece));
        REQUIRE(crc64nvme(piece) == slow_crc64nvme(piece));
    }
}

TEST_CASE("a sum goes on from the sum of what came before, and two sums are joined", "[crc]") {
    std::mt19937 random(2);
    for (int round = 0; round < 200; ++round) {
        std::string bytes(random() % 9000, '\0');
        for (auto& c : bytes) c = static_cast<char>(random());
        const auto cut = bytes.empty() ? 0 : random() % (bytes.size() + 1);
        const auto a = std::string_view(bytes).substr(0, cut);
        const auto b = std::string_view(bytes).substr(cut);
        INFO(a.size() << " and " << b.size() << " bytes");
        REQUIRE(crc32(b, crc32(a)) == slow_crc32(bytes));
        REQUIRE(crc32c(b, crc32c(a)) == slow_crc32c(bytes));
        REQUIRE(crc64nvme(b, crc64nvme(a)) == slow_crc64nvme(bytes));
        REQUIRE(crc32_combine(crc32(a), crc32(b), b.size()) == slow_crc32(bytes));
        REQUIRE(crc32c_combine(crc32c(a), crc32c(b), b.size()) == slow_crc32c(bytes));
        REQUIRE(crc64nvme_combine(crc64nvme(a), crc64nvme(b), b.size()) == slow_crc64nvme(bytes));
    }
}

// Parts of 5 GiB are joined by their sums alone. No test can hash that much, but the same bytes may be joined in two
// ways: doubled until they are long, and in short steps.
TEST_CASE("joining holds for lengths beyond 32 bits", "[crc]") {
    auto long32 = slow_crc32("x");
    auto long64 = slow_crc64nvme("x");
    std::uint64_t length = 1;
    for (; length < 1ull << 31; length *= 2) {
        long32 = crc32_combine(long32, long32, length);
        long64 = crc64nvme_combine(long64, long64, length);
        if (length == 4096) CHECK(long32 == slow_crc32(std::string(8192, 'x')));
    }
    const auto step32 = long32;
    const auto step64 = long64;
    auto steps32 = step32;
    auto steps64 = step64;
    for (int i = 1; i < 8; ++i) {
        steps32 = crc32_combine(steps32, step32, 1ull << 31);
        steps64 = crc64nvme_combine(steps64, step64, 1ull << 31);
    }
    for (; length < 1ull << 34; length *= 2) {
        long32 = crc32_combine(long32, long32, length);
        long64 = crc64nvme_combine(long64, long64, length);
    }
    CHECK(long32 == steps32);
    CHECK(long64 == steps64);
}

}  // namespace
}  // namespace larder::base
