// Where a replica keeps its rows. Two makers: over db (the product), and in memory with a durable half (the simulator).
#pragma once

#include "replication/quorum/placement.h"
#include "replication/table/stored_row.h"

#include <functional>
#include <optional>
#include <string>

namespace larder::table {

// The rows of one table and partition inside one atomic change.
class RowAccess {
 public:
    virtual ~RowAccess() = default;
    // A row that cannot be read comes as a damaged one.
    virtual base::Result<std::optional<StoredRow>> get(const RowKey& key) = 0;
    virtual base::Result<std::string> body(const StoredRow& row) = 0;
    // `body` is written when the version is new here; the body of a version that goes is erased with it.
    virtual base::Result<void> put(const RowKey& key, const StoredRow& row, std::string_view body) = 0;
    virtual base::Result<void> erase(const RowKey& key) = 0;
    virtual base::Result<base::Tag> low() = 0;
    virtual base::Result<void> raise_low(base::Tag low) = 0;
};

using RowChange = std::move_only_function<base::Result<void>(RowAccess&)>;

// Sees rows in order: return false to stop, or a sort key to go on from (greater than the present one).
struct ScanStep {
    bool stop = false;
    std::optional<std::string> seek;
};
// What is shown is valid during the call.
using RowVisit = std::function<base::Result<ScanStep>(std::string_view sort_key, const RowView& row)>;

// Rows of one partition: those of some tables, told by the key.
struct Slice {
    quorum::Partition partition = 0;
    std::function<bool(TableId, std::string_view partition_key)> has;
};
// Sees rows of a slice in the order of their places; `place` is valid during the call. False: stop.
using SliceVisit = std::function<base::Result<bool>(std::string_view place, const RowView& row)>;

class RowStore {
 public:
    virtual ~RowStore() = default;
    // Applies `change` atomically and durably. The change may outlive the caller.
    virtual io::Task<base::Result<void>> apply(TableId table, quorum::Partition partition, RowChange change) = 0;
    // The committed state. corrupted/row when it cannot be read.
    virtual base::Result<std::optional<StoredRow>> get(TableId table, quorum::Partition partition,
                                                       const RowKey& key) = 0;
    virtual base::Result<std::string> body(TableId table, quorum::Partition partition, const StoredRow& row) = 0;
    virtual base::Result<base::Tag> low(quorum::Partition partition) = 0;
    // From `from` (inclusive) upwards within one partition key, rows cut to `row_bytes`. Damaged ones come as such.
    virtual base::Result<void> scan(TableId table, quorum::Partition partition, const std::string& partition_key,
                                    std::string from, std::size_t row_bytes, RowVisit visit) = 0;
    // The rows of a slice from the place `from` (inclusive) upwards. Damaged ones come as such.
    virtual base::Result<void> scan_slice(const Slice& slice, std::string from, SliceVisit visit) = 0;
    // Erases at most `most` rows of a slice, with their bodies; the bound of the partition stays. True: none is left.
    virtual io::Task<base::Result<bool>> wipe(Slice slice, std::size_t most) = 0;
    // Rises with every change in the partition since the start.
    virtual std::uint64_t changes(quorum::Partition partition) const = 0;
};

}  // namespace larder::table
