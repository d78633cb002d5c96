#include "replication/read_cache/index.h"

#include <catch2/catch.hpp>

namespace larder::read_cache {
namespace {

Kept piece(std::uint8_t number, std::uint32_t length) {
    Kept kept;
    kept.name.bytes.fill(number);
    kept.sequence = number;
    kept.length = length;
    return kept;
}

std::vector<int> numbers(const std::vector<Kept>& all) {
    std::vector<int> out;
    for (const auto& kept : all) out.push_back(static_cast<int>(kept.sequence));
    return out;
}

TEST_CASE("what was used longest ago goes first", "[cache]") {
    Index index(5 * 4096, 100);
    for (std::uint8_t i = 1; i <= 5; ++i) index.add(piece(i, 1000));
    CHECK(index.bytes() == 5 * 4096);
    CHECK(index.use(piece(1, 0).name)->length == 1000);
    CHECK_FALSE(index.use(piece(9, 0).name));
    CHECK(numbers(index.make_room(5000)) == std::vector<int>{2, 3});
    CHECK(index.make_room(5000).empty());
    index.add(piece(6, 5000));
    CHECK(numbers(index.make_room(1)) == std::vector<int>{4});
    CHECK_FALSE(index.fits(6 * 4096));
    CHECK(index.fits(5 * 4096 - kHeaderBytes));
}

TEST_CASE("the number of pieces is bounded", "[cache]") {
    Index index(1 << 30, 2);
    index.add(piece(1, 1));
    index.add(piece(2, 1));
    CHECK(numbers(index.make_room(1)) == std::vector<int>{1});
    CHECK(index.pieces() == 1);
    CHECK_FALSE(Index(1 << 30, 0).fits(1));
}

TEST_CASE("another piece of the same name is not removed", "[cache]") {
    Index index(1 << 30, 10);
    index.add(piece(1, 1));
    auto other = piece(1, 1);
    other.sequence = 7;
    CHECK_FALSE(index.remove(other));
    CHECK(index.remove(piece(1, 1)));
    CHECK_FALSE(index.remove(piece(1, 1)));
    CHECK(index.bytes() == 0);
}

}  // namespace
}  // namespace larder::read_cache
