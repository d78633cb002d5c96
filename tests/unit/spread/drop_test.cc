// Giving owners up: only what nobody reads, only when everybody has answered.
#include "tests/unit/spread/harness.h"

#include <catch2/catch.hpp>

namespace larder::spread {
namespace {

using base::Code;

Drop drop(Cluster& cluster, io::NodeNumber at, std::vector<std::uint64_t> numbers) {
    std::vector<Owner> owners;
    for (const auto number : numbers) owners.push_back(owner(number));
    return cluster.run(at, cluster.store(at).drop_everywhere(owners));
}

io::Task<void> drop_into(SpreadStore& store, Owner one, std::optional<Drop>& out) {
    out = co_await store.drop_everywhere({one});
}

TEST_CASE("what is dropped is gone everywhere; doing it again does no harm", "[spread]") {
    Cluster cluster(4);
    for (std::uint64_t number = 0; number < 10; ++number) REQUIRE(cluster.put(1, bytes_of(number), number % 2));
    cluster.pass(std::chrono::seconds(1));
    CHECK(drop(cluster, 2, {0, 77}).done());
    CHECK(drop(cluster, 3, {0}).done());
    for (std::uint64_t number = 0; number < 10; ++number) {
        CHECK(cluster.have(bytes_of(number)).size() == (number % 2 == 0 ? 0 : 3));
    }
    REQUIRE(cluster.run(1, cluster.store(1).drop_references(owner(1))));
    for (io::NodeNumber node = 1; node <= 4; ++node) CHECK(cluster.shelf(node).blocks.empty());
}

TEST_CASE("a long download of something deleted goes on to its end", "[spread]") {
    Cluster cluster(4);
    const auto first = bytes_of(1), second = bytes_of(2);
    REQUIRE(cluster.put(1, first, 1));
    REQUIRE(cluster.put(1, second, 1));
    cluster.pass(std::chrono::seconds(1));
    // The reader is at a node that need not hold any of it.
    auto lease = cluster.store(4).lease({owner(1)});
    CHECK(cluster.get(4, first) == first);
    const auto held = drop(cluster, 1, {1, 2});
    CHECK((held.left == std::vector{owner(1)}));
    CHECK(held.why == "the blocks are being read");
    CHECK(cluster.run(1, cluster.store(1).drop_references(owner(1))).error().is(Code::conflict));
    cluster.pass(std::chrono::hours(2));
    CHECK(cluster.get(4, second) == second);
    lease.reset();
    CHECK(drop(cluster, 1, {1}).done());
    CHECK(cluster.have(first).empty());
}

TEST_CASE("a row read that is under way may still end in a lease", "[spread]") {
    Cluster cluster(3);
    const auto bytes = bytes_of(1);
    REQUIRE(cluster.put(1, bytes, 1));
    auto reading = std::optional(cluster.store(3).gate().enter());
    std::optional<Drop> outcome;
    cluster.node(1).tasks.spawn(drop_into(cluster.store(1), owner(1), outcome));
    cluster.pass(std::chrono::seconds(1));
    CHECK_FALSE(outcome);
    auto lease = cluster.store(3).lease({owner(1)});
    reading.reset();
    // One that begins now reads a newer row: it is not waited for.
    const auto later = cluster.store(3).gate().enter();
    cluster.step_until([&] { return outcome.has_value(); });
    CHECK((outcome->left == std::vector{owner(1)}));
    lease.reset();
    CHECK(drop(cluster, 1, {5}).why.find("node 3") != std::string::npos);
    CHECK(cluster.have(bytes).size() == 3);
}

TEST_CASE("a member that does not answer keeps everything; one that was removed does not", "[spread]") {
    Cluster cluster(4);
    cluster.set_layouts({{{1, 2, 3}, 3}});
    const auto bytes = bytes_of(1);
    REQUIRE(cluster.put(1, bytes, 1));
    cluster.kill(4);
    const auto postponed = drop(cluster, 1, {1});
    CHECK_FALSE(postponed.done());
    CHECK(postponed.why.find("node 4") != std::string::npos);
    CHECK(cluster.have(bytes).size() >= 2);
    std::erase(cluster.members.nodes, 4);
    CHECK(drop(cluster, 1, {1}).done());
    CHECK(cluster.have(bytes).empty());
    // A gateway may read.
    cluster.members.gateways = {4};
    CHECK_FALSE(drop(cluster, 1, {2}).done());
    cluster.start(4);
    const auto lease = cluster.store(4).lease({owner(2)});
    CHECK((drop(cluster, 1, {2, 3}).left == std::vector{owner(2)}));
}

TEST_CASE("who does not know of all members gives nothing up", "[spread]") {
    Cluster cluster(3);
    REQUIRE(cluster.put(1, bytes_of(1), 1));
    cluster.pass(std::chrono::seconds(1));
    // Node 2 has heard of a new member, node 1 has not: the new one may be reading.
    std::uint64_t calls = 0;
    cluster.members.known = [&calls] { return ++calls == 1 ? 1 : 2; };
    const auto postponed = drop(cluster, 1, {1});
    CHECK((postponed.left == std::vector{owner(1)}));
    CHECK(postponed.why.find("more members") != std::string::npos);
    CHECK(cluster.have(bytes_of(1)).size() == 3);
    CHECK(drop(cluster, 1, {1}).done());
}

TEST_CASE("a drop that was cut off in the middle is done again from the beginning", "[spread]") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        Cluster cluster(3, seed);
        const auto bytes = bytes_of(1);
        REQUIRE(cluster.put(1, bytes, 1));
        REQUIRE(cluster.put(1, bytes, 2));
        std::optional<Drop> outcome;
        cluster.node(1).tasks.spawn(drop_into(cluster.store(1), owner(1), outcome));
        cluster.pass(std::chrono::milliseconds(seed / 3));
        cluster.kill(static_cast<io::NodeNumber>(1 + seed % 3));
        cluster.pass(std::chrono::seconds(30));
        cluster.start(static_cast<io::NodeNumber>(1 + seed % 3));
        CHECK(drop(cluster, 2, {1}).done());
        CHECK(cluster.have(bytes, 1).empty());
        CHECK(cluster.have(bytes, 2).size() >= 2);
        CHECK(cluster.get(3, bytes) == bytes);
    }
}

TEST_CASE("what comes too late for an owner that was dropped is refused", "[spread]") {
    Cluster cluster(3);
    const auto bytes = bytes_of(1);
    REQUIRE(cluster.put(1, bytes, 1));
    const auto packed = cluster.shelf(1).blocks.begin()->second.packed;
    CHECK(drop(cluster, 1, {1}).done());
    const auto& placement = cluster.placement;
    auto& wire = cluster.node(1).wire;
    const auto soon = cluster.node(1).clock.after(std::chrono::seconds(5));
    const auto stored = cluster.run(1, wire.call(2, kMethod, store_message(placement.epoch(), packed), soon));
    CHECK(stored.error().is(Code::conflict, base::Subject::block));
    ReferRequest request{placement.epoch(), true, {}, {{owner(1), base::sha256(bytes), 0}}};
    const auto referred = cluster.run(1, wire.call(2, kMethod, refer_message(request), soon));
    REQUIRE(referred);
    CHECK((open_referred(*referred, 1)->front() == Referred::dropped));
    CHECK(cluster.have(bytes).empty());
}

TEST_CASE("bytes that are put again while their old owner is dropped stay", "[spread]") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        Cluster cluster(3, seed);
        const auto bytes = bytes_of(1);
        REQUIRE(cluster.put(1, bytes, 1));
        std::optional<Drop> outcome;
        cluster.node(2).tasks.spawn(drop_into(cluster.store(2), owner(1), outcome));
        cluster.pass(std::chrono::microseconds(150 * seed));
        REQUIRE(cluster.put(seed % 2 == 0 ? 1 : 3, bytes, 2));
        cluster.step_until([&] { return outcome.has_value(); });
        CHECK(outcome->done());
        CHECK(cluster.get(1, bytes) == bytes);
        CHECK(cluster.comes_to([&] { return cluster.is_settled(bytes, 2); }));
        CHECK(cluster.have(bytes, 1).empty());
    }
}

TEST_CASE("owners that nobody names are found by asking everybody", "[spread]") {
    Cluster cluster(3);
    for (std::uint64_t by = 1; by <= 5; ++by) REQUIRE(cluster.put(1, bytes_of(by), by));
    cluster.pass(std::chrono::seconds(1));
    cluster.node(2).book.rows = {owner(1)};
    cluster.node(3).book.writes = {owner(2)};
    const auto lease = cluster.store(2).lease({owner(3)});
    auto report = cluster.run(1, cluster.store(1).collect_orphans());
    REQUIRE(report);
    CHECK(report->owners == 5);
    CHECK(report->dropped == 2);
    CHECK(report->left == 1);
    for (std::uint64_t by = 1; by <= 5; ++by) CHECK(cluster.have(bytes_of(by)).size() == (by <= 3 ? 3 : 0));
    cluster.kill(3);
    report = cluster.run(1, cluster.store(1).collect_orphans());
    REQUIRE(report);
    CHECK(report->dropped == 0);
    CHECK(report->left == 3);
    cluster.start(3);
    cluster.store(3).set_book(nullptr);
    CHECK(cluster.run(1, cluster.store(1).collect_orphans())->dropped == 0);
}

}  // namespace
}  // namespace larder::spread
