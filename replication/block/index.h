// Where blocks lie and who references them: rows in the local store, in the shard that a block's name picks. A change
// once begun is made, and counted, even when its caller goes away. Engine thread.
#pragma once

#include "replication/block/index_rows.h"
#include "replication/block/local_blocks.h"
#include "src/io/task_group.h"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace larder::block {

using IndexEntry = rows::Entry;

struct DeadRecord {
    base::Hash256 name;
    Place place;
};

// A record that lies in a segment and asks to be indexed.
struct NewRecord {
    base::Hash256 name;
    Owner owner;
    std::uint32_t plain_bytes = 0;
    Place place;
};

// A data folder that has been seen by this store.
struct KnownFolder {
    std::uint16_t number = 0;
    FolderMark mark = 0;
    std::string path;  // where it was last
};

// Keeps a segment from being removed (Folder::pin) until the change that will name it is made.
using Pin = std::shared_ptr<const void>;

class Index {
 public:
    Index(io::Env& env, db::Db& db) : env_(env), db_(db), changing_(env.executor) {}

    // Reads the usage rows; first of all, once more after wipe(). A shard with a damaged one is lost.
    base::Result<void> load();

    base::Result<std::optional<IndexEntry>> find(const base::Hash256& name);
    // Records a new record with its first reference. When the block is there already the reference goes to that one
    // and the new record is dead; but one that lies at `damaged` is replaced, for all who refer to it. Returns the
    // entry in force.
    io::Task<base::Result<IndexEntry>> add(NewRecord record, std::optional<Place> damaged, Pin pin);
    // Adds a reference to a block that is here; false when it is not, or no longer where `expected` says.
    io::Task<base::Result<bool>> refer(base::Hash256 name, Owner owner, Place expected);
    // Adds references to all of them, one change per shard; false when one is not here (then some may be referenced).
    io::Task<base::Result<bool>> refer_all(std::vector<base::Hash256> names, Owner owner);
    // Whether the owner has a reference to the block.
    base::Result<bool> refers(const base::Hash256& name, const Owner& owner);
    // Removes these references alone; blocks left without any become dead. Idempotent.
    io::Task<base::Result<void>> release(std::vector<Reference> references);
    // References behind the key `after` to blocks that `filter` means; `rows` of each shard are looked at.
    io::Task<base::Result<ReferencePage>> references(std::string after, std::size_t rows, NameFilter filter);
    // Removes the owner's references; blocks left without any become dead. Idempotent.
    io::Task<base::Result<void>> drop(Owner owner);
    // A live record was copied: the entry moves if it still names the old place; else the copy is dead.
    io::Task<base::Result<void>> move(base::Hash256 name, Place from, Place to, Pin pin);

    // Dead records of a shard behind the given one, at most `limit`, in the order of places.
    base::Result<std::vector<DeadRecord>> dead(db::ShardId shard, std::optional<Place> after, std::size_t limit);
    io::Task<base::Result<void>> note_dead(std::vector<DeadRecord> records);
    io::Task<base::Result<void>> forget_dead(db::ShardId shard, std::vector<DeadRecord> records);
    // Where dead records of the segment end.
    base::Result<std::uint64_t> dead_end(rows::SegmentId segment);

    // What the entries name in a segment, and in all.
    rows::Usage usage(rows::SegmentId segment) const;
    rows::Usage total() const { return total_; }
    // Whether any entry names the folder.
    bool names_folder(std::uint16_t folder) const;
    // All entries of a shard after the name, at most `limit`. A damaged row ends the page with corrupted.
    io::Task<base::Result<std::vector<std::pair<base::Hash256, IndexEntry>>>> list(db::ShardId shard, std::string after,
                                                                                   std::size_t limit);

    db::ShardId shard_of(const base::Hash256& name) const { return name.bytes[0] % db_.shards(); }
    std::uint32_t shards() const { return db_.shards(); }

    // Shards whose rows are not known to be whole: the segments must be read to fill them. After load().
    base::Result<std::vector<db::ShardId>> lost_shards();
    io::Task<base::Result<void>> mark_whole(db::ShardId shard);
    // Removes all rows of a lost shard.
    io::Task<base::Result<void>> wipe(db::ShardId shard);
    // Fills a lost shard: as add() does, but many at once.
    io::Task<base::Result<void>> restore(db::ShardId shard, std::vector<NewRecord> records);

    // What a background worker keeps.
    base::Result<std::string> recall(const std::string& worker);
    io::Task<base::Result<void>> remember(std::string worker, std::string bytes);

    base::Result<std::vector<KnownFolder>> known_folders();
    io::Task<base::Result<void>> know_folder(KnownFolder folder);

 private:
    using Change = std::function<base::Result<void>(rows::Edit&, db::Writer&)>;
    using Outcome = base::Result<void>;
    io::Task<Outcome> change(db::ShardId shard, Change change);
    io::Task<void> make_change(db::ShardId shard, Change change, io::Promise<Outcome> done);
    void count(const rows::Usages& changes);
    void notice(const base::Error& error, db::ShardId shard);
    io::Task<void> lose(db::ShardId shard);

    io::Env& env_;
    db::Db& db_;
    rows::Usages usage_;
    rows::Usage total_;
    std::set<db::ShardId> uncounted_;  // with a damaged usage row
    std::set<db::ShardId> noticed_;    // with a damaged row that was reported
    io::TaskGroup changing_;
};

}  // namespace larder::block
