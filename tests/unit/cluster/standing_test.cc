// What a node keeps and what it must forget, by the layouts it has seen.
#include "replication/cluster/standing.h"

#include "replication/cluster/keeper_messages.h"
#include "replication/cluster/layout_placement.h"

#include <catch2/catch.hpp>

namespace larder::cluster {
namespace {

using quorum::Slot;

base::NodeId node(std::uint8_t n) {
    base::NodeId id;
    id.bytes[0] = n;
    return id;
}
io::NodeNumber number(const base::NodeId& id) {
    return id.bytes[0];
}

// Partition 0 on `nodes`, partition 1 on 4, 5 and 6; all of 1 to 6 store but `gateways`.
Layout layout(Epoch epoch, std::vector<std::uint8_t> nodes, std::set<std::uint8_t> gateways = {}) {
    Layout out;
    out.epoch = epoch;
    out.policy = {.copies = 3, .zone_redundancy = 3};
    out.partition_bytes = 1;
    out.replicas.resize(2);
    for (const auto n : nodes) out.replicas[0].push_back(node(n));
    for (const std::uint8_t n : {4, 5, 6}) out.replicas[1].push_back(node(n));
    for (std::uint8_t n = 1; n <= 6; ++n) {
        const bool gateway = gateways.contains(n);
        out.roles[node(n)] = {.zone = std::string(1, static_cast<char>('a' + n)),
                              .capacity = gateway ? 0u : 10u,
                              .gateway = gateway,
                              .tags = {}};
    }
    REQUIRE(check(out));
    return out;
}

Standing standing(std::vector<Layout> live) {
    Standing out;
    out.fresh = false;
    out.since = since_first(live.front());
    for (auto& each : live) out.history.live.emplace(each.epoch, std::move(each));
    return out;
}

// A later state in which the layouts before `oldest` have ended.
Standing later(Standing from, std::vector<Layout> more, Epoch oldest) {
    for (auto& each : more) from.history.live.emplace(each.epoch, std::move(each));
    while (from.history.live.begin()->first < oldest) {
        const auto first = from.history.live.begin();
        from.since = since_next(from.since, first->second, std::next(first)->second);
        from.history.live.erase(first);
    }
    return from;
}

constexpr Slot kSlot{0, false};

TEST_CASE("a node that stays keeps what it holds, however much it has missed", "[standing]") {
    const auto before = standing({layout(1, {1, 2, 3})});
    const auto next = later(before, {layout(2, {1, 2, 4}), layout(3, {1, 4, 5})}, 3);
    CHECK(wiped_by(before, next, node(1)).empty());
}

TEST_CASE("a node that has left forgets when the last layout with it ends", "[standing]") {
    const auto before = standing({layout(1, {1, 2, 3})});
    const auto joint = later(before, {layout(2, {1, 2, 4})}, 1);
    CHECK(wiped_by(before, joint, node(3)).empty());
    CHECK(wiped_by(joint, later(joint, {}, 2), node(3)) == std::set<Slot>{kSlot});
}

TEST_CASE("a node that left and came back unseen forgets what it held before", "[standing]") {
    const auto before = standing({layout(1, {1, 2, 3})});
    const auto back = later(before, {layout(2, {1, 2, 4}), layout(3, {1, 2, 3})}, 3);
    CHECK(wiped_by(before, back, node(3)) == std::set<Slot>{kSlot});
    // While the layout that had it is still live, what it holds is of that one.
    const auto joint = later(before, {layout(2, {1, 2, 4}), layout(3, {1, 2, 3})}, 1);
    CHECK(wiped_by(before, joint, node(3)).empty());
}

TEST_CASE("a node that stores no more forgets what lies everywhere", "[standing]") {
    const auto before = standing({layout(1, {1, 2, 3})});
    const auto after = later(before, {layout(2, {1, 2, 4}, {3})}, 2);
    CHECK(wiped_by(before, after, node(3)) == std::set<Slot>{{0, false}, {0, true}, {1, true}});
}

TEST_CASE("whom to ask", "[standing]") {
    const auto joint = later(standing({layout(1, {1, 2, 3})}), {layout(2, {1, 2, 4})}, 1);
    const auto asked = sources(joint.history, kSlot, node(4), false);
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].nodes == std::vector{node(1), node(2), node(3)});
    CHECK(asked[0].needed == 2);
    // The same members in both layouts: nothing moves.
    CHECK(sources(joint.history, {1, false}, node(4), false).empty());
    // One that has left in the newest is asked for by the one before, and what it says counts there.
    const auto leaving = later(joint, {layout(3, {1, 2, 5})}, 1);
    CHECK(sources(leaving.history, kSlot, node(4), false).size() == 1);
    CHECK(sources(leaving.history, kSlot, node(3), false).empty());
    CHECK(sources(leaving.history, kSlot, node(5), false).size() == 2);
    // A node that lost what it held asks enough others to meet every quorum that it was in.
    const auto lost = sources(joint.history, kSlot, node(1), true);
    REQUIRE(lost.size() == 2);
    CHECK(lost[0].nodes == std::vector{node(2), node(3)});
    CHECK(lost[0].needed == 2);
    CHECK(lost[1].nodes == std::vector{node(2), node(4)});
    CHECK(lost[1].needed == 2);
}

TEST_CASE("quorums are joint while layouts overlap", "[placement]") {
    const auto joint = later(standing({layout(1, {1, 2, 3})}), {layout(2, {1, 2, 4}, {3})}, 1);
    const LayoutPlacement placement(joint.history, number);
    CHECK(placement.epoch() == 2);
    const auto set = placement.replicas(0);
    CHECK(set->epoch == 2);
    CHECK(set->nodes == std::vector<io::NodeNumber>{1, 2, 3, 4});
    REQUIRE(set->quorums.size() == 2);
    CHECK(placement.replicas(1)->quorums.size() == 1);
    const auto all = placement.everywhere();
    CHECK(all->nodes.size() == 6);
    REQUIRE(all->quorums.size() == 2);
    CHECK(all->quorums[0].needed == 4);
    CHECK(all->quorums[1].needed == 3);
}

TEST_CASE("the record survives its bytes", "[standing]") {
    auto record = later(standing({layout(1, {1, 2, 3})}), {layout(2, {1, 2, 4})}, 1);
    record.history.progress[node(1)] = {2, 1, 1};
    record.history.given_up[node(3)] = 2;
    record.wiping = {{1, true}};
    record.recovering = {{0, false}, {1, false}};
    record.boot = 7;
    record.starts[node(2)] = {9, 1234};
    const auto bytes = encode(record);
    const auto back = decode_standing(bytes);
    REQUIRE(back);
    CHECK(*back == record);
    for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(decode_standing(bytes.substr(0, n)));
    const auto none = decode_standing(encode(Standing{}));
    REQUIRE(none);
    CHECK(*none == Standing{});
}

TEST_CASE("a history may be told in part", "[standing]") {
    const auto joint = later(standing({layout(1, {1, 2, 3})}), {layout(2, {1, 2, 4})}, 1);
    const auto part = decode_history(encode_history(joint.history, joint.since, 2));
    REQUIRE(part);
    CHECK(part->oldest == 1);
    CHECK(part->newest == 2);
    CHECK(part->history.live.size() == 1);
    CHECK(part->since.replicas.empty());
    const Greeting greeting{node(3), 4, 5, 6, 7, "history"};
    const auto heard = decode_greeting(encode(greeting));
    REQUIRE(heard);
    CHECK(heard->node == node(3));
    CHECK(heard->your_life == 7);
    CHECK(heard->history == "history");
}

}  // namespace
}  // namespace larder::cluster
