// Changes of layout: staged, planned, applied, and never two under one number.
#include "tests/unit/control/harness.h"

#include <catch2/catch.hpp>

namespace larder::control {
namespace {

using base::Code;
using base::Subject;

cluster::RoleWish capacity(const std::string& node, std::uint64_t bytes) {
    cluster::RoleWish wish;
    wish.node = node;
    wish.capacity = bytes;
    wish.by = "root";
    return wish;
}

ControlWorld& with_three(ControlWorld& world) {
    world.found();
    world.join(2, "shed", "shed");
    world.join(3, "office", "office");
    return world;
}

TEST_CASE("a change is staged, planned and applied", "[layout]") {
    ControlWorld world;
    with_three(world);
    CHECK(world.run(world.at(1).plan()).error().is(Code::not_found, Subject::config));
    const auto staged = world.run(world.at(1).stage(capacity("shed", 4'000'000'000)));
    REQUIRE(staged);
    CHECK(staged->staged.roles.at(node_id(2))->capacity == 4'000'000'000);
    CHECK(staged->staged.roles.at(node_id(2))->zone == "shed");
    CHECK(staged->staged_by == "root");
    CHECK(staged->current.roles.at(node_id(2)).capacity == 1'000'000'000);

    const auto plan = world.run(world.at(2).plan());
    REQUIRE(plan);
    CHECK(plan->plan.bytes_moved == 0);
    CHECK(plan->plan.usable_after == plan->plan.usable_before);
    REQUIRE(plan->notes.size() == 2);
    CHECK(plan->notes[0] == "Nothing moves.");
    CHECK(plan->notes[1].starts_with("More room in shed does not help while home and office are the limit"));

    const auto made = world.run(world.at(2).apply({plan->current.epoch, plan->staged, "ana"}));
    REQUIRE(made);
    CHECK(made->epoch == 4);
    const auto after = world.run(world.at(3).layout());
    REQUIRE(after);
    CHECK(after->current == *made);
    CHECK(after->staged.empty());
    const auto versions = world.run(world.at(3).history());
    REQUIRE(versions);
    CHECK(versions->front().what == "shed from 1.0 GB to 4.0 GB");
    CHECK(versions->front().by == "ana");
    CHECK(versions->front().live);
}

TEST_CASE("what is staged back to what is in force is not staged", "[layout]") {
    ControlWorld world;
    with_three(world);
    REQUIRE(world.run(world.at(1).stage(capacity("shed", 4'000'000'000))));
    auto state = world.run(world.at(1).stage(capacity("shed", 1'000'000'000)));
    REQUIRE(state);
    CHECK(state->staged.empty());
    REQUIRE(world.run(world.at(1).stage(capacity("shed", 5'000'000'000))));
    state = world.run(world.at(2).discard());
    REQUIRE(state);
    CHECK(state->staged.empty());
    CHECK(world.run(world.at(2).apply({3, "", ""})).error().is(Code::not_found, Subject::config));
}

TEST_CASE("what no layout could have is refused when it is staged", "[layout]") {
    ControlWorld world;
    with_three(world);
    CHECK(world.run(world.at(1).stage(capacity("shed", 0))).error().is(Code::invalid_argument, Subject::config));
    CHECK(world.run(world.at(1).stage(capacity("cellar", 1))).error().is(Code::not_found, Subject::node));
    cluster::PolicyWish policy;
    policy.copies = 9;
    CHECK(world.run(world.at(1).stage(policy)).error().is(Code::invalid_argument, Subject::config));
    policy.copies = 2;
    policy.zone_redundancy = 3;
    CHECK(world.run(world.at(1).stage(policy)).error().is(Code::invalid_argument, Subject::config));
    policy.zone_redundancy = 2;
    REQUIRE(world.run(world.at(1).stage(policy)));
    const auto plan = world.run(world.at(1).plan());
    REQUIRE(plan);
    CHECK(plan->plan.after.zones_kept == 1);
    CHECK(plan->notes.size() >= 1);
}

TEST_CASE("a machine becomes a gateway and stores again", "[layout]") {
    ControlWorld world;
    with_three(world);
    cluster::RoleWish wish;
    wish.node = "shed";
    wish.gateway = true;
    wish.tags = std::vector<std::string>{"ssd"};
    auto state = world.run(world.at(1).stage(wish));
    REQUIRE(state);
    CHECK(state->staged.roles.at(node_id(2))->gateway);
    CHECK(state->staged.roles.at(node_id(2))->capacity == 0);
    REQUIRE(world.run(world.at(1).apply({3, "", ""})));
    wish = {};
    wish.node = "shed";
    wish.gateway = false;
    state = world.run(world.at(1).stage(wish));
    REQUIRE(state);
    CHECK(state->staged.roles.at(node_id(2))->capacity == 1'000'000'000);
    CHECK(state->staged.roles.at(node_id(2))->tags == std::vector<std::string>{"ssd"});
}

// H8: where staged changes are gossiped and each operator numbers the next layout by himself, two of them make
// different layouts of one number. Here the number is taken by a conditional write.
TEST_CASE("H8: two operators cannot both make version n + 1", "[layout][hazard]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        ControlWorld world(seed);
        with_three(world);
        REQUIRE(world.run(world.at(1).stage(capacity("shed", 2'000'000'000))));
        const auto plan = world.run(world.at(1).plan());
        REQUIRE(plan);
        const auto [one, other] = world.both(world.at(1).apply({plan->current.epoch, plan->staged, "ana"}),
                                             world.at(2).apply({plan->current.epoch, plan->staged, "ben"}));
        INFO("seed " << seed);
        REQUIRE(one.has_value() != other.has_value());
        const auto& told = (one ? other : one).error();
        CHECK(told.is(Code::conflict, Subject::config));
        const auto state = world.run(world.at(3).layout());
        REQUIRE(state);
        CHECK(state->current == (one ? *one : *other));
        CHECK(state->current.epoch == 4);
        const auto versions = world.run(world.at(3).history());
        REQUIRE(versions);
        CHECK(versions->size() == 4);
        CHECK(versions->front().by == (one ? "ana" : "ben"));
    }
}

TEST_CASE("H8: a join and an operator at once make two versions, one after the other", "[layout][hazard]") {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        ControlWorld world(seed);
        world.found();
        world.join(2, "shed", "shed");
        REQUIRE(world.run(world.at(1).stage(capacity("shed", 2'000'000'000))));
        const auto secret = world.invitation();
        std::optional<Result<model::Welcome>> joined;
        io::TaskGroup group(world.rows.outside());
        const auto admit = [](ControlWorld& in, model::InvitationName with, auto& out) -> io::Task<void> {
            out.emplace(co_await in.at(2).admit(with, in.joiner(3, "office", "office")));
        };
        group.spawn(admit(world, secret, joined));
        const auto applied = world.run(world.at(1).apply({2, "", "ana"}));
        while (!joined && world.rows.world.step()) {
        }
        INFO("seed " << seed);
        REQUIRE(joined);
        REQUIRE(*joined);
        const auto state = world.run(world.at(3).layout());
        REQUIRE(state);
        CHECK(state->current.roles.contains(node_id(3)));
        if (applied) {
            CHECK(state->current.epoch == 4);
            CHECK(state->current.roles.at(node_id(2)).capacity == 2'000'000'000);
        } else {
            CHECK(applied.error().is(Code::conflict, Subject::config));
            CHECK(state->current.epoch == 3);
            CHECK(state->staged.roles.contains(node_id(2)));  // still there for a new plan
        }
    }
}

// What one read when it began is not what it may replace when it ends.
TEST_CASE("H8: two layouts made from one are two versions, and neither is lost", "[layout][hazard]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        ControlWorld world(seed);
        with_three(world);
        world.join(4, "loft", "loft");
        world.join(5, "barn", "barn");
        const auto [one, other] = world.both(world.at(1).drain("loft", "ana"), world.at(2).drain("barn", "ben"));
        INFO("seed " << seed);
        REQUIRE(one);
        REQUIRE(other);
        const auto state = world.run(world.at(3).layout());
        REQUIRE(state);
        CHECK(state->current.epoch == 7);
        CHECK(state->current.roles.size() == 3);
        const auto versions = world.run(world.at(3).history());
        REQUIRE(versions);
        CHECK(versions->size() == 7);
    }
}

TEST_CASE("a plan that is not the newest any more is not applied", "[layout]") {
    ControlWorld world;
    with_three(world);
    REQUIRE(world.run(world.at(1).stage(capacity("shed", 2'000'000'000))));
    const auto plan = world.run(world.at(1).plan());
    REQUIRE(plan);
    REQUIRE(world.run(world.at(2).stage(capacity("office", 2'000'000'000))));
    CHECK(world.run(world.at(1).apply({3, plan->staged, ""})).error().is(Code::conflict, Subject::config));
    REQUIRE(world.run(world.at(1).apply({3, "", ""})));
    CHECK(world.run(world.at(1).apply({3, "", ""})).error().is(Code::conflict, Subject::config));
}

TEST_CASE("why it is as it is", "[layout]") {
    ControlWorld world;
    with_three(world);
    const auto whole = world.run(world.at(1).explain());
    REQUIRE(whole);
    CHECK(whole->front() == "Layout 3: 1024 partitions, 3 copies of each, in as many places.");
    const auto member = world.run(world.at(1).explain_member("shed"));
    REQUIRE(member);
    CHECK(member->front().starts_with("shed (shed, 1.0 GB) holds 1024 of 1024 partitions"));
    const auto partition = world.run(world.at(1).explain_partition(7));
    REQUIRE(partition);
    CHECK(partition->front().starts_with("Layout 3: partition 7 lies on "));
    CHECK(world.run(world.at(1).explain_partition(1024)).error().is(Code::not_found, Subject::config));
}

}  // namespace
}  // namespace larder::control
