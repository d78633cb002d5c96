// The rows of a node in its local store. Trees 1 (rows), 2 (bodies) and 3 (low bounds) of db.
#pragma once

#include "replication/table/replica.h"
#include "src/db/db.h"

#include <functional>

namespace larder::table {

// Runs inside the local transaction of every change of a row of its table, on a committing thread: also of one that was
// begun before the store went.
using CommitHook = std::function<base::Result<void>(db::Writer&, const RowTransition&)>;

class DbRowStore final : public RowStore {
 public:
    explicit DbRowStore(db::Db& db) : db_(db) {}
    DbRowStore(const DbRowStore&) = delete;
    DbRowStore& operator=(const DbRowStore&) = delete;

    // At start-up, before any change.
    void add_hook(TableId table, CommitHook hook) {
        auto& hooks = hooks_[table];
        if (!hooks) hooks = std::make_shared<std::vector<CommitHook>>();
        hooks->push_back(std::move(hook));
    }
    // Called on the engine thread after a change of the table is durable: for each row in the order of its changes, and
    // also when who asked for the change does not wait any more.
    using Observer = std::function<void(const RowKey& key, const StoredRow& after)>;
    void observe(TableId table, Observer observer) { observers_[table].push_back(std::move(observer)); }

    // Deleted rows among the first `most` of a shard from a place on. A look at that shard.
    struct Tombstones {
        std::vector<std::pair<TableId, RowKey>> rows;
        bool more = false;
        std::string next;  // where to go on
    };
    static base::Result<void> find_tombstones(db::Reader& reader, const std::string& from, std::size_t most,
                                              Tombstones& out);

    db::ShardId shard_of(quorum::Partition partition) const { return partition % db_.shards(); }

    io::Task<base::Result<void>> apply(TableId table, quorum::Partition partition, RowChange change) override;
    base::Result<std::optional<StoredRow>> get(TableId table, quorum::Partition partition, const RowKey& key) override;
    base::Result<std::string> body(TableId table, quorum::Partition partition, const StoredRow& row) override;
    base::Result<base::Tag> low(quorum::Partition partition) override;
    base::Result<void> scan(TableId table, quorum::Partition partition, const std::string& partition_key,
                            std::string from, std::size_t row_bytes, RowVisit visit) override;
    base::Result<void> scan_slice(const Slice& slice, std::string from, SliceVisit visit) override;
    // Hooks see a row with a value as one that has none any more; observers see nothing.
    io::Task<base::Result<bool>> wipe(Slice slice, std::size_t most) override;
    std::uint64_t changes(quorum::Partition partition) const override {
        const auto found = changes_.find(partition);
        return found == changes_.end() ? 0 : found->second;
    }

 private:
    struct Changed {
        RowKey key;
        StoredRow row;
    };
    void tell(TableId table, quorum::Partition partition, const std::vector<Changed>& changed);

    db::Db& db_;
    std::shared_ptr<DbRowStore*> here_ = std::make_shared<DbRowStore*>(this);  // for what follows from its changes
    std::map<TableId, std::shared_ptr<std::vector<CommitHook>>> hooks_;        // changes under way have them too
    std::map<TableId, std::vector<Observer>> observers_;
    // Bounds are read with every row and change rarely.
    std::unordered_map<quorum::Partition, base::Tag> low_cache_;
    std::unordered_map<quorum::Partition, std::uint64_t> changes_;
};

}  // namespace larder::table
