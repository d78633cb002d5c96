// The thread that brings rows from memory into SQLite: the only user of the one connection of a shard that writes and
// checkpoints. Inside src/db only.
#pragma once

#include "src/db/group_log.h"
#include "src/io/clock.h"

#include <condition_variable>
#include <thread>

namespace larder::db {

struct PourerMetrics {
    base::Histogram pour_seconds;
    base::Histogram checkpoint_seconds;
    base::Gauge log_pages;
};

// What a shard's file says of itself.
struct ShardMark {
    std::uint64_t identity = 0;
    Epoch poured = 0;  // rows of this epoch of the log, and of those before, are in SQLite
};

// The mark; one with identity 0 when there is none.
base::Result<ShardMark> read_mark(Connection& connection);
base::Result<void> write_mark(Connection& connection, ShardMark mark);

class Pourer {
 public:
    struct Options {
        std::uint64_t identity = 0;  // of the shard
        bool thread = true;          // off: start() and finish() do the work
    };
    Pourer(io::Clock& clock, std::unique_ptr<Connection> writer, Tables& tables, PourerMetrics metrics,
           Options options);
    ~Pourer();

    // Begins to pour the frozen rows, which are those of `epoch`. Only when nothing is being poured.
    void start(Epoch epoch);
    // Waits until nothing is left to pour. A pour that failed before is tried again; no_space may pass in time.
    base::Result<void> finish();
    // Empties SQLite's log. Only after stop().
    base::Result<void> checkpoint_all() { return writer_->checkpoint(true); }
    // Ends the thread; what is half poured is taken back. Idempotent.
    void stop();

 private:
    enum class State { idle, asked, failed };

    void loop();
    void pour_now();
    base::Result<void> pour();
    base::Result<void> put_rows(const Memtable& rows);
    void checkpoint(bool truncate);

    io::Clock& clock_;
    std::unique_ptr<Connection> writer_;
    Tables& tables_;
    PourerMetrics metrics_;
    Options options_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable done_;
    State state_ = State::idle;
    Epoch epoch_ = 0;
    base::Error error_;
    std::atomic<bool> ending_ = false;
    std::thread thread_;
};

}  // namespace larder::db
