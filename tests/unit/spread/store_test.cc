// Putting, getting and referencing over several nodes.
#include "tests/unit/spread/harness.h"

#include <catch2/catch.hpp>

#include <numeric>

namespace larder::spread {
namespace {

using base::Code;
using base::Subject;

TEST_CASE("a node that is alone calls its own store and nobody else", "[spread]") {
    Cluster cluster(1);
    const auto bytes = bytes_of(1);
    REQUIRE(cluster.put(1, bytes, 1));
    CHECK(cluster.get(1, bytes) == bytes);
    REQUIRE(cluster.run(1, cluster.store(1).add_references({base::sha256(bytes)}, owner(2))));
    CHECK(cluster.node(1).wire.calls == 0);
    REQUIRE(cluster.run(1, cluster.store(1).drop_references(owner(1))));
    REQUIRE(cluster.run(1, cluster.store(1).drop_references(owner(2))));
    CHECK(cluster.node(1).wire.calls == 0);
    CHECK(cluster.shelf(1).blocks.empty());
}

TEST_CASE("a block is on a quorum when put returns, and soon on all its holders", "[spread]") {
    Cluster cluster(5);
    for (std::uint64_t number = 0; number < 20; ++number) {
        const auto bytes = bytes_of(number);
        const auto name = cluster.put(1, bytes, number);
        REQUIRE(name);
        CHECK((*name == base::sha256(bytes)));
        CHECK(cluster.have(bytes, number).size() >= 2);
        cluster.run(1, cluster.store(1).get(*name, 0, 1));
        cluster.pass(std::chrono::seconds(1));
        const auto nodes = Holding(cluster.placement).of(*name).nodes;
        CHECK((cluster.have(bytes, number) == Nodes(nodes.begin(), nodes.end())));
        for (io::NodeNumber at = 1; at <= 5; ++at) {
            CHECK(cluster.get(at, bytes) == bytes);
            CHECK(cluster.get(at, bytes, 100, 1000) == bytes.substr(100, 1000));
            CHECK(cluster.get(at, bytes, 100, 3000).error().is(Code::invalid_argument));
        }
    }
}

TEST_CASE("a node that is down while blocks are put has them soon after it is back", "[spread]") {
    Cluster cluster(3);
    cluster.kill(3);
    for (std::uint64_t number = 0; number < 10; ++number) REQUIRE(cluster.put(1, bytes_of(number), number));
    cluster.pass(std::chrono::minutes(1));
    CHECK(cluster.store(1).owed() == 10);
    cluster.start(3);
    CHECK(cluster.comes_to([&] {
        for (std::uint64_t number = 0; number < 10; ++number) {
            if (cluster.have(bytes_of(number), number).size() != 3) return false;
        }
        return cluster.store(1).owed() == 0;
    }));
}

TEST_CASE("without a quorum nothing is stored, and what is full is said so only when it is to blame", "[spread]") {
    Cluster cluster(3);
    cluster.kill(2);
    cluster.kill(3);
    CHECK(cluster.put(1, bytes_of(1), 1).error().is(Code::quorum_not_reached, Subject::block));
    CHECK(cluster.store(1).owed() == 0);
    cluster.start(2);
    cluster.shelf(2).capacity = 0;
    CHECK(cluster.put(1, bytes_of(2), 2).error().is(Code::no_space, Subject::disk));
    cluster.start(3);
    CHECK(cluster.put(1, bytes_of(2), 2));
    cluster.shelf(2).capacity = UINT64_MAX;
    CHECK(cluster.comes_to([&] { return cluster.have(bytes_of(2), 2).size() == 3; }));
    cluster.shelf(1).capacity = 0;
    cluster.shelf(2).capacity = 0;
    cluster.kill(3);
    // Were there room the quorum would be there.
    CHECK(cluster.put(1, bytes_of(3), 3).error().is(Code::no_space));
    cluster.shelf(1).capacity = UINT64_MAX;
    cluster.kill(2);
    CHECK(cluster.put(1, bytes_of(3), 3).error().is(Code::quorum_not_reached));
}

TEST_CASE("a bit that flips between gateway and replica is refused by the replica", "[spread]") {
    Cluster cluster(3);
    const auto bytes = bytes_of(7, 100'000);
    cluster.node(1).wire.spoil = [](io::NodeNumber to, io::Message& request) {
        if (request.bulk.empty() || to == 3) return;
        auto spoilt = base::Buffer::copy_of(request.bulk[0].chars());
        spoilt.writable()[70'000] ^= std::byte{4};
        request.bulk[0] = spoilt;
    };
    REQUIRE(cluster.put(1, bytes, 1));
    CHECK((cluster.have(bytes) == Nodes{1, 3}));
    // It is owed a good one.
    cluster.node(1).wire.spoil = {};
    CHECK(cluster.comes_to([&] { return cluster.have(bytes, 1).size() == 3; }));
}

TEST_CASE("bytes that the holders have need not travel, but damaged ones do", "[spread]") {
    Cluster cluster(3);
    const auto bytes = bytes_of(1, 50'000);
    const auto name = base::sha256(bytes);
    REQUIRE(cluster.put(1, bytes, 1));
    cluster.pass(std::chrono::seconds(1));
    const auto before = cluster.node(1).wire.bulk_bytes;
    REQUIRE(cluster.put(1, bytes, 2));
    REQUIRE(cluster.run(1, cluster.store(1).put(base::Buffer::copy_of(bytes), owner(3), name, true)));
    cluster.pass(std::chrono::seconds(1));
    CHECK(cluster.node(1).wire.bulk_bytes == before);
    CHECK(cluster.have(bytes, 2).size() == 3);
    CHECK(cluster.have(bytes, 3).size() == 3);
    cluster.shelf(2).rot(name);
    cluster.shelf(3).rot(name);
    REQUIRE(cluster.put(1, bytes, 4));
    cluster.pass(std::chrono::seconds(5));
    CHECK(cluster.have(bytes, 4).size() == 3);
    CHECK(cluster.have(bytes, 1).size() == 3);
    CHECK(cluster.get(2, bytes) == bytes);
}

TEST_CASE("a damaged copy is read past, and mended from a peer", "[spread]") {
    Cluster cluster(3);
    const auto bytes = bytes_of(1, 200'000);
    const auto name = base::sha256(bytes);
    REQUIRE(cluster.put(1, bytes, 1));
    cluster.pass(std::chrono::seconds(1));
    cluster.shelf(1).rot(name);
    CHECK(cluster.get(1, bytes, 5000, 70'000) == bytes.substr(5000, 70'000));
    CHECK(cluster.comes_to([&] { return cluster.shelf(1).is_good(name); }));
    // A peer that finds its own copy damaged mends it too.
    cluster.shelf(1).blocks.clear();
    cluster.shelf(2).rot(name);
    CHECK(cluster.get(1, bytes) == bytes);
    CHECK(cluster.comes_to([&] { return cluster.shelf(2).is_good(name); }));
    cluster.shelf(2).rot(name);
    cluster.shelf(3).rot(name);
    CHECK(cluster.get(1, bytes).error().is(Code::quorum_not_reached, Subject::block));
    CHECK(cluster.get(1, bytes_of(99)).error().is(Code::not_found, Subject::block));
}

TEST_CASE("a read fails before its first byte when no copy can be reached", "[spread]") {
    Cluster cluster(4);
    const auto bytes = bytes_of(3);
    REQUIRE(cluster.put(1, bytes, 1));
    cluster.pass(std::chrono::seconds(1));
    const auto nodes = cluster.have(bytes);
    const io::NodeNumber other = 10 - std::accumulate(nodes.begin(), nodes.end(), io::NodeNumber{0});
    for (const auto node : nodes) cluster.cut(other, node);
    const auto read = cluster.get(other, bytes);
    REQUIRE_FALSE(read);
    CHECK(read.error().is(Code::quorum_not_reached, Subject::block));
    cluster.heal();
    CHECK(cluster.get(other, bytes) == bytes);
}

TEST_CASE("the nearest answers; a slow one is not waited for", "[spread]") {
    Cluster cluster(4);
    const auto bytes = bytes_of(5, 10'000);
    REQUIRE(cluster.put(1, bytes, 1));
    cluster.pass(std::chrono::seconds(1));
    const auto nodes = cluster.have(bytes);
    const io::NodeNumber other = 10 - std::accumulate(nodes.begin(), nodes.end(), io::NodeNumber{0});
    const auto near = *nodes.rbegin();
    for (const auto node : nodes) cluster.distances.far[node] = std::chrono::milliseconds(node == near ? 1 : 50);
    cluster.node(other).wire.calls = 0;
    CHECK(cluster.get(other, bytes) == bytes);
    // Its answer never comes: after its p95 another is asked.
    cluster.links.cut.insert({near, other});
    const auto began = cluster.world.now;
    CHECK(cluster.get(other, bytes) == bytes);
    CHECK(cluster.world.now - began < 200'000'000);
}

TEST_CASE("references reach holders that lack the block, which fetch it", "[spread]") {
    Cluster cluster(3);
    const auto bytes = bytes_of(1);
    const auto name = base::sha256(bytes);
    REQUIRE(cluster.put(1, bytes, 1));
    cluster.pass(std::chrono::seconds(1));
    cluster.shelf(3).blocks.clear();
    cluster.kill(2);
    REQUIRE(cluster.run(1, cluster.store(1).add_references({name}, owner(2))));
    CHECK((cluster.have(bytes, 2) == Nodes{1, 3}));
    cluster.start(2);
    CHECK(cluster.comes_to([&] { return cluster.have(bytes, 2).size() == 3; }));
    const auto missing = base::sha256("never stored");
    CHECK(cluster.run(1, cluster.store(1).add_references({name, missing}, owner(3))).error().is(Code::not_found));
    cluster.kill(2);
    cluster.kill(3);
    const auto refused = cluster.run(1, cluster.store(1).add_references({name}, owner(4)));
    CHECK(refused.error().is(Code::quorum_not_reached));
}

TEST_CASE("what is on its way behind a quorum takes no more memory than it may", "[spread]") {
    Cluster cluster(3);
    cluster.options.behind_bytes = 25'000;
    for (io::NodeNumber node = 1; node <= 3; ++node) {
        cluster.kill(node);
        cluster.start(node);
    }
    cluster.cut(1, 3);
    for (std::uint64_t number = 0; number < 10; ++number) REQUIRE(cluster.put(1, bytes_of(number, 10'000), number));
    // Two wait for an answer, the others are owed at once.
    cluster.pass(std::chrono::milliseconds(10));
    CHECK(cluster.store(1).owed() == 8);
    cluster.heal();
    CHECK(cluster.comes_to([&] {
        for (std::uint64_t number = 0; number < 10; ++number) {
            if (cluster.have(bytes_of(number, 10'000), number).size() != 3) return false;
        }
        return true;
    }));
}

}  // namespace
}  // namespace larder::spread
