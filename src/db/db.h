// Local durable tables: ordered trees of byte keys and values, spread over shards. The only room that sees SQLite.
//
// A shard is one SQLite file with a log in front of it. Changes from all callers that arrive together share one record
// of the log and one sync; a completed commit is durable. Behind, sorted batches are poured from memory into SQLite.
// Every row carries a checksum: damage is reported as Code::corrupted, never returned as data.
#pragma once

#include "src/base/error.h"
#include "src/base/metrics.h"
#include "src/io/env.h"
#include "src/io/task.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::db {

using TreeId = std::uint16_t;  // stands in the files: never reused for another meaning
using ShardId = std::uint32_t;

// A place in one tree. Views are valid until the cursor moves or dies. Not thread-safe.
class Cursor {
 public:
    virtual ~Cursor() = default;
    // To the first row with key >= `key`.
    virtual base::Result<void> seek(std::string_view key) = 0;
    virtual base::Result<void> next() = 0;
    virtual bool valid() const = 0;
    virtual std::string_view key() const = 0;
    virtual std::string_view value() const = 0;
};

// A consistent view of one shard.
class Reader {
 public:
    virtual ~Reader() = default;
    virtual base::Result<std::optional<std::string>> get(TreeId tree, std::string_view key) = 0;
    // The cursor must die before the reader's view ends (the next call on the same Reader that is not through it, or
    // the end of the function it was given to).
    virtual base::Result<std::unique_ptr<Cursor>> cursor(TreeId tree) = 0;
};

// A change in the making: sees its own writes.
class Writer : public Reader {
 public:
    virtual base::Result<void> put(TreeId tree, std::string_view key, std::string_view value) = 0;
    virtual base::Result<void> erase(TreeId tree, std::string_view key) = 0;
};

// What follows from a change, on the engine thread once it is durable: in the order of the shard's commits, before
// those who wait for them go on, and also when nobody waits any more. Not called for a change that failed.
using Afterwards = std::move_only_function<void()>;
// Runs on the shard's committing thread, so it must own what it touches and do nothing slow. An error discards this
// change alone; the others of its group go on.
using Change = std::move_only_function<base::Result<void>(Writer&)>;
using Look = std::move_only_function<base::Result<void>(Reader&)>;

struct Options {
    std::string folder;                   // e.g. /var/lib/larder/meta; made if missing
    std::uint32_t shards = 4;             // fixed at creation; the stored number wins
    std::size_t cache_bytes = 16u << 20;  // page cache of all connections together
    std::size_t log_bytes = 32u << 20;  // logs of all shards together; as much at most waits in memory to enter SQLite
    bool threads = true;  // off, in a simulated world: changes are committed and poured by work of the executor
};

// What opening found. A quarantined shard file is kept aside under the name given and replaced by an empty one.
struct OpenReport {
    bool unclean = false;                  // the last stop was not a clean one
    std::vector<std::string> quarantined;  // paths, with the reason after a colon
};

class Db {
 public:
    // Opens or makes the shards and verifies them. Fails with unsupported when the files are of a newer format.
    // Blocking; called at start-up.
    static base::Result<std::unique_ptr<Db>> open(io::Env& env, base::Metrics& metrics, Options options);
    // Waits for the committing threads; pending commits are finished first.
    virtual ~Db() = default;

    virtual const OpenReport& report() const = 0;
    virtual std::uint32_t shards() const = 0;

    // Applies `change` durably. Errors: the change's own; no_space, io_failure (nothing of it was applied, or it is
    // unknown: after io_failure the shard refuses further commits until it is reopened); shutting_down.
    virtual io::Task<base::Result<void>> commit(ShardId shard, Change change, Afterwards afterwards = {}) = 0;

    // Point read of the committed state on the calling thread (engine thread only): a few microseconds when cached.
    virtual base::Result<std::optional<std::string>> get(ShardId shard, TreeId tree, std::string_view key) = 0;
    // Runs `look` with a consistent view, inline on the engine thread: for short scans (up to about a thousand rows).
    virtual base::Result<void> look(ShardId shard, Look look) = 0;
    // The same on a pool thread, for long ones. `look` owns what it touches.
    virtual io::Task<base::Result<void>> look_later(ShardId shard, Look look) = 0;

    // Writes a verified copy of every shard into `folder` (which must not exist) while commits go on.
    virtual io::Task<base::Result<void>> snapshot(std::string folder) = 0;
    // Finishes pending commits, checkpoints, marks the stop as clean. Commits fail with shutting_down afterwards.
    virtual base::Result<void> close() = 0;
};

}  // namespace larder::db
