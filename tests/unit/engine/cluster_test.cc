// Engines that are one of several: what is made at one node is there at all.
#include "tests/unit/engine/cluster.h"

namespace larder::engine {
namespace {

using base::Code;
using base::Subject;

TEST_CASE("an object written at one node is read and listed at all", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    REQUIRE(cluster.put(1, id, "k", "one"));
    REQUIRE(cluster.put(2, id, "l", "two"));
    for (const auto node : cluster.members.all()) {
        CHECK(cluster.get(node, id, "k") == "one");
        CHECK(cluster.list(node, id) == std::vector<std::string>{"k", "l"});
    }
    REQUIRE(cluster.remove(3, id, "k"));
    for (const auto node : cluster.members.all()) CHECK(cluster.list(node, id) == std::vector<std::string>{"l"});
}

TEST_CASE("the same seed gives the same run", "[cluster]") {
    const auto trace = [] {
        Cluster cluster(42);
        const auto id = cluster.bucket(1, "b");
        for (int i = 0; i < 20; ++i) REQUIRE(cluster.put(i % 3 + 1, id, "k" + std::to_string(i % 5), "v"));
        cluster.wait(std::chrono::seconds(5));
        return cluster.world.trace;
    };
    CHECK(trace() == trace());
}

TEST_CASE("a node that was killed has what it acknowledged, and what was written without it", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    REQUIRE(cluster.put(1, id, "k", "one"));
    cluster.kill(1);
    REQUIRE(cluster.put(2, id, "k", "two"));
    REQUIRE(cluster.put(2, id, "l", "three"));
    cluster.start(1);
    CHECK(cluster.get(1, id, "k") == "two");
    CHECK(cluster.get(1, id, "l") == "three");
    CHECK(cluster.list(1, id) == std::vector<std::string>{"k", "l"});
}

TEST_CASE("a node without a quorum refuses; the others go on", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    cluster.cut(3);
    CHECK(!cluster.put(3, id, "k", "no"));
    CHECK(!cluster.get(3, id, "k"));
    REQUIRE(cluster.put(1, id, "k", "yes"));
    cluster.heal();
    CHECK(cluster.get(3, id, "k") == "yes");
}

}  // namespace
}  // namespace larder::engine
