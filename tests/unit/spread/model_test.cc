// Random lives of a cluster's content. LARDER_SPREAD_SEEDS says how many, LARDER_SPREAD_SEED which one alone.
#include "tests/unit/spread/model.h"

#include "tests/support/seeds.h"

namespace larder::spread {
namespace {

TEST_CASE("every referenced block has its copies, and no other stays, after random lives", "[spread]") {
    const int only = test::seeds("LARDER_SPREAD_SEED", 0);
    const int count = test::seeds("LARDER_SPREAD_SEEDS", 30);
    for (int seed = only > 0 ? only : 1; seed <= (only > 0 ? only : count); ++seed) {
        Model model(static_cast<std::uint64_t>(seed));
        const auto wrong = model.live();
        INFO("seed " << seed << ": " << wrong);
        REQUIRE(wrong.empty());
    }
}

TEST_CASE("one seed gives one life", "[spread]") {
    Model first(5), second(5);
    (void)first.live();
    (void)second.live();
    CHECK(first.trace() == second.trace());
}

// The canaries: without a rule something goes wrong, or the lives above prove nothing.
TEST_CASE("a rule that is taken away is missed", "[spread]") {
    const auto caught = [](Ablation ablation, std::uint64_t seeds) {
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            Model model(seed, ablation);
            if (!model.live().empty()) return true;
        }
        return false;
    };
    CHECK(caught({.no_lease = true}, 100));
    CHECK(caught({.no_gate = true}, 100));
    CHECK(caught({.no_barrier = true}, 100));
    CHECK(caught({.rows_first = true}, 400));
}

}  // namespace
}  // namespace larder::spread
