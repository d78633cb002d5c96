// Deleted rows are dropped once every replica holds the deletion (docs/protocol.md, "Collection").
#include "replication/local_engine.h"
#include "src/base/log.h"

namespace larder::engine {

namespace {

constexpr auto kPause = std::chrono::seconds(1);
constexpr std::size_t kAtOnce = 128;
constexpr int kRest = 3;  // times as long as the last ones took: clients come first
// Until one that could not be dropped is looked at again, or one that another replica is to drop.
constexpr auto kAgain = std::chrono::seconds(60);
constexpr std::size_t kKeptMax = 200'000;  // more are found again by looking through the rows
constexpr std::size_t kRowsAtOnce = 4096;

// Tables whose deleted rows are dropped.
constexpr table::TableId kCollected[] = {model::kObjects, model::kUploads, model::kParts,
                                         model::kIntents, model::kPages,   model::kMoves};

}  // namespace

table::Coordinator& LocalEngine::table_of(table::TableId table) {
    switch (table) {
        case model::kParts:
            return *part_rows_;
        case model::kUploads:
            return *upload_rows_;
        case model::kPages:
            return *page_rows_;
        case model::kIntents:
            return *intent_rows_;
        case model::kMoves:
            return *move_rows_;
        default:
            return *object_table_;
    }
}

void LocalEngine::note_tombstone(table::TableId table, table::RowKey key) {
    if (tombstones_.size() < kKeptMax) {
        tombstones_.emplace_back(table, std::move(key));
    } else {
        tombstones_missed_ = true;
    }
}

// One replica drops a row for all: the first that is there. Nobody can while one of them is away.
LocalEngine::Collecting LocalEngine::collecting(table::TableId table, const table::RowKey& key) {
    if (members_->alone()) return Collecting::now;
    const auto& placement = members_->placement();
    const auto partition = placement.partition_of(key.partition_key);
    const auto set = table == model::kMoves ? placement.everywhere() : placement.replicas(partition);
    const bool here = set->has(self());
    const auto row = here ? rows_->get(table, partition, key) : Result<std::optional<table::StoredRow>>(std::nullopt);
    if (here && row && (!*row || (*row)->has_value())) return Collecting::never;
    if (std::ranges::any_of(set->nodes, [this](auto node) { return members_->is_away(node); }))
        return Collecting::later;
    return !here || set->nodes.front() == self() ? Collecting::now : Collecting::later;
}

Task<void> LocalEngine::collect_one(table::TableId table, table::RowKey key) {
    const auto done = co_await table_of(table).collect(key);
    if (!members_->alone() && !(done && *done)) collect_later(table, std::move(key));
}

void LocalEngine::collect_later(table::TableId table, table::RowKey key) {
    if (later_.size() < kKeptMax) {
        later_.push_back({env_.clock.after(kAgain), table, std::move(key)});
    } else {
        tombstones_missed_ = true;
    }
}

bool LocalEngine::somebody_is_away() const {
    return std::ranges::any_of(members_->all(), [this](auto node) { return members_->is_away(node); });
}

Task<void> LocalEngine::collect_tombstones() {
    co_await find_tombstones();
    for (;;) {
        co_await env_.clock.sleep_for(kPause);
        while (!later_.empty() && later_.front().when <= env_.clock.now() && !somebody_is_away()) {
            note_tombstone(later_.front().table, std::move(later_.front().key));
            later_.pop_front();
        }
        if (tombstones_.empty() && later_.empty() && std::exchange(tombstones_missed_, false)) {
            co_await find_tombstones();
        }
        while (!tombstones_.empty()) {
            const auto began = env_.clock.now();
            io::TaskGroup group(env_.executor);
            for (std::size_t n = 0; n < kAtOnce && !tombstones_.empty(); ++n) {
                auto [table, key] = std::move(tombstones_.front());
                tombstones_.pop_front();
                const auto when = collecting(table, key);
                if (when == Collecting::now) group.spawn(collect_one(table, std::move(key)));
                if (when == Collecting::later) collect_later(table, std::move(key));
            }
            co_await group.join();
            co_await env_.clock.sleep_for(kRest * (env_.clock.now() - began));
        }
    }
}

// Those that were there before this start, or did not fit: nothing is written down about a deletion but the row itself.
Task<void> LocalEngine::find_tombstones() {
    for (db::ShardId shard = 0; shard < db_->shards(); ++shard) {
        for (std::string from;;) {
            auto found = std::make_shared<table::DbRowStore::Tombstones>();
            const auto looked = co_await db_->look_later(shard, [found, from](db::Reader& reader) {
                return table::DbRowStore::find_tombstones(reader, from, kRowsAtOnce, *found);
            });
            if (!looked) {
                base::log::warning("deleted rows could not be looked for", {{"reason", looked.error().message}});
                break;
            }
            for (auto& [table, key] : found->rows) {
                if (std::ranges::find(kCollected, table) != std::end(kCollected)) note_tombstone(table, std::move(key));
            }
            if (!found->more) break;
            from = std::move(found->next);
            co_await env_.clock.sleep_for(std::chrono::milliseconds(20));
        }
    }
}

}  // namespace larder::engine
