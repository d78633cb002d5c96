// The read gate alone, and who holds what.
#include "tests/unit/spread/harness.h"

#include <catch2/catch.hpp>

namespace larder::spread {
namespace {

io::Task<void> note_end(io::Task<void> task, bool& ended) {
    co_await std::move(task);
    ended = true;
}

TEST_CASE("a barrier waits for those who were inside before it, and for nobody else", "[spread]") {
    sim::World world(1);
    sim::SimExecutor executor(world, 1);
    ReadGate gate(executor);
    io::TaskGroup tasks(executor);
    const auto drain = [&world] {
        while (world.step()) {
        }
    };
    bool empty = false;
    tasks.spawn(note_end(gate.earlier_are_over(), empty));
    drain();
    CHECK(empty);

    auto first = std::optional(gate.enter());
    auto second = gate.enter();
    bool one = false, two = false;
    tasks.spawn(note_end(gate.earlier_are_over(), one));
    auto later = std::optional(gate.enter());
    tasks.spawn(note_end(gate.earlier_are_over(), two));
    auto last = gate.enter();
    CHECK(gate.inside() == 4);
    first.reset();
    drain();
    CHECK_FALSE(one);
    second = ReadGate::Pass();
    drain();
    CHECK(one);
    CHECK_FALSE(two);
    // Giving a later one back does not let an earlier barrier pass, nor does a pass that moves.
    auto moved = std::move(*later);
    later.reset();
    drain();
    CHECK_FALSE(two);
    moved = ReadGate::Pass();
    drain();
    CHECK(two);
    CHECK(gate.inside() == 1);
}

TEST_CASE("the quorums of all live layouts must be reached", "[spread]") {
    TestPlacement placement({{1, 2, 3}, 3});
    const Holding holding(placement);
    base::Hash256 name;
    name.bytes[0] = 0x10;  // partition 1 of 16
    CHECK(holding.partition_of(name) == 1);
    name.bytes[0] = 0xff;
    CHECK(holding.partition_of(name) == 15);
    CHECK(holding.of(name).reached({1, 2}));
    CHECK_FALSE(holding.of(name).reached({1}));
    placement.set({{{1, 2, 3}, 3}, {{3, 4, 5}, 3}});
    CHECK(holding.of(name).nodes.size() == 5);
    CHECK_FALSE(holding.of(name).reached({1, 2}));
    CHECK_FALSE(holding.of(name).reached({1, 3}));
    CHECK(holding.of(name).reached({1, 3, 5}));
    CHECK_FALSE(holding.alone(1));
    placement.set({{{1}, 1}});
    CHECK(holding.alone(1));
    CHECK_FALSE(holding.alone(2));
}

}  // namespace
}  // namespace larder::spread
