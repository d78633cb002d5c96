// One node of a cluster whose layouts change: what survives its crashes, and one life of it.
#pragma once

#include "replication/table/mover.h"
#include "replication/table/reconciler.h"
#include "tests/sim/cluster.h"
#include "tests/sim/world.h"

namespace larder::sim {

inline constexpr table::TableId kTable = 1;
inline constexpr table::TableId kControlTable = 2;
inline constexpr std::size_t kCopies = 3;
inline constexpr std::uint32_t kPartitions = 2;

inline base::NodeId id_of(Place place) {
    base::NodeId id;
    id.bytes[0] = static_cast<std::uint8_t>(place);
    return id;
}
inline io::NodeNumber number_of(const base::NodeId& id) {
    return id.bytes[0];
}

// What survives a crash of a node.
struct DurableNode {
    DurableRows rows;
    std::optional<std::string> record;
    std::uint32_t boot = 0;
};

class MemoryKeeperStore final : public cluster::KeeperStore {
 public:
    MemoryKeeperStore(World& world, io::Env& env, DurableNode& durable) : world_(world), env_(env), durable_(durable) {}
    base::Result<std::optional<std::string>> load() override { return durable_.record; }
    io::Task<base::Result<void>> save(std::string record) override {
        co_await env_.clock.sleep_for(base::Duration(static_cast<std::int64_t>(world_.dice.below(kSyncNs))));
        durable_.record = std::move(record);
        co_await env_.clock.sleep_for(base::Duration(static_cast<std::int64_t>(world_.dice.below(kSyncNs))));
        co_return base::Result<void>();
    }

 private:
    static constexpr std::uint64_t kSyncNs = 500'000;
    World& world_;
    io::Env& env_;
    DurableNode& durable_;
};

class SimDistances final : public quorum::Distances {
 public:
    SimDistances(Place self, std::int64_t latency_ns) : self_(self), latency_ns_(latency_ns) {}
    base::Duration rtt(io::NodeNumber node) const override {
        return base::Duration(node == self_ ? 0 : latency_ns_ * (1 + (node ^ self_) % 3));
    }
    base::Duration p95(io::NodeNumber) const override { return base::Duration(latency_ns_ * 4); }

 private:
    Place self_;
    std::int64_t latency_ns_;
};

struct NodeSetting {
    const Options& options;
    table::TableOptions rows, control;
    cluster::KeeperOptions keeper;
    table::MoverOptions mover;
    table::ReconcilerOptions reconciler;
    std::int64_t latency_ns = 0;
};

// One life of a node: everything that a crash destroys.
struct ChangingNode {
    ChangingNode(World& world, Links& links, Place place, std::int64_t offset_ms, DurableNode& durable,
                 NodeSetting setting, io::Disk& disk)
        : executor(world, place),
          clock(world, place),
          random(world),
          blocking(executor),
          network(links, executor, clock, place),
          env{executor, clock, random, disk, network, blocking},
          store(world, env, durable.rows),
          tags(clock, place, durable.boot),
          distances(place, setting.latency_ns),
          keeper_store(world, env, durable),
          keeper(env, keeper_store, tags, keeper_options(setting, place)),
          replica(network, store, keeper, tags, setting.options.rules),
          sync(env, store, replica, setting.rows.call_timeout),
          mover(env, keeper, replica, sync, tags, setting.mover),
          reconciler(env, keeper, replica, sync, tags, setting.reconciler),
          rows(env, keeper, tags, setting.rows),
          control(env, keeper, tags, setting.control),
          tasks(executor) {
        clock.offset_ms = offset_ms;
        replica.use_epochs(executor, keeper, {kControlTable});
        for (auto* coordinator : {&rows, &control}) {
            coordinator->use_epochs(keeper);
            coordinator->use_distances(distances);
        }
        tasks.spawn(open(durable.boot));
        tasks.spawn(mover.run());
        if (setting.options.reconciles) tasks.spawn(reconciler.run());
    }
    ~ChangingNode() {
        tasks.stop();
        network.stop();
    }

    static cluster::KeeperOptions keeper_options(const NodeSetting& setting, Place place) {
        auto options = setting.keeper;
        options.self = id_of(place);
        return options;
    }
    io::Task<void> open(std::uint32_t boot) {
        const auto opened = co_await keeper.open(replica, boot);
        ENSURE(opened.has_value());
    }

    SimExecutor executor;
    SimClock clock;
    SimRandom random;
    SimBlocking blocking;
    SimNetwork network;
    io::Env env;
    MemoryRowStore store;
    quorum::TagSource tags;
    SimDistances distances;
    MemoryKeeperStore keeper_store;
    cluster::LayoutKeeper keeper;
    table::Replica replica;
    table::Sync sync;
    table::Mover mover;
    table::Reconciler reconciler;
    table::Coordinator rows, control;
    io::TaskGroup tasks;
};

// Other replicas for some of the partitions; now and then nodes that hold nothing are gateways.
inline layout::Layout layout_after(const layout::Layout& former, std::size_t count, Dice& dice) {
    layout::Layout next;
    next.epoch = former.epoch + 1;
    next.policy = {.copies = kCopies, .zone_redundancy = kCopies};
    next.partition_bytes = 1;
    std::set<base::NodeId> holding;
    for (std::uint32_t p = 0; p < kPartitions; ++p) {
        auto nodes = former.replicas.empty() ? std::vector<base::NodeId>{} : former.replicas[p];
        // One replica is replaced, or all that chance will have.
        if (nodes.empty() || dice.chance(0.5)) {
            nodes.clear();
        } else {
            nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(dice.below(nodes.size())));
        }
        while (nodes.size() < kCopies) {
            const auto id = id_of(static_cast<Place>(dice.below(count) + 1));
            if (std::ranges::find(nodes, id) == nodes.end()) nodes.push_back(id);
        }
        holding.insert(nodes.begin(), nodes.end());
        next.replicas.push_back(std::move(nodes));
    }
    for (std::size_t i = 1; i <= count; ++i) {
        const auto id = id_of(static_cast<Place>(i));
        const bool gateway = !holding.contains(id) && dice.chance(0.4);
        next.roles[id] = {
            .zone = "z" + std::to_string(i), .capacity = gateway ? 0u : 1'000u, .gateway = gateway, .tags = {}};
    }
    ENSURE(check(next).has_value());
    return next;
}

}  // namespace larder::sim
