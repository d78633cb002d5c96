#include "replication/quorum/placement.h"

#include "replication/quorum/tag_source.h"
#include "tests/sim/world.h"

#include <catch2/catch.hpp>

#include <map>
#include <set>

namespace larder::quorum {
namespace {

// Rows are found again under the partition they were stored under: this must never change. The numbers are the upper
// bits of the keys' CRC-64/NVME, the first from its published check value 0xae8b14860a799888.
TEST_CASE("the partition of a key is known for ever", "[quorum]") {
    const FixedPlacement of_1024({1}, 1024);
    CHECK(of_1024.partition_of("123456789") == 0xae8b14860a799888ull >> 54);
    CHECK(of_1024.partition_of("") == 0);
    const FixedPlacement of_two({1}, 2);
    CHECK(of_two.partition_of("123456789") == 1);
    const FixedPlacement of_many({1}, 1u << 31);
    CHECK(of_many.partition_of("123456789") == 0xae8b14860a799888ull >> 33);
}

TEST_CASE("keys spread over all partitions", "[quorum]") {
    const FixedPlacement placement({1}, 64);
    std::map<Partition, int> keys;
    for (int i = 0; i < 6400; ++i) ++keys[placement.partition_of("key" + std::to_string(i))];
    CHECK(keys.size() == 64);
    for (const auto& [partition, count] : keys) {
        CHECK(partition < 64);
        CHECK(count < 200);
    }
}

TEST_CASE("quorums are majorities: any two share a node", "[quorum]") {
    const std::size_t majorities[] = {1, 2, 2, 3, 3, 4, 4};
    for (std::size_t nodes = 1; nodes <= 7; ++nodes) {
        std::vector<io::NodeNumber> numbers;
        for (std::size_t i = 1; i <= nodes; ++i) numbers.push_back(static_cast<io::NodeNumber>(i));
        const auto set = FixedPlacement(numbers, 2).replicas(1);
        CHECK(set->nodes == numbers);
        REQUIRE(set->quorums.size() == 1);
        CHECK(set->quorums[0].members.size() == nodes);
        CHECK(set->quorums[0].needed == majorities[nodes - 1]);
        CHECK(2 * set->quorums[0].needed > nodes);
    }
}

TEST_CASE("a joint quorum is a quorum of each part", "[quorum]") {
    const ReplicaSet set{2, {1, 2, 3, 4, 5}, {{{0, 1, 2}, 2}, {{2, 3, 4}, 2}}};
    const auto reached = [&](std::set<std::uint32_t> members) {
        return set.reached([&](std::uint32_t member) { return members.contains(member); });
    };
    CHECK_FALSE(reached({0, 1}));
    CHECK_FALSE(reached({0, 1, 3}));
    CHECK_FALSE(reached({3, 4}));
    CHECK(reached({1, 2, 3}));
    CHECK(reached({0, 1, 3, 4}));
    CHECK(set.has(5));
    CHECK_FALSE(set.has(6));
}

class Far final : public Distances {
 public:
    base::Duration rtt(io::NodeNumber node) const override { return base::Duration(node == 3 ? 0 : 100 - node); }
    base::Duration p95(io::NodeNumber) const override { return base::Duration(1000); }
};

TEST_CASE("the nearest come first", "[quorum]") {
    CHECK(majority_of({1, 2, 3, 4})->nearest_first(Far()) == std::vector<std::uint32_t>{2, 3, 1, 0});
}

struct Clocked {
    sim::World world{1};
    sim::SimClock clock{world, 1};
    std::uint64_t hybrid_now() const { return base::make_hybrid(static_cast<std::uint64_t>(clock.wall_now().ms), 0); }
};

TEST_CASE("tags rise though the clock stands still or goes back", "[quorum]") {
    Clocked at;
    TagSource tags(at.clock, 7, 3);
    const auto first = tags.next();
    CHECK(first == base::Tag{at.hybrid_now(), 7, 3});
    CHECK(tags.next() == base::Tag{first.time + 1, 7, 3});
    at.clock.offset_ms = -60'000;
    CHECK(tags.next() == base::Tag{first.time + 2, 7, 3});
    at.clock.offset_ms = 5;
    CHECK(tags.next().time == at.hybrid_now());
    CHECK(tags.last() == at.hybrid_now());
}

TEST_CASE("a tag is above the one it is asked to be above, all seen, and the floor", "[quorum]") {
    Clocked at;
    const auto far = at.hybrid_now() + 1'000'000;
    TagSource tags(at.clock, 7, 3);
    CHECK(tags.next({far, 9, 9}) > base::Tag{far, 9, 9});
    CHECK(tags.next().time == far + 2);
    tags.see({far + 100, 9, 9});
    tags.see({far + 50, 9, 9});
    CHECK(tags.next() > base::Tag{far + 100, 9, 9});
    TagSource after_restart(at.clock, 7, 4, far);
    CHECK(after_restart.next().time == far + 1);
}

TEST_CASE("a tag more than a minute ahead is too far", "[quorum]") {
    Clocked at;
    const TagSource tags(at.clock, 7, 3);
    const auto ms = static_cast<std::uint64_t>(at.clock.wall_now().ms);
    CHECK_FALSE(tags.too_far_ahead({}));
    CHECK_FALSE(tags.too_far_ahead({base::make_hybrid(ms + 60'000, 65'535), 1, 1}));
    CHECK(tags.too_far_ahead({base::make_hybrid(ms + 60'001, 0), 1, 1}));
    CHECK(tags.too_far_ahead({UINT64_MAX, 1, 1}));
}

}  // namespace
}  // namespace larder::quorum
