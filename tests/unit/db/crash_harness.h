// A store on a simulated disk, a workload whose outcome is known change by change, and the check after a crash.
#pragma once

#include "src/db/db.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/run_task.h"

#include <map>
#include <random>
#include <string>
#include <vector>

namespace larder::db {

// The rows of one shard, by tree and key.
using Rows = std::map<std::pair<TreeId, std::string>, std::string>;

// One change as the test remembers it: what it sets (nothing: erased), and what was answered.
struct Step {
    std::map<std::pair<TreeId, std::string>, std::optional<std::string>> writes;
    bool fails = false;    // by itself: must leave nothing
    bool acked = false;    // answered as durable
    bool refused = false;  // answered as not done
};

class CrashStore {
 public:
    static constexpr std::uint32_t kShards = 2;

    CrashStore(test::World& world, std::uint64_t seed);
    ~CrashStore() { db_.reset(); }

    sim::SimDisk disk;
    std::mt19937_64 dice;

    // Opens; false when the disk failed meanwhile.
    base::Result<void> open();
    Db& db() { return *db_; }
    bool is_open() const { return db_ != nullptr; }
    void drop() { db_.reset(); }
    // `batches` groups of concurrent changes, each waited for.
    void work(int batches);
    // What is wrong with the rows: they must be those of all acknowledged changes and of some first part of the
    // others, each whole. Empty when all is well; then the rows become the new base.
    std::string verdict();

 private:
    Step make_step();
    io::Task<int> commit_all(ShardId shard, std::size_t from);
    base::Result<Rows> read(ShardId shard);

    std::size_t log_bytes_;
    test::World& world_;
    io::Env env_;
    base::Metrics metrics_;
    std::unique_ptr<Db> db_;
    std::array<Rows, kShards> base_;                // certain
    std::array<std::vector<Step>, kShards> steps_;  // since, in the order of their queue
    std::uint64_t next_id_ = 0;
};

}  // namespace larder::db
