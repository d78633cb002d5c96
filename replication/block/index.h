// Where blocks lie and who references them: rows in the local store. Trees 32 (places), 33 (owners), 34 (dead records)
// and 35 (marks). A block's rows lie in the shard that its name picks.
#pragma once

#include "replication/block/record.h"
#include "src/db/db.h"

#include <optional>
#include <vector>

namespace larder::block {

struct Place {
    std::uint16_t folder = 0;
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;  // of the whole record
    auto operator<=>(const Place&) const = default;
};

struct IndexEntry {
    Place place;
    std::uint32_t plain_bytes = 0;
    std::uint64_t references = 0;
};

struct DeadRecord {
    Place place;
    base::Hash256 name;
};

class Index {
 public:
    explicit Index(db::Db& db) : db_(db) {}

    base::Result<std::optional<IndexEntry>> find(const base::Hash256& name);
    // Records a new record with its first reference. When the block is there already the reference goes to that one and
    // the new record is dead. Returns the entry in force.
    // One that lies at `damaged` is replaced, for all who refer to it.
    io::Task<base::Result<IndexEntry>> add(RecordHeader header, Place place, std::optional<Place> damaged = {});
    // Adds a reference to a block that is here; false when it is not (or no longer where `expected` says).
    io::Task<base::Result<bool>> refer(base::Hash256 name, Owner owner, std::optional<Place> expected);
    struct Totals {
        std::uint64_t blocks = 0;
        std::uint64_t stored_bytes = 0;
    };
    // Removes the owner's references; blocks left without any become dead: these are returned.
    io::Task<base::Result<Totals>> drop(Owner owner);
    // Notes a record that no index entry names.
    io::Task<base::Result<void>> add_dead(base::Hash256 name, Place place);
    io::Task<base::Result<void>> forget_dead(DeadRecord record);
    // A live record was copied: the entry moves if it still names the old place. False otherwise.
    io::Task<base::Result<bool>> move(base::Hash256 name, Place from, Place to);

    // At most `limit` dead records of each shard.
    base::Result<std::vector<DeadRecord>> dead(std::size_t limit);
    io::Task<base::Result<Totals>> totals();
    // All names of a shard after `after`, at most `limit`.
    io::Task<base::Result<std::vector<std::pair<base::Hash256, IndexEntry>>>> list(db::ShardId shard, std::string after,
                                                                                   std::size_t limit);
    std::uint32_t shards() const { return db_.shards(); }

    // Whether this store's index was made together with its segments.
    base::Result<bool> complete();
    io::Task<base::Result<void>> mark_complete();

 private:
    db::ShardId shard_of(const base::Hash256& name) const { return name.bytes[0] % db_.shards(); }

    db::Db& db_;
};

}  // namespace larder::block
