// Who is let in, and who is not.
#include "tests/unit/control/harness.h"

#include <catch2/catch.hpp>

#include <set>

namespace larder::control {
namespace {

using base::Code;
using base::Subject;

Result<model::Welcome> ask(ControlWorld& world, model::InvitationName secret, Joiner joiner, sim::Place through = 1) {
    return world.run(world.at(through).admit(secret, std::move(joiner)));
}

TEST_CASE("a joiner is told who it is, who the others are, and who stores what", "[join]") {
    ControlWorld world;
    world.found();
    const auto welcome = ask(world, world.invitation(), world.joiner(2, "shed", "shed"), 2);
    REQUIRE(welcome);
    const auto& membership = welcome->membership;
    CHECK(membership.cluster_name == "quiet-heron");
    CHECK(membership.self == 2);
    REQUIRE(membership.members.size() == 2);
    CHECK(membership.members[0].addresses == std::vector<std::string>{"10.0.0.1:3901"});
    REQUIRE(membership.live.size() == 1);
    CHECK(membership.live.rbegin()->second.epoch == 2);
    CHECK(membership.live.rbegin()->second.roles.contains(node_id(2)));
    // Two copies of everything from now on: all of it goes there.
    CHECK(welcome->bytes_to_copy == layout::kDefaultPartitions * 1000);
    CHECK(welcome->seconds == 2);
    CHECK(model::decode_welcome(model::encode_welcome(*welcome)) == *welcome);
    const auto versions = world.run(world.at(3).history());
    REQUIRE(versions);
    CHECK(versions->front().what == "shed joined");
}

TEST_CASE("joining twice with one invitation is joining once", "[join]") {
    ControlWorld world;
    world.found();
    const auto secret = world.invitation();
    const auto first = ask(world, secret, world.joiner(2, "shed", "shed"));
    REQUIRE(first);
    world.pass(std::chrono::hours(48));  // the invitation has run out, and the joiner never heard the answer
    const auto again = ask(world, secret, world.joiner(2, "shed", "shed"), 3);
    REQUIRE(again);
    CHECK(again->membership.self == first->membership.self);
    CHECK(again->membership.members == first->membership.members);
    CHECK(again->membership.live == first->membership.live);
    // With another invitation it is a mistake.
    const auto other = ask(world, world.invitation(), world.joiner(2, "shed", "shed"));
    CHECK(other.error().is(Code::already_exists, Subject::node));
}

TEST_CASE("a replayed token lets no other machine in", "[join]") {
    ControlWorld world;
    world.found();
    const auto secret = world.invitation();
    REQUIRE(ask(world, secret, world.joiner(2, "shed", "shed")));
    const auto other = ask(world, secret, world.joiner(3, "office", "office"));
    REQUIRE_FALSE(other);
    CHECK(other.error().is(Code::already_exists, Subject::token));
    CHECK(world.run(world.at(1).overview())->members.size() == 2);
}

TEST_CASE("an invitation that ran out, was withdrawn or never made lets nobody in", "[join]") {
    ControlWorld world;
    world.found();
    const auto late = world.invitation(1, std::chrono::hours(1));
    world.pass(std::chrono::hours(3));
    auto refused = ask(world, late, world.joiner(2, "shed", "shed"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Code::precondition_failed, Subject::token));
    CHECK(refused.error().message.find("ran out 2 hours ago") != std::string::npos);

    const auto withdrawn = world.invitation();
    REQUIRE(world.run(world.at(3).revoke(withdrawn.hex().substr(0, 8))));
    refused = ask(world, withdrawn, world.joiner(2, "shed", "shed"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Code::permission_denied, Subject::token));

    refused = ask(world, model::InvitationName(), world.joiner(2, "shed", "shed"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Code::not_found, Subject::token));
}

TEST_CASE("what is refused costs no use of the invitation", "[join]") {
    ControlWorld world;
    world.found();
    const auto secret = world.invitation();
    auto joiner = world.joiner(2, "shed", "shed");
    joiner.clock.ms -= 7 * 60'000;
    auto refused = ask(world, secret, joiner);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Code::precondition_failed, Subject::clock));
    CHECK(refused.error().message == "this machine's clock is 7 minutes behind the cluster's.");

    refused = ask(world, secret, world.joiner(2, "shed", "home"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Code::precondition_failed, Subject::zone));
    CHECK(refused.error().message.starts_with("home already has attic."));

    joiner = world.joiner(2, "shed", "shed");
    joiner.machine.capacity = 0;
    refused = ask(world, secret, joiner);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Code::invalid_argument, Subject::config));

    // A second copy of what is stored does not fit on it.
    joiner = world.joiner(2, "shed", "shed");
    joiner.machine.capacity = 500'000;
    CHECK(ask(world, secret, joiner).error().is(Code::invalid_argument, Subject::config));

    joiner = world.joiner(2, "", "shed");
    CHECK(ask(world, secret, joiner).error().is(Code::invalid_argument, Subject::node));
    joiner = world.joiner(2, "shed", "shed");
    joiner.machine.addresses.assign(17, "10.0.0.1:1");
    CHECK(ask(world, secret, joiner).error().is(Code::invalid_argument, Subject::node));

    joiner = world.joiner(2, "shed", "home");
    joiner.zone_agreed = true;
    REQUIRE(ask(world, secret, joiner));
}

TEST_CASE("a machine with a name that is taken gets a number behind it", "[join]") {
    ControlWorld world;
    world.found();
    CHECK(world.join(2, "attic", "shed").membership.find(2)->name == "attic-2");
    CHECK(world.join(3, "attic", "office").membership.find(3)->name == "attic-3");
}

TEST_CASE("a gateway joins and stores nothing", "[join]") {
    ControlWorld world;
    world.found();
    auto joiner = world.joiner(2, "door", "home");
    joiner.machine.gateway = true;
    joiner.machine.capacity = 0;
    const auto welcome = ask(world, world.invitation(), joiner);
    REQUIRE(welcome);
    CHECK(welcome->bytes_to_copy == 0);
    const auto member = world.run(world.at(1).member("door"));
    REQUIRE(member);
    CHECK(member->gateway);
    CHECK(member->partitions == 0);
}

TEST_CASE("two who join at once get two numbers and two layouts", "[join]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        ControlWorld world(seed);
        world.found();
        const auto a = world.invitation();
        const auto b = world.invitation();
        const auto [shed, office] = world.both(world.at(1).admit(a, world.joiner(2, "shed", "shed")),
                                               world.at(2).admit(b, world.joiner(3, "office", "office")));
        INFO("seed " << seed << (shed ? "" : " " + shed.error().message)
                     << (office ? "" : " " + office.error().message));
        REQUIRE(shed);
        REQUIRE(office);
        CHECK(std::set{shed->membership.self, office->membership.self} == std::set<io::NodeNumber>{2, 3});
        const auto seen = world.run(world.at(3).layout());
        REQUIRE(seen);
        CHECK(seen->current.epoch == 3);
        CHECK(seen->current.roles.size() == 3);
    }
}

TEST_CASE("one machine that asks two others at once joins once", "[join]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        ControlWorld world(seed);
        world.found();
        const auto secret = world.invitation();
        const auto [one, other] = world.both(world.at(1).admit(secret, world.joiner(2, "shed", "shed")),
                                             world.at(3).admit(secret, world.joiner(2, "shed", "shed")));
        INFO("seed " << seed);
        REQUIRE(one);
        REQUIRE(other);
        CHECK(one->membership.self == 2);
        CHECK(other->membership.self == 2);
        CHECK(world.run(world.at(1).overview())->members.size() == 2);
    }
}

TEST_CASE("two machines with one invitation: one joins", "[join]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        ControlWorld world(seed);
        world.found();
        const auto secret = world.invitation();
        const auto [one, other] = world.both(world.at(1).admit(secret, world.joiner(2, "shed", "shed")),
                                             world.at(2).admit(secret, world.joiner(3, "office", "office")));
        INFO("seed " << seed);
        CHECK(one.has_value() != other.has_value());
        CHECK((one ? other : one).error().is(Code::already_exists, Subject::token));
    }
}

}  // namespace
}  // namespace larder::control
