// A file of which the store may not have all yet. Shared by its handles and by what stores it. Inside
// replication/write_behind.
#pragma once

#include "replication/write_behind/journal.h"
#include "replication/write_behind/records.h"
#include "src/io/sync.h"

#include <optional>

namespace larder::behind {

// A write-behind file keeps at most so much of what is written; then its close and fsync wait for the store.
constexpr std::size_t kKeptBytesMax = 4 << 20;
constexpr std::size_t kKeptWritesMax = 4096;

struct BehindFile {
    BehindFile(io::Env& env, std::string key) : key(std::move(key)), order(env.executor, 1) {}

    const std::string key;
    FileEntry entry;  // as this mount shows it
    // The file is not in the store yet, and this is what it is to begin with: all of its content.
    std::optional<NewFile> creation;
    std::shared_ptr<engine::FileHandle> handle;  // of the store; null until it is needed
    std::vector<Written> writes;                 // through the handle, not committed there
    std::size_t journalled = 0;                  // of these
    std::size_t kept_bytes = 0;
    // Too much, or other than writes, was changed to be kept here: only the handle has it.
    bool through = false;
    FileAttributes attributes;      // of the newest commit
    std::vector<Sequence> records;  // of what is not stored
    std::uint64_t changes = 0;      // of the content
    std::uint64_t committed = 0;    // those a caller was promised
    std::uint64_t wanted = 0;       // commits, and the creation
    std::uint64_t done = 0;         // those the store has
    bool made = false;              // of a creation: its name is in the store
    bool storing = false;           // a task is at it
    // Writes on their way to the handle since its last commit was asked for.
    struct Sending {
        int under_way = 0;
        bool failed = false;
    };
    std::shared_ptr<Sending> sending = std::make_shared<Sending>();
    int handles = 0;
    bool asking = false;               // the store is at work for it
    bool hurry = false;                // somebody waits for it, or no more is to come
    std::optional<base::Error> error;  // why the store does not take it; told once
    std::vector<io::Promise<io::Done>> waiting;
    io::Semaphore order;  // of what is done through the handle while writes are kept

    bool pending() const { return done < wanted; }
    std::uint64_t size() const { return creation ? creation->content.size() : entry.size; }
    // Carried out on the content of a creation. False: it would become too large.
    bool write_here(std::uint64_t offset, std::string_view data);
    bool resize_here(std::uint64_t size);
    bool has_room(std::size_t size) const;
    void keep(std::uint64_t offset, const base::Buffer& data);
    void wrote(std::uint64_t offset, std::size_t size);
    void stop_keeping();
    // The first `count` writes are in the store.
    void drop_writes(std::size_t count);
    void wake();
};
using FilePtr = std::shared_ptr<BehindFile>;

}  // namespace larder::behind
