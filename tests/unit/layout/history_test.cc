#include "replication/layout/history.h"

#include <catch2/catch.hpp>

#include <random>

namespace larder::layout {
namespace {

base::NodeId node(std::uint8_t n) {
    base::NodeId id;
    id.bytes[0] = n;
    return id;
}

// Epoch e is on nodes e, e + 1, e + 2: one leaves and one comes at each step.
Layout step(Epoch epoch) {
    Roles roles;
    for (std::uint8_t n = 0; n < 3; ++n) {
        roles[node(static_cast<std::uint8_t>(epoch + n))] = {"zone " + std::to_string(n), 100, false, {}};
    }
    Layout former;
    former.epoch = epoch - 1;
    former.replicas.resize(2);
    const auto made = place(former, Policy{}, roles);
    REQUIRE(made);
    return *made;
}

History steps(Epoch from, Epoch to) {
    History history;
    for (Epoch e = from; e <= to; ++e) REQUIRE(append(history, step(e)));
    return history;
}

History random_history(std::mt19937& random) {
    const Epoch from = 1 + random() % 4;
    History history = random() % 8 == 0 ? History{} : steps(from, from + random() % 3);
    for (int i = 0; i < 4; ++i) {
        const Epoch adopted = random() % 6;
        const Epoch synced = random() % (adopted + 1);
        const Progress progress{adopted, synced, random() % (synced + 1)};
        REQUIRE(advance(history, node(static_cast<std::uint8_t>(1 + random() % 6)), progress));
    }
    if (random() % 2) history.given_up[node(static_cast<std::uint8_t>(1 + random() % 6))] = random() % 6;
    return history;
}

History joined(History a, const History& b) {
    REQUIRE(merge(a, b));
    return a;
}

TEST_CASE("histories join in any order and any number of times") {
    std::mt19937 random(4);
    for (int round = 0; round < 500; ++round) {
        const History a = random_history(random);
        const History b = random_history(random);
        const History c = random_history(random);
        REQUIRE(joined(a, b) == joined(b, a));
        REQUIRE(joined(joined(a, b), c) == joined(a, joined(b, c)));
        REQUIRE(joined(a, a) == a);
        REQUIRE(joined(joined(a, b), b) == joined(a, b));
        Epoch expected = 0;
        for (const auto& [epoch, layout] : joined(a, b).live) {
            REQUIRE((expected == 0 || epoch == expected));
            expected = epoch + 1;
        }
    }
}

TEST_CASE("a quorum of every live epoch is asked, and equal sets once") {
    const History history = steps(1, 2);
    const auto quorums = joint_quorums(history, 0);
    REQUIRE(quorums.size() == 2);
    CHECK(quorums[0].epoch == 1);
    CHECK(quorums[0].needed == 2);
    CHECK(quorums[1].nodes.size() == 3);
    CHECK(joint_quorums(history, 2).empty());
    History still = steps(1, 1);
    Layout same = still.live.at(1);
    same.epoch = 2;
    REQUIRE(append(still, same));
    CHECK(joint_quorums(still, 0).size() == 1);
}

TEST_CASE("an epoch ends when a quorum of both sets left it and a quorum of the new one settled") {
    History history = steps(1, 2);
    REQUIRE(advance(history, node(2), {2, 2, 2}));
    CHECK_FALSE(may_retire_oldest(history));
    REQUIRE(advance(history, node(4), {2, 2, 2}));
    // Nodes 1 and 3 could still serve epoch 1 by themselves.
    CHECK_FALSE(may_retire_oldest(history));
    REQUIRE(advance(history, node(3), {2, 0, 0}));
    CHECK(may_retire_oldest(history));
    CHECK(retire(history) == 1);
    CHECK(history.live.begin()->first == 2);
    // Who has not heard of it yet does not bring it back.
    CHECK(joined(history, steps(1, 2)).live.size() == 1);
    CHECK_FALSE(advance(history, node(2), {2, 2, 3}));
}

TEST_CASE("two layouts cannot both be the next") {
    History history = steps(1, 2);
    CHECK(append(history, step(2)).error().is(base::Code::conflict));
    CHECK(append(history, step(4)).error().is(base::Code::conflict));
    History other = steps(1, 1);
    Layout different = step(3);
    different.epoch = 2;
    REQUIRE(append(other, different));
    const History before = history;
    CHECK(merge(history, other).error().is(base::Code::corrupted));
    CHECK(history == before);
}

TEST_CASE("dead nodes are given up by decision, with the loss told") {
    History history;
    REQUIRE(append(history, step(1)));
    CHECK(give_up(history, {node(1)}, false).error().is(base::Code::invalid_argument));
    Layout far = step(3);
    far.epoch = 2;
    REQUIRE(append(history, far));  // 1 2 3 → 3 4 5
    CHECK(give_up(history, {node(3)}, true).error().is(base::Code::invalid_argument));
    CHECK(loss_of(history, {node(1)}).at_risk.empty());
    CHECK(loss_of(history, {node(1), node(2)}).at_risk.size() == 2);
    CHECK(loss_of(history, {node(1), node(2), node(3)}).lost.size() == 2);
    REQUIRE(advance(history, node(3), {2, 2, 2}));
    REQUIRE(advance(history, node(4), {2, 2, 2}));
    CHECK_FALSE(may_retire_oldest(history));
    CHECK(give_up(history, {node(1), node(2)}, false).error().is(base::Code::precondition_failed));
    REQUIRE(give_up(history, {node(1), node(2)}, true));
    CHECK(joint_quorums(history, 0).front().needed == 1);
    CHECK(may_retire_oldest(history));
}

}  // namespace
}  // namespace larder::layout
