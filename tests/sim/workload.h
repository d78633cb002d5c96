// Clients that read, write and decide on a few keys through nodes of a simulated cluster, and the history of it.
#pragma once

#include "replication/table/coordinator.h"
#include "tests/sim/cluster.h"
#include "tests/sim/world.h"

namespace larder::sim {

// One operation's end, as a client sees it.
struct Answer {
    Operation::Fate fate = Operation::Fate::unknown;
    std::uint64_t seen = 0;
    bool refused = false;
};

// What a cluster offers to clients.
class Gateways {
 public:
    virtual ~Gateways() = default;
    virtual std::size_t size() const = 0;
    // Null: the node is down, or does not serve. Of the key with that number.
    virtual table::Coordinator* rows_at(std::size_t node, std::size_t key) = 0;
    // Dies with the node.
    virtual io::TaskGroup& tasks_of(std::size_t node) = 0;
};

class Workload {
 public:
    Workload(World& world, Links& links, const Options& options, Gateways& gateways);
    // Spawns the clients into `tasks`.
    void start(io::TaskGroup& tasks);
    bool finished() const { return finished_ == options_.clients; }
    // Counts of operations and the verdict.
    void judge(Outcome& out) const;

    static table::RowKey key_of(std::size_t index);

 private:
    io::Task<void> serve(table::Coordinator& rows, Operation op, table::RowKey key, io::Promise<Answer> out);
    Operation draw(const std::vector<Operation>& history);
    io::Task<void> client(std::size_t number);

    World& world_;
    Links& links_;
    const Options& options_;
    Gateways& gateways_;
    SimExecutor outside_;
    SimClock clock_;
    std::vector<std::vector<Operation>> histories_;
    std::uint64_t values_ = 0;
    std::size_t finished_ = 0;
};

}  // namespace larder::sim
