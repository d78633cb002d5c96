// Content on this node: blocks named by the SHA-256 of their plain bytes, in append-only segments over several data
// folders. The index (name → place) and the references live in the local store (db) and can be rebuilt from segments.
//
// A reference ties a block to an owner (the upload that wrote it, a copy, a part). It is recorded with the block, in
// the same commit, before put() returns; a block with no reference left is dead and its space comes back by hole
// punching or compaction, but never under a Lease.
#pragma once

#include "src/base/bytes.h"
#include "src/base/error.h"
#include "src/base/id.h"
#include "src/base/metrics.h"
#include "src/db/db.h"
#include "src/io/env.h"
#include "src/io/task.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder::block {

using Owner = base::UploadId;  // begins with 6 bytes of milliseconds, so that references of one time lie together

// Keeps the blocks of an owner from being reclaimed while a reader is at work, even when the last reference goes.
class Lease {
 public:
    virtual ~Lease() = default;
};

struct StoreOptions {
    std::vector<std::string> folders;          // data folders; several may be on one disk or not
    std::uint64_t segment_bytes = 1ull << 30;  // preallocated in steps, not at once
    int zstd_level = 1;
    double compact_below = 0.5;  // live share under which a sealed segment is rewritten
};

struct StoreStatus {
    struct Folder {
        std::string path;
        std::uint64_t total_bytes = 0;
        std::uint64_t free_bytes = 0;
        std::uint64_t segment_bytes = 0;
        bool writable = true;
        std::string problem;  // a sentence with its cure; empty when healthy
    };
    std::vector<Folder> folders;
    std::uint64_t blocks = 0;
    std::uint64_t stored_bytes = 0;
    std::uint64_t dead_bytes = 0;
};

// What the audit found wrong; each a sentence naming block and segment.
struct VerifyReport {
    std::uint64_t blocks_checked = 0;
    std::vector<std::string> damage;
};

class BlockStore {
 public:
    // Opens the folders, looks through the youngest segments, and rebuilds the index from all segments when the store
    // has none or has lost part of it. Trees used in `db`: ids 32 to 47.
    static io::Task<base::Result<std::unique_ptr<BlockStore>>> open(io::Env& env, db::Db& db, base::Metrics& metrics,
                                                                    StoreOptions options);
    virtual ~BlockStore() = default;

    // Stores `plain` and the reference (owner, name) durably. When `expected` is given, the bytes are hashed and must
    // match it (corrupted otherwise) unless `trusted`: the caller hashed exactly these bytes itself. A block that is
    // there already is checked before it is relied on. Errors: no_space, io_failure.
    virtual io::Task<base::Result<base::Hash256>> put(base::Buffer plain, Owner owner,
                                                      std::optional<base::Hash256> expected, bool trusted) = 0;
    // Plain bytes [offset, offset+length) of the block, checked. Errors: not_found/block, corrupted/block (the segment,
    // offset and cure are logged), io_failure.
    virtual io::Task<base::Result<base::Buffer>> get(base::Hash256 name, std::uint64_t offset,
                                                     std::uint64_t length) = 0;
    // Adds references of `owner` to blocks that are here. not_found/block if one is not.
    virtual io::Task<base::Result<void>> add_references(std::vector<base::Hash256> names, Owner owner) = 0;
    // The owners that a rebuild found in the segments' records, dead ones among them: the caller adds the
    // references that only it knows, then drops the owners it does not know (in this order: both may have the same
    // block). Empty when the index was whole.
    virtual std::vector<Owner> recovered_owners() const = 0;
    // The caller has done so: the rebuilt index counts as whole from now. Until then every start rebuilds it again.
    virtual io::Task<base::Result<void>> accept_recovery() = 0;
    // Removes all references of the owner. Idempotent. conflict/block while a Lease names it: try again later.
    virtual io::Task<base::Result<void>> drop_references(Owner owner) = 0;
    // While it lives nothing that `owners` referenced when it was taken is reclaimed. Synchronous, cheap.
    virtual std::unique_ptr<Lease> lease(std::vector<Owner> owners) = 0;

    virtual StoreStatus status() const = 0;
    // Gives back space: punches and compacts until nothing is worth it or `deadline`. Called by a background worker,
    // paced.
    virtual io::Task<base::Result<std::uint64_t>> reclaim(base::Instant deadline) = 0;
    // Reads every block and its full hash.
    virtual io::Task<base::Result<VerifyReport>> verify() = 0;
    // Seals and closes.
    virtual io::Task<base::Result<void>> close() = 0;
};

}  // namespace larder::block
