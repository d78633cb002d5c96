// The block store of this node as its peers and the background workers of a cluster need it: blocks in their stored
// form, references one by one, and pages of both. What it adds to BlockStore stays as cheap as that: nothing here costs
// a node that is alone.
#pragma once

#include "replication/block/record.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace larder::block {

// One owner's reference to one block. Ordered by owner, then name.
struct Reference {
    Owner owner;
    base::Hash256 name;
    std::uint32_t plain_bytes = 0;  // of the block; no part of the order
    friend bool operator==(const Reference& a, const Reference& b) { return a.owner == b.owner && a.name == b.name; }
    friend auto operator<=>(const Reference& a, const Reference& b) {
        const auto order = a.owner <=> b.owner;
        return order != 0 ? order : a.name <=> b.name;
    }
};

// References in order. The page is complete up to and including `until`, a key to go on behind; nothing: to the end.
struct ReferencePage {
    std::vector<Reference> references;
    std::optional<std::string> until;
};

// Which blocks are meant. Runs on the pool: it owns what it looks at.
using NameFilter = std::function<bool(const base::Hash256&)>;

struct NamePage {
    std::vector<std::pair<base::Hash256, std::uint32_t>> blocks;  // name, plain bytes
    std::string next;                                             // to go on behind; empty: the end
};

// The stored bytes that cover a range of a block, from chunk `first_chunk` on, as unpack() takes them.
struct Excerpt {
    RecordHeader header;
    std::uint32_t first_chunk = 0;
    base::Buffer stored;
};

class LocalBlocks : public BlockStore {
 public:
    // As BlockStore::open.
    static io::Task<base::Result<std::unique_ptr<LocalBlocks>>> open(io::Env& env, db::Db& db, base::Metrics& metrics,
                                                                     StoreOptions options);
    // Hashes and compresses on the pool; nothing is stored. Errors as those of pack().
    virtual io::Task<base::Result<Packed>> pack_block(base::Buffer plain, Owner owner,
                                                      std::optional<base::Hash256> expected, bool trusted) = 0;
    // Stores a packed block durably with the reference of the owner in its header. The caller made or verified it. A
    // block that is here already is checked before it is relied on. Errors: no_space, io_failure.
    virtual io::Task<base::Result<void>> put_packed(Packed packed) = 0;
    // Adds a reference to a block that is here and whose bytes are good; false when it is not here, or damaged.
    virtual io::Task<base::Result<bool>> refer_checked(base::Hash256 name, Owner owner) = 0;
    // What the index says; a point read.
    virtual base::Result<bool> contains(base::Hash256 name) = 0;
    virtual base::Result<bool> refers(base::Hash256 name, Owner owner) = 0;
    // The stored form, checked by its sums and the full digest. not_found/block, corrupted/block, io_failure.
    virtual io::Task<base::Result<Packed>> read_whole(base::Hash256 name) = 0;
    // The part of it that covers plain bytes [offset, offset + length), checked by its sums. Errors as those of get().
    virtual io::Task<base::Result<Excerpt>> read_excerpt(base::Hash256 name, std::uint64_t offset,
                                                         std::uint64_t length) = 0;
    // Puts a verified copy in the place of the one that is here, for all who refer to it, when that one is damaged.
    // False when the block is not here.
    virtual io::Task<base::Result<bool>> mend(Packed packed) = 0;
    virtual bool leased(const Owner& owner) const = 0;
    // References behind the key `after` to blocks that `filter` means; looks at about `limit` rows.
    virtual io::Task<base::Result<ReferencePage>> references(std::string after, std::size_t limit,
                                                             NameFilter filter) = 0;
    // Removes these references alone. Idempotent.
    virtual io::Task<base::Result<void>> release(std::vector<Reference> references) = 0;
    // Every block that is here, in an order of its own.
    virtual io::Task<base::Result<NamePage>> names(std::string after, std::size_t limit) = 0;
    // A few bytes that a background worker wants to find again after a restart; empty when there are none.
    virtual base::Result<std::string> recall(std::string worker) = 0;
    virtual io::Task<base::Result<void>> remember(std::string worker, std::string bytes) = 0;
};

// The key of a reference in pages: owner, name.
std::string reference_key(const Reference& reference);

}  // namespace larder::block
