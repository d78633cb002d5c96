// A cluster of one, its members as they are shown, and its invitations.
#include "tests/unit/control/harness.h"

#include <catch2/catch.hpp>

namespace larder::control {
namespace {

using base::Code;
using base::Subject;
using cluster::State;

TEST_CASE("a machine alone is a cluster of one with a layout of its own", "[control]") {
    ControlWorld world;
    world.found();
    world.found();  // as at every start
    const auto seen = world.run(world.at(1).overview());
    REQUIRE(seen);
    REQUIRE(seen->members.size() == 1);
    const auto& attic = seen->members.front();
    CHECK(attic.number == 1);
    CHECK(attic.id == node_id(1));
    CHECK(attic.name == "attic");
    CHECK(attic.self);
    CHECK(attic.state == State::up);
    CHECK(attic.zone == "home");
    CHECK(attic.capacity == 1'000'000'000);
    CHECK(attic.partitions == layout::kDefaultPartitions);
    CHECK(attic.used_bytes == layout::kDefaultPartitions * 1000);
    CHECK(seen->health.cluster_name == "quiet-heron");
    CHECK(seen->health.machines == 1);
    CHECK(seen->health.zones == 1);
    CHECK(seen->health.copies == 1);
    CHECK(seen->health.now.zones_serving == 0);
    CHECK(seen->health.serving);
    CHECK(seen->health.problems.empty());
    CHECK(world.at(1).self_name() == "attic");
    const auto versions = world.run(world.at(1).history());
    REQUIRE(versions);
    CHECK(versions->size() == 1);
    CHECK(world.surroundings(1).told.size() == 1);
}

TEST_CASE("three places bear the loss of any one, and say so when one is away", "[control]") {
    ControlWorld world;
    world.found();
    world.join(2, "shed", "shed");
    world.join(3, "office", "office");
    auto seen = world.run(world.at(2).overview());
    REQUIRE(seen);
    CHECK(seen->health.copies == 3);
    CHECK(seen->health.now.zones_serving == 1);
    CHECK(seen->health.now.zones_kept == 2);
    CHECK(seen->health.problems.empty());

    world.shared.contacts[3] = Contact{false, base::WallTime{world.now().ms - 300'000}, {}};
    seen = world.run(world.at(1).overview());
    REQUIRE(seen);
    CHECK(seen->health.serving);
    CHECK(seen->health.now.zones_serving == 0);
    CHECK(seen->health.tolerance.zones_serving == 1);
    REQUIRE(seen->health.problems.size() == 1);
    CHECK(seen->health.problems.front().starts_with("office does not answer since 5 minutes"));

    world.shared.contacts[2] = Contact{};
    seen = world.run(world.at(1).overview());
    REQUIRE(seen);
    CHECK_FALSE(seen->health.serving);
    CHECK(seen->health.all_reachable);
    CHECK(seen->health.problems.size() == 3);
}

TEST_CASE("a member is named by name, number, and the beginning of its id", "[control]") {
    ControlWorld world;
    world.found();
    world.join(2, "shed", "shed");
    for (const std::string& name :
         {std::string("shed"), std::string("2"), std::string("0202"), std::string("0202-0202"), node_id(2).hex()}) {
        const auto found = world.run(world.at(1).member(name));
        REQUIRE(found);
        CHECK(found->number == 2);
    }
    CHECK(world.run(world.at(1).member("020")).error().is(Code::not_found, Subject::node));
    CHECK(world.run(world.at(1).member("cellar")).error().is(Code::not_found, Subject::node));
}

TEST_CASE("an invitation is listed without its secret, and withdrawn by its beginning", "[control]") {
    ControlWorld world;
    world.found();
    const auto made = world.run(world.at(1).invite({std::chrono::hours(24), 2, "root"}));
    REQUIRE(made);
    CHECK(made->token == "a");
    CHECK(made->invitation.id == "6161616161616161");
    auto listed = world.run(world.at(2).invitations());
    REQUIRE(listed);
    REQUIRE(listed->size() == 1);
    CHECK(listed->front().id == made->invitation.id);
    CHECK(listed->front().made_by == "root");
    CHECK(listed->front().uses_max == 2);
    CHECK(listed->front().expires.ms == listed->front().made.ms + 86'400'000);
    CHECK(world.run(world.at(2).revoke(made->invitation.id.substr(0, 3))).error().is(Code::invalid_argument));
    CHECK(world.run(world.at(2).revoke("zzzz")).error().is(Code::not_found, Subject::token));
    const auto gone = world.run(world.at(2).revoke(made->invitation.id.substr(0, 6)));
    REQUIRE(gone);
    CHECK(gone->revoked);
    CHECK(world.run(world.at(1).invite({std::chrono::hours(24 * 31), 1, ""})).error().is(Code::invalid_argument));
    CHECK(world.run(world.at(1).invite({std::chrono::hours(1), 0, ""})).error().is(Code::invalid_argument));
}

}  // namespace
}  // namespace larder::control
