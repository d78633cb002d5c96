#include "replication/table/db_row_store.h"

namespace larder::table {

using base::Result;
using base::Tag;

namespace {

constexpr db::TreeId kRows = 1;
constexpr db::TreeId kBodies = 2;
constexpr db::TreeId kLows = 3;

std::string low_place(quorum::Partition partition) {
    codec::Writer out;
    return out.u32(partition).take();
}

Result<Tag> low_of(const Result<std::optional<std::string>>& stored) {
    if (!stored) return base::fail(stored.error());
    if (!*stored) return Tag{};
    const auto tag = Tag::decode(**stored);
    if (!tag) return base::fail(base::Code::corrupted, base::Subject::row, "a low bound has malformed bytes");
    return *tag;
}

template <typename Row>
Row damaged_row() {
    Row row;
    row.damaged = true;
    return row;
}

// What a change of rows does to the trees.
template <typename Changed>
class DbRowAccess final : public RowAccess {
 public:
    DbRowAccess(db::Writer& writer, TableId table, quorum::Partition partition, const std::vector<CommitHook>* hooks,
                std::vector<Changed>* changed)
        : writer_(writer), table_(table), partition_(partition), hooks_(hooks), changed_(changed) {}

    Result<std::optional<StoredRow>> get(const RowKey& key) override {
        // A row is judged, then replaced: it is read once.
        if (seen_ && seen_->key == key) return seen_->row;
        TRY(auto row, read(key));
        seen_ = Seen{key, row};
        return row;
    }

    Result<std::optional<StoredRow>> read(const RowKey& key) {
        const auto bytes = writer_.get(kRows, row_place(table_, key));
        if (!bytes && bytes.error().code != base::Code::corrupted) return base::fail(bytes.error());
        if (!bytes) return damaged_row<StoredRow>();
        if (!*bytes) return std::nullopt;
        return decode_row(**bytes).value_or(damaged_row<StoredRow>());
    }

    Result<std::string> body(const StoredRow& row) override {
        TRY(auto bytes, writer_.get(kBodies, body_place(table_, row.version, row.body_mark)));
        if (bytes) return std::move(*bytes);
        return base::fail(base::Code::corrupted, base::Subject::row, "the body of a row is missing");
    }

    Result<void> put(const RowKey& key, const StoredRow& row, std::string_view body) override {
        TRY(auto before, get(key));
        seen_.reset();
        if (before && before->damaged) before.reset();
        const bool same_body =
            before && before->body_size > 0 && before->version == row.version && before->body_mark == row.body_mark;
        if (before && before->body_size > 0 && !same_body) {
            TRY_VOID(writer_.erase(kBodies, body_place(table_, before->version, before->body_mark)));
        }
        if (row.body_size > 0 && !same_body)
            TRY_VOID(writer_.put(kBodies, body_place(table_, row.version, row.body_mark), body));
        TRY_VOID(writer_.put(kRows, row_place(table_, key), encode_row(row)));
        const bool same_value = before ? before->version == row.version : row.version.is_zero();
        if (same_value) return {};
        for (std::size_t i = 0; hooks_ != nullptr && i < hooks_->size(); ++i) {
            TRY_VOID((*hooks_)[i](writer_, RowTransition{key, before, row}));
        }
        changed_->push_back({key, row});
        return {};
    }

    Result<void> erase(const RowKey& key) override {
        seen_.reset();
        return writer_.erase(kRows, row_place(table_, key));
    }

    Result<Tag> low() override { return low_of(writer_.get(kLows, low_place(partition_))); }

    Result<void> raise_low(Tag low) override { return writer_.put(kLows, low_place(partition_), low.encode()); }

 private:
    struct Seen {
        RowKey key;
        std::optional<StoredRow> row;
    };
    std::optional<Seen> seen_;  // the row read last, unless it was changed since
    db::Writer& writer_;
    TableId table_;
    quorum::Partition partition_;
    const std::vector<CommitHook>* hooks_;  // null: none
    std::vector<Changed>* changed_;
};

}  // namespace

Result<void> DbRowStore::find_tombstones(db::Reader& reader, const std::string& from, std::size_t most,
                                         Tombstones& out) {
    TRY(const auto cursor, reader.cursor(kRows));
    auto moved = cursor->seek(from);
    for (std::string passed; cursor->valid(); moved = cursor->next()) {
        // The key of a damaged row is there; a cursor that does not get on stands in a damaged tree.
        if (!moved && (moved.error().code != base::Code::corrupted || cursor->key() == passed)) return moved;
        passed.assign(cursor->key());
        out.next = passed + '\0';
        if (most-- == 0) {
            out.next = passed;
            out.more = true;
            return {};
        }
        const auto row = moved ? decode_row_front(cursor->value(), 0) : damaged_row<RowView>();
        if (!row || !row->tombstone) continue;
        if (const auto place = read_place(passed)) out.rows.emplace_back(place->table, place->key());
    }
    return moved;
}

io::Task<Result<void>> DbRowStore::apply(TableId table, quorum::Partition partition, RowChange change) {
    const auto found = hooks_.find(table);
    const auto hooks = found == hooks_.end() ? nullptr : found->second;
    auto changed = std::make_shared<std::vector<Changed>>();
    auto commit = [=, change = std::move(change)](db::Writer& writer) mutable {
        DbRowAccess<Changed> rows(writer, table, partition, hooks.get(), changed.get());
        return change(rows);
    };
    return db_.commit(shard_of(partition), std::move(commit), [here = std::weak_ptr(here_), table, partition, changed] {
        if (const auto store = here.lock()) (*store)->tell(table, partition, *changed);
    });
}

void DbRowStore::tell(TableId table, quorum::Partition partition, const std::vector<Changed>& changed) {
    low_cache_.erase(partition);
    ++changes_[partition];
    const auto observers = observers_.find(table);
    if (observers == observers_.end()) return;
    for (const auto& item : changed) {
        for (const auto& observer : observers->second) observer(item.key, item.row);
    }
}

Result<std::optional<StoredRow>> DbRowStore::get(TableId table, quorum::Partition partition, const RowKey& key) {
    TRY(const auto bytes, db_.get(shard_of(partition), kRows, row_place(table, key)));
    if (!bytes) return std::nullopt;
    TRY(auto row, decode_row(*bytes));
    return row;
}

Result<std::string> DbRowStore::body(TableId table, quorum::Partition partition, const StoredRow& row) {
    TRY(auto bytes, db_.get(shard_of(partition), kBodies, body_place(table, row.version, row.body_mark)));
    if (bytes) return std::move(*bytes);
    return base::fail(base::Code::corrupted, base::Subject::row, "the body of a row is missing");
}

Result<Tag> DbRowStore::low(quorum::Partition partition) {
    if (const auto known = low_cache_.find(partition); known != low_cache_.end()) return known->second;
    TRY(const auto low, low_of(db_.get(shard_of(partition), kLows, low_place(partition))));
    low_cache_[partition] = low;
    return low;
}

namespace {

// Steps over the partition keys that are not of the slice.
Result<void> walk_slice(db::Reader& reader, const Slice& slice, std::string from, const SliceVisit& visit) {
    TRY(const auto cursor, reader.cursor(kRows));
    auto moved = cursor->seek(from);
    for (std::string passed, beginning;;) {
        // The key of a damaged row is there; a cursor that does not get on stands in a damaged tree.
        const bool stuck = !cursor->valid() || (!passed.empty() && cursor->key() == passed);
        if (!moved && (stuck || moved.error().code != base::Code::corrupted)) return moved;
        if (!cursor->valid()) return {};
        passed.assign(cursor->key());
        const auto place = read_place(passed);
        if (!place) return base::fail(base::Code::corrupted, base::Subject::row, "a row has a malformed key");
        if (!slice.has(place->table, place->partition_key)) {
            beginning = after_prefix(row_place(place->table, place->partition_key, {}));
            if (beginning.empty()) return {};
            moved = cursor->seek(beginning);
            continue;
        }
        const auto damaged = damaged_row<RowView>();
        const auto row = moved ? decode_row_front(cursor->value(), SIZE_MAX).value_or(damaged) : damaged;
        TRY(const auto more, visit(passed, row));
        if (!more) return {};
        moved = cursor->next();
    }
}

}  // namespace

Result<void> DbRowStore::scan_slice(const Slice& slice, std::string from, SliceVisit visit) {
    return db_.look(shard_of(slice.partition),
                    [&](db::Reader& reader) { return walk_slice(reader, slice, std::move(from), visit); });
}

io::Task<Result<bool>> DbRowStore::wipe(Slice slice, std::size_t most) {
    auto all = std::make_shared<bool>(true);
    const auto shard = shard_of(slice.partition);
    const auto partition = slice.partition;
    auto hooks = hooks_;
    CO_TRY_VOID(co_await db_.commit(shard, [=, slice = std::move(slice)](db::Writer& writer) -> Result<void> {
        std::vector<std::pair<std::string, StoredRow>> rows;
        TRY_VOID(walk_slice(writer, slice, {}, [&](std::string_view place, const RowView& row) -> Result<bool> {
            if (rows.size() == most) *all = false;
            if (rows.size() < most) rows.emplace_back(place, owned(row));
            return *all;
        }));
        for (const auto& [place, row] : rows) {
            const auto at = read_place(place);
            if (row.body_size > 0) {
                TRY_VOID(writer.erase(kBodies, body_place(at->table, row.version, row.body_mark)));
            }
            TRY_VOID(writer.erase(kRows, place));
            const auto found = hooks.find(at->table);
            if (found == hooks.end() || !row.has_value()) continue;
            const std::optional<StoredRow> before = row;
            const StoredRow after;
            for (const auto& hook : *found->second) TRY_VOID(hook(writer, RowTransition{at->key(), before, after}));
        }
        return {};
    }));
    ++changes_[partition];
    co_return *all;
}

Result<void> DbRowStore::scan(TableId table, quorum::Partition partition, const std::string& partition_key,
                              std::string from, std::size_t row_bytes, RowVisit visit) {
    return db_.look(shard_of(partition), [&](db::Reader& reader) -> Result<void> {
        const auto prefix = row_place(table, partition_key, {});
        TRY(const auto cursor, reader.cursor(kRows));
        auto moved = cursor->seek(prefix + from);
        for (std::string passed;;) {
            // The key of a damaged row is there; a cursor that does not get on stands in a damaged tree.
            const bool stuck = !cursor->valid() || cursor->key() == passed;
            if (!moved && (stuck || moved.error().code != base::Code::corrupted)) return moved;
            if (!cursor->valid() || !cursor->key().starts_with(prefix)) return {};
            passed.assign(cursor->key());
            const auto damaged = damaged_row<RowView>();
            const auto row = moved ? decode_row_front(cursor->value(), row_bytes).value_or(damaged) : damaged;
            TRY(const auto step, visit(std::string_view(passed).substr(prefix.size()), row));
            if (step.stop || (step.seek && step.seek->empty())) return {};
            moved = step.seek ? cursor->seek(prefix + *step.seek) : cursor->next();
        }
    });
}

}  // namespace larder::table
