// One shard: its file, its log, the thread that commits and the one that pours, its readers. Inside src/db only.
#pragma once

#include "src/db/pourer.h"
#include "src/db/view.h"
#include "src/io/env.h"

namespace larder::db {

struct ShardMetrics {
    base::Histogram commit_seconds;
    base::Counter commits;
    base::Counter groups;
    PourerMetrics pourer;
};

// Everything the threads need to make themselves known and to be known.
struct ShardOptions {
    std::string vfs;
    std::string path;      // of SQLite's file
    std::string log_path;  // of the log's two files, without their last digit
    std::size_t cache_bytes = 0;
    std::uint64_t log_file_bytes = 0;
    bool threads = true;
    ShardMetrics metrics;
};

class Shard {
 public:
    static base::Result<std::unique_ptr<Shard>> open(io::Env& env, ShardOptions options);
    // Finishes what is queued (without threads: ends at once); what is in the log alone stays there until the next
    // opening.
    ~Shard();

    // Engine thread.
    io::Task<base::Result<void>> commit(Change change, Afterwards afterwards);
    base::Result<std::optional<std::string>> get(TreeId tree, std::string_view key);
    base::Result<void> look(Look look);

    // Pool threads.
    base::Result<void> look_on_pool(Look look);
    // Looks over the whole file, on a connection of its own: "ok", or the first damage.
    base::Result<std::string> check();
    // All that was committed before the call is in SQLite's file and its log.
    base::Result<void> drain();
    // Held by work on a pool thread: close() waits for it.
    std::shared_ptr<void> ticket();

    // Finishes what is queued, brings everything into SQLite's file, ends the threads. Blocking. Idempotent.
    base::Result<void> close();
    const std::string& path() const { return options_.path; }
    // Whether this opening made the shard.
    bool is_new() const { return is_new_; }
    // What recovery could not read; empty when it read everything.
    const std::string& damage() const { return damage_; }

 private:
    struct Pending {
        Change change;
        Afterwards afterwards;
        io::Promise<base::Result<void>> done;
    };

    Shard(io::Env& env, ShardOptions options);
    base::Result<void> open_files();
    void commit_loop();
    void commit_queued(std::unique_lock<std::mutex>& hold);
    std::size_t commit_group(std::span<Pending> queued);
    base::Result<void> make_durable(const Overlay& group);
    base::Result<void> make_room(std::size_t payload_bytes);
    base::Result<void> pour_all(bool wait);
    void rest(std::unique_lock<std::mutex>& hold);
    void stop_committing();
    void wait_for_tickets();
    base::Result<std::unique_ptr<Connection>> take_spare();

    io::Env& env_;
    ShardOptions options_;
    bool is_new_ = false;
    std::string damage_;
    Tables tables_;
    std::unique_ptr<GroupLog> log_;              // the committing thread's
    std::unique_ptr<Connection> change_reader_;  // the committing thread's
    std::unique_ptr<Connection> engine_reader_;  // the engine thread's
    std::optional<Layers> engine_view_;          // during a look on the engine thread
    std::unique_ptr<Pourer> pourer_;
    bool failed_ = false;  // committing thread's: a sync failed, so nothing is known of the log

    std::mutex spare_mutex_;
    std::vector<std::unique_ptr<Connection>> spare_;
    std::vector<Connection*> checking_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable drained_;
    std::vector<Pending> queue_;
    std::uint64_t drains_asked_ = 0;
    std::uint64_t drains_done_ = 0;
    base::Result<void> drain_outcome_;
    bool ending_ = false;
    int tickets_ = 0;
    std::condition_variable no_tickets_;
    std::optional<base::Result<void>> closed_;
    std::thread thread_;
    std::shared_ptr<Shard*> here_ = std::make_shared<Shard*>(this);  // for work posted by it
};

}  // namespace larder::db
