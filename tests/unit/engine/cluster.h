// Several engines in one simulated world: each a node with a disk of its own, linked by a network that a test cuts, all
// on one thread and on virtual time. One seed gives one run.
#pragma once

#include "replication/members.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/world.h"
#include "tests/unit/engine/harness.h"

#include <catch2/catch.hpp>

namespace larder::engine {

class Cluster {
 public:
    // The first `storing` of the nodes hold everything.
    explicit Cluster(std::uint64_t seed = 1, std::size_t nodes = 3, std::size_t storing = 3);
    ~Cluster();

    Engine& at(io::NodeNumber node) { return *machine(node).life->engine; }
    io::Env& env(io::NodeNumber node) { return machine(node).life->env; }
    sim::SimClock& clock(io::NodeNumber node) { return machine(node).life->clock; }
    sim::SimDisk& disk(io::NodeNumber node) { return machine(node).disk; }

    // Ends a node's process at once. With `power` it loses what its disk had not made durable.
    void kill(io::NodeNumber node, bool power = true);
    void start(io::NodeNumber node);
    // Between this node and all others, or two nodes.
    void cut(io::NodeNumber node);
    void cut(io::NodeNumber one, io::NodeNumber other);
    void heal();
    // Lets time pass, and what is due happen.
    void wait(base::Duration time);

    // Begins a task of the node; it is done when the value is there, and never if the node dies.
    template <typename T>
    std::shared_ptr<std::optional<T>> begin(io::NodeNumber node, Task<T> task) {
        auto value = std::make_shared<std::optional<T>>();
        machine(node).life->tasks->spawn(finish(std::move(task), value));
        return value;
    }
    template <typename T>
    T end(std::shared_ptr<std::optional<T>> value) {
        if (!steps_until([&] { return value->has_value(); })) FAIL("a call never ends");
        return std::move(**value);
    }
    template <typename T>
    T run(io::NodeNumber node, Task<T> task) {
        return end(begin(node, std::move(task)));
    }
    // Steps until it holds; false after five minutes of the world's time.
    bool comes(std::function<bool()> holds) { return steps_until(std::move(holds)); }

    BucketId bucket(io::NodeNumber node, const std::string& name);
    Result<ObjectInfo> put(io::NodeNumber node, BucketId in, const std::string& key, const std::string& body,
                           Condition condition = {});
    Result<std::string> get(io::NodeNumber node, BucketId in, const std::string& key);
    Result<DeleteOutcome> remove(io::NodeNumber node, BucketId in, const std::string& key);
    std::vector<std::string> list(io::NodeNumber node, BucketId in);
    // Object rows of the bucket on one node's replica, deleted ones among them.
    std::size_t rows_at(io::NodeNumber node, BucketId in);

    sim::World world;
    sim::Links links;
    FixedMembers members;

 private:
    // One life of a node: everything that a crash destroys.
    struct Life {
        Life(Cluster& cluster, io::NodeNumber number);
        ~Life();
        sim::World& world;
        io::NodeNumber number;
        sim::SimExecutor executor;
        sim::SimClock clock;
        sim::SimRandom random;
        sim::SimBlocking blocking;
        sim::SimNetwork network;
        io::Env env;
        base::Metrics metrics;
        std::unique_ptr<Engine> engine;
        std::unique_ptr<io::TaskGroup> tasks;
    };
    struct Machine {
        explicit Machine(std::uint64_t seed) : disk(seed) {}
        sim::SimDisk disk;
        std::unique_ptr<Life> life;
        bool powerless = false;  // its disk has to be started again
    };
    Machine& machine(io::NodeNumber node) { return *machines_.at(node - 1); }
    bool steps_until(std::function<bool()> holds);
    static std::vector<io::NodeNumber> numbers(std::size_t nodes);
    template <typename T>
    static Task<void> finish(Task<T> task, std::shared_ptr<std::optional<T>> value) {
        value->emplace(co_await std::move(task));
    }

    std::vector<std::unique_ptr<Machine>> machines_;
};

}  // namespace larder::engine
