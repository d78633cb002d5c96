// Reads ask the nearest quorum, and another node when one of it is slow or away.
#include "tests/unit/table/harness.h"

#include <catch2/catch.hpp>

namespace larder::table {
namespace {

const RowKey kKey{"p", "k"};

class Near final : public quorum::Distances {
 public:
    base::Duration rtt(io::NodeNumber node) const override { return std::chrono::milliseconds(node); }
    base::Duration p95(io::NodeNumber) const override { return std::chrono::milliseconds(10); }
};

struct Read {
    std::uint64_t messages = 0;
    base::Duration took{};
    std::string row;
};
Read read_at(Cluster& cluster) {
    const auto before = cluster.links.messages;
    const auto began = cluster.world.now;
    const auto row = cluster.run(cluster.at(1).read(kKey, true));
    REQUIRE(row);
    REQUIRE(row->exists());
    return {cluster.links.messages - before, base::Duration(cluster.world.now - began), row->value->row};
}

TEST_CASE("the farthest replica is not asked while the others answer", "[hedging]") {
    Cluster cluster(3);
    const Near near;
    for (sim::Place node = 1; node <= 3; ++node) cluster.plant(node, kKey, written(tag(5), "value"));
    CHECK(read_at(cluster).messages > 4);
    cluster.settle_down();
    cluster.at(1).use_distances(near);
    const auto read = read_at(cluster);
    CHECK(read.messages == 4);
    CHECK(read.row == "value");
}

TEST_CASE("the next replica is asked when one does not answer in its time", "[hedging]") {
    Cluster cluster(3);
    const Near near;
    cluster.at(1).use_distances(near);
    for (sim::Place node = 1; node <= 3; ++node) cluster.plant(node, kKey, written(tag(5), "value"));
    cluster.cut(1, 2);
    const auto read = read_at(cluster);
    CHECK(read.row == "value");
    // Not the deadline of the call.
    CHECK(read.took >= std::chrono::milliseconds(10));
    CHECK(read.took < std::chrono::milliseconds(50));
}

TEST_CASE("what the nearest disagree on is completed before it is told", "[hedging]") {
    Cluster cluster(3);
    const Near near;
    cluster.at(1).use_distances(near);
    cluster.plant(1, kKey, written(tag(5), "old"));
    cluster.plant(2, kKey, written(tag(6), "new"));
    cluster.plant(3, kKey, written(tag(5), "old"));
    CHECK(read_at(cluster).row == "new");
    cluster.settle_down();
    CHECK(cluster.held(1, kKey)->row == "new");
}

}  // namespace
}  // namespace larder::table
