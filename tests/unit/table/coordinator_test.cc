// Reads, plain writes, settling and collection; conditional writes are in update_test.cc.
#include "src/io/local_network.h"
#include "src/io/real_env.h"
#include "tests/unit/table/harness.h"

#include <catch2/catch.hpp>

namespace larder::table {
namespace {

using base::Code;
using base::Tag;

const RowKey kKey{"p", "k"};
constexpr auto kSoon = std::chrono::milliseconds(60);  // after the timeout of one round

// How many nodes hold exactly this acc.
std::size_t holders(Cluster& cluster, std::size_t nodes, Tag acc) {
    std::size_t count = 0;
    for (sim::Place node = 1; node <= nodes; ++node) {
        const auto row = cluster.held(node, kKey);
        count += row && row->acc == acc ? 1 : 0;
    }
    return count;
}

// A tag of another node whose clock is half a minute ahead.
Tag ahead(Cluster& cluster) {
    const auto now = sim::SimClock(cluster.world, 1).wall_now().ms;
    return {base::make_hybrid(static_cast<std::uint64_t>(now + 30'000), 0), 9, 1};
}

// The first node hears itself and the second only.
void cut_off_third(Cluster& cluster) {
    cluster.cut(1, 3);
    cluster.cut(3, 1);
}

TEST_CASE("what was written is read, on one replica and on three, through any node", "[coordinator]") {
    for (const std::size_t nodes : {1u, 3u}) {
        Cluster cluster(nodes);
        const auto last = static_cast<sim::Place>(nodes);
        CHECK_FALSE(cluster.run(cluster.at(1).read(kKey, true))->exists());
        const auto first = cluster.run(cluster.at(1).write(kKey, Value{"row", "body"}));
        REQUIRE(first);
        const auto row = cluster.run(cluster.at(last).read(kKey, true));
        REQUIRE(row);
        REQUIRE(row->exists());
        CHECK(row->version == *first);
        CHECK(row->value->row == "row");
        CHECK(row->value->body == "body");
        const auto second = cluster.run(cluster.at(last).write(kKey, std::nullopt));
        REQUIRE(second);
        CHECK(*second > *first);
        const auto gone = cluster.run(cluster.at(1).read(kKey, true));
        CHECK_FALSE(gone->exists());
        CHECK(gone->version == *second);
    }
}

TEST_CASE("a value made from its version gets the version that is returned", "[coordinator]") {
    Cluster cluster(3);
    const auto made = cluster.run(cluster.at(2).write_made(kKey, [](Tag version) { return Value{version.hex(), ""}; }));
    REQUIRE(made);
    CHECK(cluster.run(cluster.at(1).read(kKey, true))->value->row == made->hex());
    // Also when the first tag was too low, and another was taken.
    const auto greater = ahead(cluster);
    for (sim::Place node = 1; node <= 3; ++node) cluster.plant(node, kKey, written(greater, "ahead"));
    const auto again =
        cluster.run(cluster.at(2).write_made(kKey, [](Tag version) { return Value{version.hex(), ""}; }));
    REQUIRE(again);
    CHECK(*again > greater);
    CHECK(cluster.run(cluster.at(1).read(kKey, true))->value->row == again->hex());
}

// Three requests and three answers are one round trip.
TEST_CASE("a read that finds agreement and a plain write are one round trip", "[coordinator]") {
    Cluster cluster(3);
    REQUIRE(cluster.run(cluster.at(1).write(kKey, Value{"x", ""})));
    cluster.settle_down();
    CHECK(cluster.links.messages == 6);
    REQUIRE(cluster.run(cluster.at(2).read(kKey, true)));
    cluster.settle_down();
    CHECK(cluster.links.messages == 12);
}

TEST_CASE("a read completes the newest value before it returns it", "[coordinator]") {
    for (const bool with_body : {true, false}) {
        Cluster cluster(3);
        cluster.plant(1, kKey, written(tag(4), "older"));
        cluster.plant(2, kKey, written(tag(5), "newest"), "its body");
        cut_off_third(cluster);
        const auto row = cluster.run(cluster.at(1).read(kKey, with_body));
        REQUIRE(row);
        CHECK(row->version == tag(5));
        CHECK(row->value->row == "newest");
        CHECK(holders(cluster, 3, tag(5)) == 2);  // under its own tag: nobody has promised more
        CHECK(cluster.rows(1).bodies.at(body_place(kTable, tag(5), body_mark_of(kTable, kKey))) == "its body");
    }
}

TEST_CASE("a read completes a deletion too", "[coordinator]") {
    Cluster cluster(3);
    cluster.plant(1, kKey, written(tag(4), "older"));
    cluster.plant(2, kKey, deleted(tag(5)));
    cut_off_third(cluster);
    const auto row = cluster.run(cluster.at(1).read(kKey, true));
    REQUIRE(row);
    CHECK_FALSE(row->exists());
    CHECK(cluster.held(1, kKey)->tombstone);
    CHECK(holders(cluster, 3, tag(5)) == 2);
}

TEST_CASE("a read settles the row when somebody was promised more than the newest value", "[coordinator]") {
    Cluster cluster(3);
    StoredRow promised;
    promised.fence = tag(10);
    cluster.plant(1, kKey, promised);
    cluster.plant(2, kKey, written(tag(5), "newest"));
    cluster.plant(3, kKey, promised);
    cut_off_third(cluster);
    const auto row = cluster.run(cluster.at(1).read(kKey, true));
    REQUIRE(row);
    CHECK(row->version == tag(5));
    const auto held = cluster.held(1, kKey);
    CHECK(held->row == "newest");
    CHECK(held->version == tag(5));
    CHECK(held->fenced);
    CHECK(held->acc > tag(10));
    CHECK(holders(cluster, 3, held->acc) == 2);
}

TEST_CASE("without a majority nothing is read, and nobody can tell what became of a write", "[coordinator]") {
    Cluster cluster(3);
    for (const sim::Place other : {2u, 3u}) cluster.cut(1, other);
    CHECK(cluster.run(cluster.at(1).read(kKey, true)).error().code == Code::quorum_not_reached);
    CHECK(cluster.run(cluster.at(1).settle(kKey)).error().code == Code::quorum_not_reached);
    CHECK(cluster.run(cluster.at(1).write(kKey, Value{"x", ""})).error().code == Code::unknown_outcome);
    CHECK(cluster.run(cluster.at(2).read(RowKey{"p", "other"}, true)));  // the others go on
}

TEST_CASE("a write below what all hold is sent again above it", "[coordinator]") {
    Cluster cluster(3);
    const auto greater = ahead(cluster);
    for (sim::Place node = 1; node <= 3; ++node) cluster.plant(node, kKey, written(greater, "ahead"));
    const auto version = cluster.run(cluster.at(1).write(kKey, Value{"mine", ""}));
    REQUIRE(version);
    CHECK(*version > greater);
    CHECK(cluster.run(cluster.at(2).read(kKey, true))->value->row == "mine");
}

TEST_CASE("a write that some took and some refused is settled, never sent again", "[coordinator]") {
    Cluster cluster(3);
    const auto greater = ahead(cluster);
    for (const sim::Place node : {2u, 3u}) cluster.plant(node, kKey, written(greater, "ahead"));
    const auto version = cluster.run(cluster.at(1).write(kKey, Value{"mine", ""}));
    REQUIRE_FALSE(version);
    CHECK(version.error().code == Code::unknown_outcome);
    cluster.settle_down();
    CHECK(cluster.run(cluster.at(1).read(kKey, true))->value->row == "ahead");
}

TEST_CASE("a write whose answers were lost finds out that it is there", "[coordinator]") {
    Cluster cluster(3);
    for (const sim::Place other : {2u, 3u}) cluster.cut(other, 1);
    cluster.later(kSoon, [&] { cluster.join(); });
    const auto version = cluster.run(cluster.at(1).write(kKey, Value{"mine", ""}));
    REQUIRE(version);
    const auto row = cluster.run(cluster.at(2).read(kKey, true));
    CHECK(row->version == *version);
    CHECK(row->value->row == "mine");
}

TEST_CASE("settling brings the newest to a majority under its version, and leaves alone what is there",
          "[coordinator]") {
    Cluster cluster(3);
    CHECK(cluster.run(cluster.at(1).settle(kKey))->version.is_zero());
    cluster.settle_down();
    CHECK_FALSE(cluster.held(1, kKey)->has_value());
    cluster.plant(2, kKey, written(tag(5), "newest"), "body");
    cut_off_third(cluster);
    const auto row = cluster.run(cluster.at(1).settle(kKey));
    REQUIRE(row);
    CHECK(row->version == tag(5));
    CHECK(row->value->body == "body");
    const auto acc = cluster.held(1, kKey)->acc;
    CHECK(cluster.held(1, kKey)->version == tag(5));
    CHECK(holders(cluster, 3, acc) == 2);
    REQUIRE(cluster.run(cluster.at(1).settle(kKey)));
    CHECK(cluster.held(1, kKey)->acc == acc);
}

TEST_CASE("a deleted row is dropped everywhere, and the low bound keeps its ghosts away", "[coordinator]") {
    for (const std::size_t nodes : {1u, 3u}) {
        Cluster cluster(nodes);
        REQUIRE(cluster.run(cluster.at(1).write(kKey, Value{"x", ""})));
        const auto deletion = cluster.run(cluster.at(1).write(kKey, std::nullopt));
        REQUIRE(deletion);
        CHECK(cluster.run(cluster.at(1).collect(kKey)) == true);
        cluster.settle_down();
        for (sim::Place node = 1; node <= nodes; ++node) {
            CHECK_FALSE(cluster.held(node, kKey));
            CHECK(cluster.rows(node).lows.at(cluster.placement.partition_of("p")) > *deletion);
            const AcceptRequest ghost{AcceptKind::write_back, tag(5), {{kKey, tag(5), false, {"ghost", ""}}}};
            CHECK_FALSE(cluster.reply(node, encode(kTable, ghost)).ok);
        }
        CHECK_FALSE(cluster.run(cluster.at(1).read(kKey, true))->exists());
        REQUIRE(cluster.run(cluster.at(1).write(kKey, Value{"anew", ""})));
        CHECK(cluster.run(cluster.at(1).read(kKey, true))->value->row == "anew");
    }
}

TEST_CASE("a deleted row stays while a replica is away", "[coordinator]") {
    Cluster cluster(3);
    for (sim::Place node = 1; node <= 3; ++node) cluster.plant(node, kKey, deleted(tag(5)));
    cut_off_third(cluster);
    const auto collected = cluster.run(cluster.at(1).collect(kKey));
    CHECK_FALSE(collected.value_or(false));
    cluster.settle_down();
    for (sim::Place node = 1; node <= 3; ++node) {
        REQUIRE(cluster.held(node, kKey));
        CHECK(cluster.held(node, kKey)->tombstone);
        CHECK(cluster.rows(node).lows[cluster.placement.partition_of("p")].is_zero());
    }
    cluster.join();
    CHECK(cluster.run(cluster.at(1).collect(kKey)) == true);
}

// All hold the deletion, but one has not raised its low bound: dropped elsewhere, the row could come back through it.
TEST_CASE("a deleted row stays when a replica goes away before its low bound is raised", "[coordinator]") {
    Cluster cluster(3);
    for (sim::Place node = 1; node <= 3; ++node) cluster.plant(node, kKey, deleted(tag(5)));
    cluster.after_step = [&] {
        if (cluster.held(3, kKey)->fenced) cluster.cut(1, 3);
    };
    CHECK_FALSE(cluster.run(cluster.at(1).collect(kKey)).value_or(false));
    cluster.settle_down();
    for (sim::Place node = 1; node <= 3; ++node) CHECK(cluster.held(node, kKey));
}

TEST_CASE("a row with a value is not collected", "[coordinator]") {
    Cluster cluster(3);
    for (sim::Place node = 1; node <= 3; ++node) cluster.plant(node, kKey, written(tag(5), "x"));
    CHECK(cluster.run(cluster.at(1).collect(kKey)) == false);
    cluster.settle_down();
    for (sim::Place node = 1; node <= 3; ++node) CHECK(cluster.held(node, kKey)->acc == tag(5));
    // Nor one that somebody has written over the deletion which the reader saw.
    Cluster other(3);
    other.plant(1, kKey, deleted(tag(5)));
    other.plant(2, kKey, deleted(tag(5)));
    other.plant(3, kKey, written(tag(6), "newer"));
    other.cut(1, 3);
    other.later(std::chrono::milliseconds(3), [&] { other.join(); });
    (void)other.run(other.at(1).collect(kKey));
    other.settle_down();
    const auto row = other.run(other.at(2).read(kKey, true));
    REQUIRE(row);
    if (row->exists()) CHECK(row->value->row == "newer");
    CHECK((row->exists() || row->version.is_zero()));
}

// A replica that answers with errors only.
struct Failing : Parts {
    explicit Failing(Code code) {
        network.serve(Replica::kMethod,
                      [this, code](io::NodeNumber, io::Message) -> io::Task<base::Result<io::Message>> {
                          ++asked;
                          return refuse(code);
                      });
    }
    static io::Task<base::Result<io::Message>> refuse(Code code) { co_return base::fail(code, "as told"); }

    Coordinator coordinator{env, cluster.placement, tags, cluster.options};
    int asked = 0;
};

TEST_CASE("the only replica's word that it changed nothing is the answer", "[coordinator]") {
    const Decide keep = [](const Row&, Tag) -> base::Result<Decision> { return Decision{Value{"x", ""}}; };
    RangeQuery query;
    query.partition_key = "p";
    for (const auto code : {Code::no_space, Code::corrupted, Code::shutting_down}) {
        Failing at(code);
        CHECK(at.cluster.run(at.coordinator.read(kKey, true)).error().code == code);
        CHECK(at.cluster.run(at.coordinator.write(kKey, Value{"x", ""})).error().code == code);
        CHECK(at.cluster.run(at.coordinator.update(kKey, keep)).error().code == code);
        CHECK(at.cluster.run(at.coordinator.settle(kKey)).error().code == code);
        CHECK(at.cluster.run(at.coordinator.collect(kKey)).error().code == code);
        CHECK(at.cluster.run(at.coordinator.range(query)).error().code == code);
        CHECK(at.asked == 6);
    }
}

TEST_CASE("an error that leaves the outcome open is not taken for a refusal", "[coordinator]") {
    const Decide keep = [](const Row&, Tag) -> base::Result<Decision> { return Decision{Value{"x", ""}}; };
    Failing at(Code::io_failure);
    CHECK(at.cluster.run(at.coordinator.read(kKey, true)).error().code == Code::quorum_not_reached);
    CHECK(at.cluster.run(at.coordinator.write(kKey, Value{"x", ""})).error().code == Code::unknown_outcome);
    // Nobody else was there, so nobody won a race.
    CHECK(at.cluster.run(at.coordinator.update(kKey, keep)).error().code == Code::quorum_not_reached);
}

TEST_CASE("the only replica is asked without a message on its own node", "[coordinator]") {
    Cluster cluster(1);
    cluster.ask_itself(1);
    cluster.cut(1, 1);
    auto& node = cluster.at(1);
    CHECK_FALSE(cluster.run(node.read(kKey, true))->exists());
    const auto first = cluster.run(node.write(kKey, Value{"row", "body"}));
    REQUIRE(first);
    const auto row = cluster.run(node.read(kKey, true));
    REQUIRE(row);
    CHECK(row->version == *first);
    CHECK(row->value->row == "row");
    CHECK(row->value->body == "body");
    CHECK(cluster.run(node.read(kKey, false))->value->body.empty());
    const auto longer = [](const Row& now, Tag) -> base::Result<Decision> {
        return Decision{Value{now.value->row + "+", now.value->body}};
    };
    REQUIRE(cluster.run(node.update(kKey, longer)));
    CHECK(cluster.run(node.settle(kKey))->value->row == "row+");
    // Below what is held: refused, then written above it.
    cluster.plant(1, kKey, written(ahead(cluster), "newer"));
    REQUIRE(cluster.run(node.write(kKey, Value{"last", ""})));
    CHECK(cluster.run(node.read(kKey, true))->value->row == "last");
    CHECK_FALSE(*cluster.run(node.collect(kKey)));
    REQUIRE(cluster.run(node.write(kKey, std::nullopt)));
    CHECK(*cluster.run(node.collect(kKey)));
    CHECK_FALSE(cluster.held(1, kKey));
}

TEST_CASE("a node that holds one of three replicas asks them all", "[coordinator]") {
    Cluster cluster(3);
    cluster.ask_itself(1);
    const auto version = cluster.run(cluster.at(1).write(kKey, Value{"row", ""}));
    REQUIRE(version);
    cluster.settle_down();
    for (sim::Place node = 1; node <= 3; ++node) CHECK(cluster.held(node, kKey)->version == *version);
}

}  // namespace
}  // namespace larder::table
