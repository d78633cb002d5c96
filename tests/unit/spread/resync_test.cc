// Nodes come to have what they ought to have, and nothing else.
#include "tests/unit/spread/harness.h"

#include <catch2/catch.hpp>

namespace larder::spread {
namespace {

using base::Code;
using Layout = TestPlacement::Layout;

bool fetched(Cluster& cluster, io::NodeNumber at) {
    const auto done = cluster.run(at, cluster.store(at).resync().fetch_all());
    return done && *done;
}

bool handed_over(Cluster& cluster, io::NodeNumber at) {
    const auto done = cluster.run(at, cluster.store(at).resync().hand_over());
    return done && *done;
}

void fill(Cluster& cluster, std::uint64_t count, std::size_t size = 3000) {
    for (std::uint64_t number = 0; number < count; ++number) {
        REQUIRE(cluster.put(1, bytes_of(number, size), number));
        if (number % 3 == 0) REQUIRE(cluster.put(2, bytes_of(number, size), 1000 + number));
    }
    cluster.pass(std::chrono::seconds(5));
}

bool all_settled(Cluster& cluster, std::uint64_t count, std::size_t size = 3000) {
    for (std::uint64_t number = 0; number < count; ++number) {
        if (!cluster.is_settled(bytes_of(number, size), number)) return false;
        if (number % 3 == 0 && !cluster.is_settled(bytes_of(number, size), 1000 + number)) return false;
    }
    return true;
}

TEST_CASE("a node whose disk was replaced gets all its blocks and references again", "[spread]") {
    Cluster cluster(4);
    cluster.options.page_references = 7;
    fill(cluster, 40);
    REQUIRE(all_settled(cluster, 40));
    const auto before = cluster.shelf(2).references();
    cluster.replace(2);
    CHECK_FALSE(cluster.store(2).resync().whole());
    CHECK(fetched(cluster, 2));
    CHECK((cluster.shelf(2).references() == before));
    CHECK(cluster.store(2).resync().whole());
    const auto& progress = cluster.store(2).resync().progress();
    CHECK(progress.blocks_done == progress.blocks_total);
    CHECK(progress.bytes_done == progress.bytes_total);
    CHECK(progress.bytes_total >= 3000 * cluster.shelf(2).blocks.size());
    CHECK(all_settled(cluster, 40));
    // Nothing is left to do.
    CHECK(fetched(cluster, 2));
    CHECK(progress.blocks_total == 0);
    // Both references count.
    REQUIRE(cluster.run(1, cluster.store(1).drop_references(owner(0))));
    CHECK(cluster.is_settled(bytes_of(0), 1000));
}

TEST_CASE("a node that lost its disk does not vouch for what it lost", "[spread]") {
    Cluster cluster(3);
    fill(cluster, 10);
    cluster.kill(3);
    cluster.replace(2);
    // Node 3 may have what node 1 never had.
    CHECK_FALSE(fetched(cluster, 2));
    CHECK_FALSE(cluster.store(2).resync().whole());
    CHECK_FALSE(cluster.store(2).resync().complete_epoch());
    cluster.start(3);
    CHECK(fetched(cluster, 2));
    CHECK(cluster.store(2).resync().complete_epoch() == cluster.placement.epoch());
    // One that has lost nothing is one of the quorum; one that has is not, for others neither.
    cluster.kill(3);
    CHECK(fetched(cluster, 2));
    cluster.replace(1);
    CHECK_FALSE(fetched(cluster, 2));
    cluster.store(1).resync().vouch();
    CHECK(fetched(cluster, 2));
}

TEST_CASE("blocks move to where a new layout puts them, and stay until they are there", "[spread]") {
    Cluster cluster(3);
    fill(cluster, 40);
    const auto fourth = cluster.add_node();
    const Layout old{{1, 2, 3}, 3};
    const Layout fresh{{1, 2, 3, fourth}, 3};
    cluster.set_layouts({old, fresh});
    // Puts go to both.
    REQUIRE(cluster.put(1, bytes_of(100), 100));
    REQUIRE(cluster.put(4, bytes_of(101), 101));
    for (io::NodeNumber node = 1; node <= 4; ++node) CHECK(fetched(cluster, node));
    CHECK(all_settled(cluster, 40));
    cluster.set_layouts({fresh});
    const auto foreign = cluster.shelf(1).blocks.size();
    cluster.kill(fourth);
    CHECK_FALSE(handed_over(cluster, 1));
    CHECK(cluster.shelf(1).blocks.size() == foreign);
    cluster.start(fourth);
    for (io::NodeNumber node = 1; node <= 4; ++node) CHECK(handed_over(cluster, node));
    CHECK(cluster.shelf(1).blocks.size() < foreign);
    CHECK(all_settled(cluster, 40));
    CHECK(cluster.is_settled(bytes_of(100), 100));
    for (std::uint64_t number = 0; number < 40; ++number) {
        for (io::NodeNumber node = 1; node <= 4; ++node) CHECK(cluster.get(node, bytes_of(number)) == bytes_of(number));
    }
}

TEST_CASE("what lies at the wrong nodes alone is handed over, not lost", "[spread]") {
    Cluster cluster(6);
    cluster.set_layouts({{{1, 2, 3}, 3}});
    fill(cluster, 20);
    cluster.set_layouts({{{4, 5, 6}, 3}});
    CHECK(cluster.get(6, bytes_of(3)) == bytes_of(3));
    cluster.shelf(2).rot(base::sha256(bytes_of(3)));
    cluster.shelf(3).rot(base::sha256(bytes_of(3)));
    for (io::NodeNumber node = 1; node <= 6; ++node) cluster.store(node).start();
    CHECK(cluster.comes_to([&] { return all_settled(cluster, 20); }, std::chrono::minutes(10)));
}

TEST_CASE("a put under an older layout is refused by who knows better, and follows", "[spread]") {
    Cluster cluster(5);
    cluster.set_layouts({{{1, 2, 3}, 3}});
    cluster.set_layouts_at(2, {{{1, 2, 3}, 3}, {{3, 4, 5}, 3}});
    cluster.node(3).placement = cluster.placement;
    const auto bytes = bytes_of(1);
    REQUIRE(cluster.put(1, bytes, 1));
    CHECK(cluster.node(1).placement.epoch() == cluster.placement.epoch());
    cluster.pass(std::chrono::seconds(1));
    CHECK(cluster.is_settled(bytes, 1));
    // A receiver that is behind takes the newer layout over before it stores.
    CHECK(cluster.node(4).placement.epoch() == cluster.placement.epoch());
    REQUIRE(cluster.run(5, cluster.store(5).add_references({base::sha256(bytes)}, owner(2))));
    cluster.pass(std::chrono::seconds(5));
    CHECK(cluster.is_settled(bytes, 2));
}

TEST_CASE("blocks with few copies are fetched first, and no faster than they may", "[spread]") {
    Cluster cluster(3);
    cluster.options.fetches = 1;
    cluster.options.bytes_per_second = 10'000;
    fill(cluster, 20);
    std::set<base::Hash256> rare;
    for (std::uint64_t number = 0; number < 20; number += 4) {
        rare.insert(base::sha256(bytes_of(number)));
        cluster.shelf(1).blocks.erase(base::sha256(bytes_of(number)));
    }
    cluster.replace(2);
    std::vector<bool> order;
    cluster.node(2).wire.spoil = [&](io::NodeNumber, io::Message& request) {
        const auto envelope = open_envelope(request.body);
        if (envelope->operation != Operation::fetch) return;
        order.push_back(rare.contains(*decode_fetch(envelope->rest)));
    };
    const auto began = cluster.world.now;
    CHECK(fetched(cluster, 2));
    CHECK(cluster.world.now - began > 5'000'000'000);
    const auto last_rare = std::find(order.rbegin(), order.rend(), true).base() - order.begin();
    const auto first_common = std::find(order.begin(), order.end(), false) - order.begin();
    CHECK(last_rare == first_common);
    CHECK(order.size() >= 20);
    CHECK(fetched(cluster, 1));
    CHECK(all_settled(cluster, 20));
}

TEST_CASE("background work gives way while clients wait", "[spread]") {
    Cluster cluster(3);
    base::Duration latency = std::chrono::milliseconds(1);
    cluster.options.foreground_latency = [&latency] { return latency; };
    fill(cluster, 20, 100'000);
    const auto time = [&](base::Duration now) {
        latency = now;
        cluster.replace(2);
        const auto began = cluster.world.now;
        CHECK(fetched(cluster, 2));
        return cluster.world.now - began;
    };
    const auto quiet = time(std::chrono::milliseconds(1));
    const auto busy = time(std::chrono::seconds(5));
    CHECK(busy > quiet + 100'000'000);
    // There is a floor.
    CHECK(busy < quiet + 3'000'000'000);
}

TEST_CASE("comparing does not bring back what was dropped meanwhile", "[spread]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Cluster cluster(3, seed);
        fill(cluster, 5);
        cluster.replace(2);
        bool done = false;
        cluster.node(2).tasks.spawn([](Cluster& c, bool& out) -> io::Task<void> {
            (void)co_await c.store(2).resync().fetch_all();
            out = true;
        }(cluster, done));
        cluster.pass(std::chrono::milliseconds(seed));
        REQUIRE(cluster.run(1, cluster.store(1).drop_everywhere({owner(1), owner(2)})).done());
        cluster.step_until([&done] { return done; });
        CHECK(cluster.have(bytes_of(1)).empty());
        CHECK(cluster.have(bytes_of(2)).empty());
        CHECK(fetched(cluster, 2));
        CHECK(cluster.is_settled(bytes_of(4), 4));
    }
}

TEST_CASE("scrubbing finds what has rotted and mends it from peers", "[spread]") {
    Cluster cluster(3);
    fill(cluster, 100);
    for (std::uint64_t number = 0; number < 100; number += 9) cluster.shelf(1).rot(base::sha256(bytes_of(number)));
    for (io::NodeNumber node = 1; node <= 3; ++node) cluster.shelf(node).rot(base::sha256(bytes_of(50)));
    const auto report = cluster.run(1, cluster.store(1).scrub().pass(true));
    REQUIRE(report);
    CHECK(report->blocks == 100);
    CHECK(report->bytes == 300'000);
    CHECK(report->damaged == 13);
    CHECK(report->mended == 12);
    CHECK(cluster.run(1, cluster.store(1).scrub().pass(true))->damaged == 1);
    // A slow pass takes its period, and goes on where it was.
    cluster.options.scrub_period = std::chrono::hours(10);
    cluster.kill(1);
    cluster.start(1);
    const auto began = cluster.world.now;
    cluster.store(1).scrub().start();
    cluster.pass(std::chrono::hours(2));
    CHECK(cluster.store(1).scrub().report().blocks < 100);
    cluster.kill(1);
    cluster.start(1);
    const auto rest = cluster.run(1, cluster.store(1).scrub().pass(false));
    REQUIRE(rest);
    CHECK(rest->blocks < 100);
    CHECK(cluster.world.now - began > std::chrono::nanoseconds(std::chrono::hours(3)).count());
}

}  // namespace
}  // namespace larder::spread
