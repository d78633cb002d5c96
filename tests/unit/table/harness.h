// Nodes with the product's replica and coordinator in the simulated world: virtual time, messages in this process, rows
// in memory, where a test may look and plant what it needs. Nothing fails unless the test cuts a link.
#pragma once

#include "replication/table/coordinator.h"
#include "replication/table/replica.h"
#include "src/io/local_network.h"
#include "src/io/real_env.h"
#include "tests/sim/memory_row_store.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace larder::table {

constexpr TableId kTable = 3;

// A tag of the test's own, far below those of the coordinators.
base::Tag tag(std::uint64_t time, std::uint32_t node = 9);

// A row as one plain write leaves it.
StoredRow written(base::Tag tag, std::string row);
StoredRow deleted(base::Tag tag);

class Cluster {
 public:
    // Places 1 to `nodes`. The seed decides the order of what is ready at once, and the delays.
    explicit Cluster(std::size_t nodes, std::uint64_t seed = 1);
    ~Cluster();

    Coordinator& at(sim::Place node);
    // From now on the node's coordinator asks its own replica without a message where that is the only one.
    void ask_itself(sim::Place node);
    // What the replica answers to an encoded request, without the network.
    base::Result<io::Message> ask(sim::Place node, std::string request);
    // The same, of a request that must be understood.
    Reply reply(sim::Place node, std::string request);

    // What the node holds; for a test to look at or to change.
    sim::DurableRows& rows(sim::Place node) { return rows_[node - 1]; }
    std::optional<StoredRow> held(sim::Place node, const RowKey& key);
    void plant(sim::Place node, const RowKey& key, StoredRow row, std::string body = {});

    // No message passes from one to the other until join().
    void cut(sim::Place from, sim::Place to) { links.cut.insert({from, to}); }
    void join() { links.cut.clear(); }
    // Once so much virtual time has passed.
    void later(base::Duration after, io::Work work) { world.at(world.now + after.count(), 0, std::move(work)); }

    // Takes steps until the task has ended.
    template <typename T>
    T run(io::Task<T> task) {
        std::optional<T> value;
        io::TaskGroup group(outside_);
        group.spawn(keep(std::move(task), value));
        while (!value) {
            if (!world.step()) throw std::logic_error("a task waits for nothing");
            if (after_step) after_step();
        }
        return std::move(*value);
    }
    // Takes every step that is left, so that nothing is on its way any more.
    void settle_down() {
        while (world.step()) {
        }
    }

    // For tasks of the test itself.
    io::Executor& outside() { return outside_; }

    // Called after each step of run(): for faults that begin with something a node does.
    std::function<void()> after_step;

    sim::World world;
    sim::Links links;
    quorum::FixedPlacement placement;
    TableOptions options;

 private:
    struct Node;
    template <typename T>
    static io::Task<void> keep(io::Task<T> task, std::optional<T>& value) {
        value.emplace(co_await std::move(task));
    }

    std::unique_ptr<io::Disk> disk_;
    sim::SimExecutor outside_;
    std::vector<sim::DurableRows> rows_;
    std::vector<std::unique_ptr<Node>> nodes_;
};

// One node whose parts a test puts together by itself, beside a cluster for its rows and its time.
struct Parts {
    Cluster cluster{1};
    sim::SimExecutor executor{cluster.world, 1};
    sim::SimClock clock{cluster.world, 1};
    sim::SimRandom random{cluster.world};
    sim::SimBlocking blocking{executor};
    io::LocalNetwork network{1};
    std::unique_ptr<io::Disk> disk = io::make_real_disk();
    io::Env env{executor, clock, random, *disk, network, blocking};
    sim::MemoryRowStore memory{cluster.world, env, cluster.rows(1)};
    quorum::TagSource tags{clock, 1, 1};
};

// Rows that lie elsewhere; a test overrides what it watches or disturbs.
class PassedOn : public RowStore {
 public:
    explicit PassedOn(RowStore& rows) : rows_(rows) {}
    io::Task<base::Result<void>> apply(TableId table, quorum::Partition partition, RowChange change) override {
        return rows_.apply(table, partition, std::move(change));
    }
    base::Result<std::optional<StoredRow>> get(TableId table, quorum::Partition partition, const RowKey& key) override {
        return rows_.get(table, partition, key);
    }
    base::Result<std::string> body(TableId table, quorum::Partition partition, const StoredRow& row) override {
        return rows_.body(table, partition, row);
    }
    base::Result<base::Tag> low(quorum::Partition partition) override { return rows_.low(partition); }
    base::Result<void> scan(TableId table, quorum::Partition partition, const std::string& partition_key,
                            std::string from, std::size_t row_bytes, RowVisit visit) override {
        return rows_.scan(table, partition, partition_key, std::move(from), row_bytes, std::move(visit));
    }
    base::Result<void> scan_slice(const Slice& slice, std::string from, SliceVisit visit) override {
        return rows_.scan_slice(slice, std::move(from), std::move(visit));
    }
    io::Task<base::Result<bool>> wipe(Slice slice, std::size_t most) override {
        return rows_.wipe(std::move(slice), most);
    }
    std::uint64_t changes(quorum::Partition partition) const override { return rows_.changes(partition); }

 private:
    RowStore& rows_;
};

}  // namespace larder::table
