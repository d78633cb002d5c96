#include "src/io/wakefulness.h"

#include <catch2/catch.hpp>

using namespace larder;
using io::Wakefulness;

namespace {

const auto kMoment = base::Duration(1000);

// Looks until the loop would sleep; returns how long that was.
base::Duration look_in_vain(Wakefulness& loop, base::Instant& now) {
    const auto began = now;
    while (loop.look_again(now)) now = now + kMoment;
    return now - began;
}

}  // namespace

TEST_CASE("a loop whose work comes seldom sleeps at once") {
    Wakefulness loop;
    base::Instant now{1'000'000};
    CHECK(look_in_vain(loop, now) == base::Duration(0));
    loop.worked();
    loop.slept(Wakefulness::kPatience);
    CHECK(look_in_vain(loop, now) == base::Duration(0));
}

TEST_CASE("a loop that is woken soon after it slept looks for the next piece, and for no longer than its patience") {
    Wakefulness loop;
    base::Instant now{1'000'000};
    loop.slept(kMoment);
    CHECK(look_in_vain(loop, now) == Wakefulness::kPatience);
    CHECK(look_in_vain(loop, now) == base::Duration(0));
}

TEST_CASE("looks that pay keep a loop awake; a row of vain ones ends it") {
    Wakefulness loop;
    base::Instant now{1'000'000};
    loop.slept(kMoment);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(loop.look_again(now));
        now = now + kMoment;
        loop.worked();
    }
    for (int i = 0; i < Wakefulness::kTrustMax; ++i) CHECK(look_in_vain(loop, now) == Wakefulness::kPatience);
    CHECK(look_in_vain(loop, now) == base::Duration(0));
}
