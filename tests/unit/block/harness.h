// A block store with its local store, on a simulated disk that tests may fill, fail, cut off and damage.
#pragma once

#include "replication/block/local_blocks.h"
#include "src/base/hash.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/run_task.h"

#include <string>
#include <vector>

namespace larder::block {

// Bytes that neither repeat nor compress; the same seed gives the same.
std::string pattern(std::size_t size, std::uint64_t seed = 1);
// Bytes that shrink a lot.
std::string text(std::size_t size, std::uint64_t seed = 1);
Owner owner(std::uint64_t number);

class Node {
 public:
    explicit Node(test::World& world, std::uint64_t seed = 1);
    ~Node() { drop(); }

    sim::SimDisk disk;
    StoreOptions options;  // one folder, /data/one, unless told before open()

    // Opens both stores; the error of the one that would not.
    base::Result<void> try_open();
    // The same, and accepts what was recovered; fails the test when they do not open.
    void open();
    // An orderly stop, or a sudden end that leaves what the kernel has, or a power cut.
    void close();
    void kill();
    void cut_power();
    // The stores go away; the disk stays as it is.
    void drop();
    void reopen() {
        close();
        open();
    }
    bool is_open() const { return store != nullptr; }

    base::Result<base::Hash256> put(const std::string& bytes, std::uint64_t by);
    // What is stored of these very bytes; a piece of it.
    base::Result<std::string> get(const std::string& bytes) { return get(bytes, 0, bytes.size()); }
    base::Result<std::string> get(const std::string& bytes, std::uint64_t offset, std::uint64_t length);
    base::Result<void> refer(const std::vector<std::string>& bytes, std::uint64_t by);
    base::Result<void> drop(std::uint64_t by);
    std::uint64_t reclaim();
    std::vector<std::string> damage();
    std::uint64_t blocks() { return store->status().blocks; }
    // Paths of the segments, oldest first.
    std::vector<std::string> segments(const std::string& folder = "/data/one");
    // Removes rows of the index: trees `first` to `last` of a shard.
    base::Result<void> erase_rows(db::ShardId shard, db::TreeId first, db::TreeId last);

    template <typename T>
    T run(io::Task<T> task) {
        return world_.run(std::move(task));
    }

    io::Env env;
    base::Metrics metrics;
    std::unique_ptr<db::Db> db;
    std::unique_ptr<LocalBlocks> store;

 private:
    test::World& world_;
};

}  // namespace larder::block
