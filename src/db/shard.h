// One shard: its file, its committing thread, its readers. Inside src/db only.
#pragma once

#include "src/db/view.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace larder::db {

struct ShardMetrics {
    base::Histogram commit_seconds;
    base::Counter commits;
    base::Counter groups;
    base::Gauge log_frames;
};

// Everything the thread needs to make itself known and to be known.
struct ShardOptions {
    std::string vfs;
    std::string path;
    std::size_t cache_bytes = 0;
    ShardMetrics metrics;
};

class Shard {
 public:
    static base::Result<std::unique_ptr<Shard>> open(io::Env& env, ShardOptions options);
    ~Shard();

    // Engine thread.
    io::Task<base::Result<void>> commit(Change change);
    Connection& reader() { return *reader_; }
    base::Result<void> look(Look look);
    // Pool threads.
    base::Result<void> look_on_pool(Look look);
    // Finishes what is queued, checkpoints, ends the thread. Blocking. Idempotent.
    base::Result<void> close();
    const std::string& path() const { return options_.path; }

 private:
    struct Pending {
        Change change;
        io::Promise<base::Result<void>> done;
    };
    using Group = std::vector<Pending>;

    Shard(io::Env& env, ShardOptions options);
    void commit_loop();
    void commit_group(Group group);
    base::Result<void> apply(const Overlay& group);
    void tend_log(bool idle);
    base::Result<std::unique_ptr<Connection>> take_spare();

    io::Env& env_;
    ShardOptions options_;
    std::unique_ptr<Connection> writer_;  // the committing thread's
    std::unique_ptr<Connection> reader_;  // the engine thread's
    std::mutex spare_mutex_;
    std::vector<std::unique_ptr<Connection>> spare_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Pending> queue_;
    bool ending_ = false;
    bool failed_ = false;  // committing thread's: a sync failed, so nothing is known of the file
    base::Result<void> closed_;
    std::thread thread_;
};

}  // namespace larder::db
