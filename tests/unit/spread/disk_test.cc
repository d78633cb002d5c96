// The same over real stores on simulated disks: what is on the platters survives, what is lost comes from peers.
#include "tests/unit/block/harness.h"
#include "tests/unit/spread/harness.h"

#include <catch2/catch.hpp>

namespace larder::spread {
namespace {

using base::Result;
using block::owner;
using block::pattern;

// Calls go straight to the other node while it is there.
class Router {
 public:
    class Port final : public io::Network {
     public:
        Port(Router& router, io::NodeNumber self) : router_(router), self_(self) {}
        io::NodeNumber self() const override { return self_; }
        io::Task<Result<io::Message>> call(io::NodeNumber to, std::string, io::Message request,
                                           base::Instant) override {
            const auto found = router_.handlers_.find(to);
            if (found == router_.handlers_.end()) return refuse();
            return found->second(self_, std::move(request));
        }
        void serve(std::string, Handler handler) override { router_.handlers_[self_] = std::move(handler); }

     private:
        static io::Task<Result<io::Message>> refuse() {
            co_return base::fail(base::Code::disconnected, base::Subject::node, "it is away");
        }
        Router& router_;
        io::NodeNumber self_;
    };
    void remove(io::NodeNumber node) { handlers_.erase(node); }

 private:
    std::map<io::NodeNumber, io::Network::Handler> handlers_;
};

struct DiskNode {
    DiskNode(test::World& w, Router& r, io::NodeNumber n, const quorum::Placement& p, const Members& m)
        : disk(w, n),
          port(r, n),
          router(r),
          env{disk.env.executor, disk.env.clock, disk.env.random, disk.env.disk, port, disk.env.blocking},
          placement(p),
          members(m) {
        disk.options.segment_bytes = 1u << 20;
        open();
    }
    void open() {
        if (const auto opened = disk.try_open(); !opened) FAIL(opened.error().message);
        const World world{env, disk.metrics, placement, members, nullptr, nullptr};
        store = SpreadStore::make(world, std::move(disk.store), {});
        if (const auto accepted = disk.run(store->accept_recovery()); !accepted) FAIL(accepted.error().message);
    }
    void close() {
        if (const auto closed = disk.run(store->close()); !closed) FAIL(closed.error().message);
        router.remove(port.self());
        store.reset();
        disk.drop();
    }
    void cut_power() {
        router.remove(port.self());
        disk.disk.cut_power();
        store.reset();
        disk.drop();
        disk.disk.restart();
    }
    bool fetched() {
        const auto done = disk.run(store->resync().fetch_all());
        return done && *done;
    }

    block::Node disk;
    Router::Port port;
    Router& router;
    io::Env env;
    const quorum::Placement& placement;
    const Members& members;
    std::unique_ptr<SpreadStore> store;
};

class DiskCluster {
 public:
    DiskCluster() : placement_({1, 2, 3}, 16) {
        members_.nodes = {1, 2, 3};
        for (const io::NodeNumber number : {1, 2, 3}) {
            nodes_.push_back(std::make_unique<DiskNode>(world_, router_, number, placement_, members_));
        }
    }
    DiskNode& node(io::NodeNumber number) { return *nodes_[number - 1]; }
    Result<base::Hash256> put(io::NodeNumber at, const std::string& bytes, std::uint64_t by) {
        auto& store = *node(at).store;
        TRY(const auto name, world_.run(store.put(base::Buffer::copy_of(bytes), owner(by), std::nullopt, false)));
        world_.run(settled(store));
        return name;
    }
    Result<std::string> get(io::NodeNumber at, const std::string& bytes) {
        TRY(const auto data, world_.run(node(at).store->get(base::sha256(bytes), 0, bytes.size())));
        return std::string(data.chars());
    }
    Drop drop(io::NodeNumber at, std::uint64_t by) { return world_.run(node(at).store->drop_everywhere({owner(by)})); }
    std::uint64_t blocks(io::NodeNumber at) { return node(at).store->status().blocks; }
    test::World& world() { return world_; }

 private:
    static io::Task<bool> settled(SpreadStore& store) {
        co_await store.settle();
        co_return true;
    }

    test::World world_;
    Router router_;
    quorum::FixedPlacement placement_;
    TestMembers members_;
    std::vector<std::unique_ptr<DiskNode>> nodes_;
};

TEST_CASE("blocks and references are on every holder's disk, also after a power cut of all", "[spread]") {
    DiskCluster cluster;
    for (std::uint64_t n = 0; n < 12; ++n) {
        REQUIRE(cluster.put(1 + n % 3, pattern(10'000 + n, n), n % 4));
        REQUIRE(cluster.put(1, pattern(10'000 + n, n), 10));
    }
    for (const io::NodeNumber node : {1, 2, 3}) cluster.node(node).cut_power();
    for (const io::NodeNumber node : {1, 2, 3}) cluster.node(node).open();
    for (const io::NodeNumber node : {1, 2, 3}) {
        CHECK(cluster.blocks(node) == 12);
        for (std::uint64_t n = 0; n < 12; ++n)
            CHECK(cluster.get(node, pattern(10'000 + n, n)) == pattern(10'000 + n, n));
        CHECK(cluster.node(node).fetched());
        CHECK(cluster.node(node).store->resync().progress().blocks_total == 0);
    }
    for (std::uint64_t by = 0; by < 4; ++by) CHECK(cluster.drop(2, by).done());
    CHECK(cluster.blocks(3) == 12);
    CHECK(cluster.drop(3, 10).done());
    for (const io::NodeNumber node : {1, 2, 3}) CHECK(cluster.blocks(node) == 0);
}

TEST_CASE("a record that rots on a disk is read from a peer and written anew", "[spread]") {
    DiskCluster cluster;
    const auto bad = pattern(200'000, 1), good = pattern(200'000, 2);
    REQUIRE(cluster.put(1, bad, 1));
    REQUIRE(cluster.put(1, good, 1));
    auto& disk = cluster.node(1).disk.disk;
    const auto path = cluster.node(1).disk.segments()[0];
    const auto at = disk.contents(path).find(bad.substr(100'000, 64));
    REQUIRE(at != std::string::npos);
    disk.flip_bit(path, at * 8);
    CHECK(cluster.world().run(cluster.node(1).store->verify())->damage.size() == 1);
    CHECK(cluster.get(1, bad) == bad);
    const auto report = cluster.world().run(cluster.node(1).store->scrub().pass(true));
    REQUIRE(report);
    CHECK(report->blocks == 2);
    CHECK(cluster.world().run(cluster.node(1).store->verify())->damage.empty());
    cluster.node(2).close();
    cluster.node(3).close();
    CHECK(cluster.get(1, bad) == bad);
    CHECK(cluster.get(1, good) == good);
}

TEST_CASE("a data folder that is lost for good is filled again from peers", "[spread]") {
    DiskCluster cluster;
    for (std::uint64_t n = 0; n < 8; ++n) REQUIRE(cluster.put(1, pattern(50'000, n), n));
    cluster.node(2).close();
    cluster.node(2).disk.options.folders = {"/data/two"};
    cluster.node(2).open();
    CHECK(cluster.get(2, pattern(50'000, 3)) == pattern(50'000, 3));
    const auto report = cluster.world().run(cluster.node(2).store->scrub().pass(true));
    REQUIRE(report);
    CHECK(report->blocks == 8);
    CHECK(cluster.node(2).store->status().folders.size() >= 1);
    cluster.node(1).close();
    cluster.node(3).close();
    for (std::uint64_t n = 0; n < 8; ++n) CHECK(cluster.get(2, pattern(50'000, n)) == pattern(50'000, n));
}

TEST_CASE("an index that is lost is rebuilt from segments, and its other references come from peers", "[spread]") {
    DiskCluster cluster;
    for (std::uint64_t n = 0; n < 8; ++n) {
        REQUIRE(cluster.put(1, pattern(5'000, n), n));
        REQUIRE(cluster.put(3, pattern(5'000, n), 20));
    }
    for (db::ShardId shard = 0; shard < 2; ++shard) REQUIRE(cluster.node(2).disk.erase_rows(shard, 32, 36));
    cluster.node(2).close();
    cluster.node(2).open();
    CHECK_FALSE(cluster.node(2).store->resync().whole());
    CHECK(cluster.node(2).store->recovered_owners().empty());
    CHECK(cluster.node(2).fetched());
    CHECK(cluster.node(2).store->resync().whole());
    for (std::uint64_t n = 0; n < 8; ++n) CHECK(cluster.drop(1, n).done());
    for (const io::NodeNumber node : {1, 2, 3}) CHECK(cluster.blocks(node) == 8);
    // It is whole now: the next start does not rebuild it.
    cluster.node(2).close();
    cluster.node(2).open();
    CHECK(cluster.node(2).store->resync().whole());
    CHECK(cluster.drop(2, 20).done());
    CHECK(cluster.blocks(2) == 0);
}

}  // namespace
}  // namespace larder::spread
