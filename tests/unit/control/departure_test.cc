// Members that leave, are drained, and are given up.
#include "tests/unit/control/harness.h"

#include <catch2/catch.hpp>

namespace larder::control {
namespace {

using base::Code;
using base::Subject;
using cluster::State;

// Four machines in three places: two of them at home, which share its copies.
ControlWorld& with_four(ControlWorld& world) {
    world.found();
    world.join(2, "shed", "shed", 2'000'000'000);
    world.join(3, "office", "office", 2'000'000'000);
    world.join(4, "loft", "home");
    return world;
}

TEST_CASE("a drained member leaves the layout, and then the cluster", "[departure]") {
    ControlWorld world;
    with_four(world);
    world.shared.moving = true;
    REQUIRE(world.run(world.at(1).drain("loft", "root")));
    REQUIRE(world.run(world.at(2).drain("loft", "root")));
    auto loft = world.run(world.at(2).member("loft"));
    REQUIRE(loft);
    CHECK(loft->state == State::draining);
    CHECK_FALSE(loft->in_layout);
    CHECK(loft->zone == "home");
    // While it holds data it is not forgotten.
    CHECK(world.run(world.at(2).forget("loft", true, "root")).error().is(Code::conflict, Subject::node));

    auto& live = world.shared.history.live;
    live.erase(live.begin(), std::prev(live.end()));
    loft = world.run(world.at(2).member("loft"));
    REQUIRE(loft);
    CHECK(loft->state == State::drained);
    const auto gone = world.run(world.at(3).forget("loft", false, "root"));
    REQUIRE(gone);
    CHECK(gone->none());
    CHECK(world.run(world.at(2).overview())->members.size() == 3);
    CHECK(world.run(world.at(2).member("loft"))->state == State::gone);
    CHECK(world.run(world.at(2).drain("loft", "root")).error().is(Code::not_found, Subject::node));
    CHECK(world.surroundings(3).told.size() == 3);
}

TEST_CASE("the number and the key of a member that is gone do not come back", "[departure]") {
    ControlWorld world;
    with_four(world);
    REQUIRE(world.run(world.at(1).drain("loft", "root")));
    REQUIRE(world.run(world.at(1).forget("loft", false, "root")));
    const auto back = world.run(world.at(1).admit(world.invitation(), world.joiner(4, "loft", "home")));
    REQUIRE_FALSE(back);
    CHECK(back.error().is(Code::permission_denied, Subject::node));
    CHECK(world.join(5, "loft", "home").membership.self == 5);
}

TEST_CASE("a dead member is forgotten; what that would lose is told first", "[departure]") {
    ControlWorld world;
    world.found();
    world.join(2, "shed", "home");  // one place: one copy of each partition, on either
    world.shared.contacts[2] = Contact{false, {}, {}};
    const auto loss = world.run(world.at(1).loss_of("shed"));
    REQUIRE(loss);
    CHECK(loss->name == "shed");
    CHECK(loss->partitions == 1024);
    CHECK(loss->partitions_lost > 0);
    CHECK(loss->bytes_lost == loss->partitions_lost * 1000);
    const auto refused = world.run(world.at(1).forget("shed", false, "root"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Code::precondition_failed, Subject::node));
    CHECK(refused.error().message.starts_with(std::to_string(loss->partitions_lost) +
                                              " of 1024 partitions lie on shed alone"));
    CHECK(world.run(world.at(1).layout())->current.epoch == 2);

    const auto done = world.run(world.at(1).forget("shed", true, "root"));
    REQUIRE(done);
    CHECK(done->partitions_lost == loss->partitions_lost);
    const auto seen = world.run(world.at(1).overview());
    REQUIRE(seen);
    CHECK(seen->members.size() == 1);
    CHECK(seen->health.problems.empty());
}

TEST_CASE("a dead member whose data others have is forgotten without loss", "[departure]") {
    ControlWorld world;
    with_four(world);
    world.shared.moving = true;
    world.shared.contacts[3] = Contact{false, {}, {}};
    const auto done = world.run(world.at(1).forget("office", false, "root"));
    REQUIRE(done);
    CHECK(done->none());
    CHECK(world.shared.history.given_up.contains(node_id(3)));
    CHECK(world.run(world.at(1).forget("office", false, "root")));  // again is nothing
}

TEST_CASE("the last machine that stores is not taken out", "[departure]") {
    ControlWorld world;
    world.found();
    CHECK(world.run(world.at(1).drain("attic", "root")).error().is(Code::precondition_failed, Subject::node));
    CHECK(world.run(world.at(1).forget("attic", true, "root")).error().is(Code::conflict, Subject::node));
}

}  // namespace
}  // namespace larder::control
