// Lives of a store by seed, each ending in a crash or a failing disk, that end in a verdict.
#pragma once

#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace larder::test {

// How many seeds to run: what the environment variable says, else `usual`.
inline int seeds(const char* variable, int usual) {
    const char* asked = std::getenv(variable);
    return asked == nullptr ? usual : std::atoi(asked);
}

// Runs live(world, seed) for seeds from 1; it says what is wrong, or nothing.
template <typename Live>
void check_seeds(int count, Live live) {
    World world;
    for (int seed = 1; seed <= count; ++seed) {
        const std::string wrong = live(world, static_cast<std::uint64_t>(seed));
        INFO("seed " << seed << ": " << wrong);
        REQUIRE(wrong.empty());
    }
}

}  // namespace larder::test
