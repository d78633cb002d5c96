#include "replication/layout/plan.h"

#include <catch2/catch.hpp>

namespace larder::layout {
namespace {

base::NodeId node(std::uint8_t n) {
    base::NodeId id;
    id.bytes[0] = n;
    return id;
}

Layout of_zones(std::uint8_t zones) {
    Roles roles;
    for (std::uint8_t n = 0; n < zones; ++n) roles[node(n)] = {"zone " + std::to_string(n), 1'000'000, false, {}};
    const auto made = place(Layout{}, Policy{}, roles);
    REQUIRE(made);
    return *made;
}

TEST_CASE("a plan tells what a fourth zone takes in and the others give") {
    Staged staged;
    staged.roles[node(3)] = Role{"zone 3", 1'000'000, false, {}};
    const auto made = plan(of_zones(3), staged, std::vector<std::uint64_t>(1024, 100), 1000);
    REQUIRE(made);
    CHECK(made->bytes_moved == 76'800);
    CHECK(made->nodes.at(node(3)).partitions_in == 768);
    CHECK(made->nodes.at(node(3)).bytes_in == 76'800);
    CHECK(made->nodes.at(node(3)).capacity_before == 0);
    CHECK(made->seconds == 77);
    std::uint32_t given = 0;
    for (std::uint8_t n = 0; n < 3; ++n) {
        const NodeChange& change = made->nodes.at(node(n));
        CHECK(change.partitions_before == 1024);
        CHECK(change.partitions_after == 768);
        CHECK(change.partitions_in == 0);
        given += change.partitions_out;
    }
    CHECK(given == 768);
    CHECK(made->usable_after > made->usable_before);
}

TEST_CASE("a plan tells how many zones may fail before and after") {
    CHECK(tolerance_of(Layout{}) == Tolerance{0, 0});
    CHECK(tolerance_of(of_zones(1)) == Tolerance{0, 0});
    CHECK(tolerance_of(of_zones(2)) == Tolerance{0, 1});
    CHECK(tolerance_of(of_zones(3)) == Tolerance{1, 2});
    Staged staged;
    staged.roles[node(2)] = std::nullopt;
    const auto made = plan(of_zones(3), staged, {}, 1);
    REQUIRE(made);
    CHECK(made->before == Tolerance{1, 2});
    CHECK(made->after == Tolerance{0, 1});
    CHECK(made->nodes.at(node(2)).partitions_out == 1024);
    CHECK(made->bytes_moved == 0);
}

TEST_CASE("a plan that cannot be is refused with what to do") {
    const Layout current = of_zones(3);
    CHECK_THAT(plan(current, {}, {}, 1).error().message, Catch::Contains("Nothing is staged"));
    Staged absent;
    absent.roles[node(9)] = std::nullopt;
    CHECK_THAT(plan(current, absent, {}, 1).error().message, Catch::Contains("nothing to remove"));
    Staged strict;
    strict.policy = Policy{3, 3};
    strict.roles[node(2)] = std::nullopt;
    CHECK_THAT(plan(current, strict, {}, 1).error().message, Catch::Contains("ask for fewer copies"));
    Staged small;
    small.roles[node(0)] = Role{"zone 0", 10'000, false, {}};
    CHECK_THAT(plan(current, small, {500}, 1).error().message, Catch::Contains("does not fit"));
}

}  // namespace
}  // namespace larder::layout
