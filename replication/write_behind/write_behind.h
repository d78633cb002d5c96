// A FileStore that answers before the store below has everything: small new files and small writes are kept here and in
// a journal on this machine's disk, and stored behind the caller's back. What `durability=local` of a mount is made of
// (decision 0021).
//
// Promises, where they differ from files.h: a file made with `may_wait` and what commit_soon() was given outlive this
// process and a power cut within moments; what commit() was given outlives both. Other stores see it when it
// is stored, mostly some milliseconds later; this one shows it at once, and every other call on the same key, or on a
// folder above it, first waits until it is stored. What the store refuses (a full quota) is told by the next commit of
// the file, kept, and tried again. Changes that this object made are left out of watch(). Loop thread.
#pragma once

#include "replication/files.h"
#include "src/io/env.h"

#include <memory>
#include <string>

namespace larder::behind {

struct Options {
    std::string journal;                                     // path of the file; its folder is made
    std::uint64_t journal_bytes = 256ull << 20;              // then callers wait for the store
    std::size_t files_max = 8192;                            // not stored at once; then callers wait
    std::size_t at_once = 32;                                // on their way to the store
    base::Duration patience = std::chrono::seconds(30);      // of a call that waits for what is not stored
    base::Duration linger = std::chrono::milliseconds(500);  // what is open waits so long for more
    base::Duration gather = std::chrono::milliseconds(5);    // what is closed within is journalled and stored together
    base::Duration pause = std::chrono::seconds(1);          // before what failed is tried again
};

// Also stores what a former life left in the journal; what can no longer be stored is set aside in a file beside it,
// and the log says so. Waits up to `patience` for a process that uses the journal; then conflict/disk. `below` outlives
// the result.
io::Task<base::Result<std::unique_ptr<engine::FileStore>>> open_write_behind(io::Env& env, engine::FileStore& below,
                                                                             Options options);

// Stores what a former life left in the journal, if there is one, and removes it: for a mount that writes nothing
// behind, of a folder where the last one did. Errors as above.
io::Task<base::Result<void>> store_left(io::Env& env, engine::FileStore& below, Options options);

}  // namespace larder::behind
