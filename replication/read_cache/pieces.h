// The pieces of a cache: in memory for a moment, on the disk until others are used more. Inside replication/read_cache.
#pragma once

#include "replication/read_cache/index.h"
#include "replication/read_cache/read_cache.h"
#include "src/io/task_group.h"

#include <deque>

namespace larder::read_cache {

using io::Task;

// Loop thread.
class Pieces {
 public:
    // One that is off when the folder cannot be used; the log says so.
    static Task<std::unique_ptr<Pieces>> open(io::Env& env, Options options);

    bool on() const { return on_; }
    // [from, from + length) of the piece; nothing when it is not here.
    Task<std::optional<Buffer>> read(Identity identity, PieceName name, std::uint64_t from, std::uint64_t length);
    // Written behind the caller's back. Of more than the disk can take, what came first is dropped.
    void keep(Identity identity, PieceName name, Buffer content);
    // Nothing is left to be written.
    Task<void> written();

 private:
    enum class State : std::uint8_t { waiting, writing, written };
    struct Recent {
        Identity identity;
        PieceName name;
        Buffer content;
        State state = State::waiting;
    };
    struct Opened {
        std::unique_ptr<io::FileLock> lock;
        Index index;
        std::uint64_t sequence = 0;
    };
    struct Batch;

    Pieces(io::Env& env, Options options);
    static Result<Opened> open_folder(io::Disk& disk, const Options& options);

    const Buffer* recent(const PieceName& name) const;
    bool make_recent_room(std::size_t size);
    std::string path_of(const Kept& kept) const;
    // A file that was in the index could not be read.
    void lose(const Kept& kept, const base::Error& error);
    void switch_off(const base::Error& error);
    void start();
    Batch take_batch();
    Task<void> write_all();
    static Result<void> write_batch(io::Disk& disk, const Batch& batch);

    io::Env& env_;
    Options options_;
    bool on_ = false;
    std::unique_ptr<io::FileLock> lock_;
    Index index_;
    std::uint64_t sequence_ = 0;  // of the newest piece
    std::deque<Recent> recent_;   // the oldest first
    std::uint64_t recent_bytes_ = 0;
    std::vector<std::string> doomed_;  // paths of files to be removed
    bool writing_ = false;
    std::vector<io::Promise<io::Done>> waiting_;
    io::TaskGroup tasks_;
};

}  // namespace larder::read_cache
