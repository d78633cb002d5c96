#include "tests/sim/memory_row_store.h"

namespace larder::sim {

using base::Result;

namespace {

constexpr std::uint64_t kSyncNs = 500'000;

class Access final : public table::RowAccess {
 public:
    Access(DurableRows& rows, table::TableId table, quorum::Partition partition)
        : rows_(rows), table_(table), partition_(partition) {}

    Result<std::optional<table::StoredRow>> get(const table::RowKey& key) override {
        const auto found = rows_.rows.find(table::row_place(table_, key));
        if (found == rows_.rows.end()) return std::nullopt;
        return found->second.row;
    }
    Result<std::string> body(const table::StoredRow& row) override {
        if (row.body_size == 0) return std::string();
        const auto found = rows_.bodies.find(table::body_place(table_, row.version, row.body_mark));
        if (found != rows_.bodies.end()) return found->second;
        return base::fail(base::Code::corrupted, base::Subject::row, "the body of a row is missing");
    }
    Result<void> put(const table::RowKey& key, const table::StoredRow& row, std::string_view body) override {
        auto& held = rows_.rows[table::row_place(table_, key)].row;
        if (held.version != row.version || held.body_mark != row.body_mark) {
            if (held.body_size > 0) rows_.bodies.erase(table::body_place(table_, held.version, held.body_mark));
            if (row.body_size > 0) rows_.bodies[table::body_place(table_, row.version, row.body_mark)] = body;
        }
        held = row;
        return {};
    }
    Result<void> erase(const table::RowKey& key) override {
        rows_.rows.erase(table::row_place(table_, key));
        return {};
    }
    Result<base::Tag> low() override { return rows_.lows[partition_]; }
    Result<void> raise_low(base::Tag low) override {
        rows_.lows[partition_] = low;
        return {};
    }

 private:
    DurableRows& rows_;
    table::TableId table_;
    quorum::Partition partition_;
};

}  // namespace

io::Task<Result<void>> MemoryRowStore::apply(table::TableId table, quorum::Partition partition,
                                             table::RowChange change) {
    co_await env_.clock.sleep_for(base::Duration(static_cast<std::int64_t>(world_.dice.below(kSyncNs))));
    Access access(durable_, table, partition);
    auto done = change(access);
    ++changes_;
    // Durable; the answer may still be lost.
    co_await env_.clock.sleep_for(base::Duration(static_cast<std::int64_t>(world_.dice.below(kSyncNs))));
    co_return done;
}

Result<void> MemoryRowStore::scan_slice(const table::Slice& slice, std::string from, table::SliceVisit visit) {
    for (auto it = durable_.rows.lower_bound(from); it != durable_.rows.end(); ++it) {
        const auto place = table::read_place(it->first);
        if (!slice.has(place->table, place->partition_key)) continue;
        TRY(const auto more, visit(it->first, table::view_of(it->second.row)));
        if (!more) return {};
    }
    return {};
}

io::Task<Result<bool>> MemoryRowStore::wipe(table::Slice slice, std::size_t most) {
    co_await env_.clock.sleep_for(base::Duration(static_cast<std::int64_t>(world_.dice.below(kSyncNs))));
    ++changes_;
    for (auto it = durable_.rows.begin(); it != durable_.rows.end();) {
        const auto place = table::read_place(it->first);
        if (!slice.has(place->table, place->partition_key)) {
            ++it;
            continue;
        }
        if (most-- == 0) co_return false;
        const auto& row = it->second.row;
        durable_.bodies.erase(table::body_place(place->table, row.version, row.body_mark));
        it = durable_.rows.erase(it);
    }
    co_return true;
}

Result<std::optional<table::StoredRow>> MemoryRowStore::get(table::TableId table, quorum::Partition partition,
                                                            const table::RowKey& key) {
    return Access(durable_, table, partition).get(key);
}

Result<std::string> MemoryRowStore::body(table::TableId table, quorum::Partition partition,
                                         const table::StoredRow& row) {
    return Access(durable_, table, partition).body(row);
}

Result<base::Tag> MemoryRowStore::low(quorum::Partition partition) {
    return durable_.lows[partition];
}

Result<void> MemoryRowStore::scan(table::TableId table, quorum::Partition, const std::string& partition_key,
                                  std::string from, std::size_t row_bytes, table::RowVisit visit) {
    const auto prefix = table::row_place(table, partition_key, {});
    for (auto it = durable_.rows.lower_bound(prefix + from);
         it != durable_.rows.end() && it->first.starts_with(prefix);) {
        auto row = table::view_of(it->second.row);
        row.row = row.row.substr(0, row_bytes);
        TRY(const auto step, visit(std::string_view(it->first).substr(prefix.size()), row));
        if (step.stop || (step.seek && step.seek->empty())) return {};
        it = step.seek ? durable_.rows.lower_bound(prefix + *step.seek) : std::next(it);
    }
    return {};
}

}  // namespace larder::sim
