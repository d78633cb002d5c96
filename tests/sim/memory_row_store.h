// A replica's rows in memory. A change becomes durable, and is answered, after a while; a crash before that loses it
// whole.
#pragma once

#include "replication/table/row_store.h"
#include "tests/sim/world.h"

#include <map>

namespace larder::sim {

// What survives a crash.
struct DurableRows {
    struct Cell {
        table::StoredRow row;
    };
    std::map<std::string, Cell> rows;
    std::map<std::string, std::string> bodies;
    std::map<quorum::Partition, base::Tag> lows;
};

class MemoryRowStore final : public table::RowStore {
 public:
    MemoryRowStore(World& world, io::Env& env, DurableRows& durable) : world_(world), env_(env), durable_(durable) {}

    io::Task<base::Result<void>> apply(table::TableId table, quorum::Partition partition,
                                       table::RowChange change) override;
    base::Result<std::optional<table::StoredRow>> get(table::TableId table, quorum::Partition partition,
                                                      const table::RowKey& key) override;
    base::Result<std::string> body(table::TableId table, quorum::Partition partition,
                                   const table::StoredRow& row) override;
    base::Result<base::Tag> low(quorum::Partition partition) override;
    base::Result<void> scan(table::TableId table, quorum::Partition partition, const std::string& partition_key,
                            std::string from, std::size_t row_bytes, table::RowVisit visit) override;
    base::Result<void> scan_slice(const table::Slice& slice, std::string from, table::SliceVisit visit) override;
    io::Task<base::Result<bool>> wipe(table::Slice slice, std::size_t most) override;
    std::uint64_t changes(quorum::Partition) const override { return changes_; }

 private:
    World& world_;
    io::Env& env_;
    DurableRows& durable_;
    std::uint64_t changes_ = 0;
};

}  // namespace larder::sim
