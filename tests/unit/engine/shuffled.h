// An engine in memory whose ready work is taken in an order that a seed picks, for tests of calls under way at once.
// Its committing threads are real ones.
#pragma once

#include "replication/engine.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/world.h"
#include "tests/support/run_task.h"

#include <memory>
#include <mutex>
#include <vector>

namespace larder::engine {

// Takes work from any thread and runs it on the loop's, in random order.
class ShuffledExecutor final : public io::Executor {
 public:
    ShuffledExecutor(io::Executor& loop, std::uint64_t seed) : loop_(loop), dice_(seed) {}
    void post(io::Work work) override;

 private:
    void run_one();

    io::Executor& loop_;
    std::mutex mutex_;
    sim::Dice dice_;
    std::vector<io::Work> ready_;
};

class SeededRandom final : public io::Random {
 public:
    explicit SeededRandom(std::uint64_t seed) : dice_(seed) {}
    void fill(std::span<std::uint8_t> out) override;

 private:
    std::mutex mutex_;
    sim::Dice dice_;
};

class ShuffledNode {
 public:
    explicit ShuffledNode(std::uint64_t seed);

    template <typename T>
    T run(Task<T> task) {
        return world.run(std::move(task));
    }
    void close();

    test::World world;
    sim::SimDisk disk;
    ShuffledExecutor executor;
    sim::SimBlocking blocking;
    SeededRandom random;
    io::Env env;
    base::Metrics metrics;
    std::unique_ptr<Engine> engine;
};

}  // namespace larder::engine
