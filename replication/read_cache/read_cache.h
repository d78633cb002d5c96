// A FileStore that keeps what is read from the store below in files on this machine's disk: what `--cache SIZE` of a
// mount is made of (decision 0022).
//
// Promises, where they differ from files.h: none. What a key holds is asked of the store below at every open; only the
// content of the version opened may come from the disk, verified, also while the store below is away. A handle through
// which something was written reads past the cache from then on. What the cache's disk does never fails a call: damaged
// files count as absent, and any other failure switches the cache off, with one warning. Loop thread.
#pragma once

#include "replication/files.h"
#include "src/io/env.h"

#include <memory>
#include <string>

namespace larder::read_cache {

struct Options {
    std::string folder;                                 // made, and locked while in use; other files in it stay
    std::uint64_t bytes = 0;                            // of the disk, at most; what is there and too much goes
    std::size_t pieces_max = 512 << 10;                 // bounds the memory: see index.h
    std::uint64_t recent_bytes = 16 << 20;              // in memory: read a moment ago, or not on the disk yet
    base::Duration patience = std::chrono::seconds(3);  // for a process that uses the folder
};

class ReadCache : public engine::FileStore {
 public:
    // Ends when what was read so far is on the disk, as far as it is to be.
    virtual io::Task<void> kept() = 0;
};

// `below` outlives the result. A folder that cannot be used, or is in use for longer than `patience`, is said in the
// log; then nothing is cached.
io::Task<std::unique_ptr<ReadCache>> open_read_cache(io::Env& env, engine::FileStore& below, Options options);

}  // namespace larder::read_cache
