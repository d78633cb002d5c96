// What goes on behind: content that no row names any more, writes that a crash left half done, tombstones, audits.
#include "replication/piece_reader.h"
#include "src/base/log.h"

namespace larder::engine {

namespace {

constexpr auto kGarbagePause = std::chrono::milliseconds(200);  // lets deletions of one moment gather
constexpr auto kRetryPause = std::chrono::seconds(1);
constexpr auto kReclaimTime = std::chrono::seconds(5);
constexpr auto kTombstonePause = std::chrono::seconds(1);
constexpr std::size_t kTombstonesAtOnce = 128;
constexpr int kTombstoneRest = 3;  // times as long as the last ones took: clients come first
constexpr std::size_t kGarbageAtOnce = 64;

// Whether it stands for the end of an upload, not for content.
bool is_end(const model::Intent& intent) {
    return !intent.upload.is_zero() && intent.part == 0;
}

}  // namespace

// Drops the references and pages of an owner; waits out readers.
Task<Result<void>> LocalEngine::drop_owner(model::Owner owner) {
    CO_TRY_VOID(co_await blocks_->drop_references(owner));
    std::vector<table::RowKey> pages;
    CO_TRY_VOID(co_await collect_rows(
        std::string(owner.view()),
        [&](table::RangeEntry& entry) { pages.push_back({std::string(owner.view()), std::string(entry.sort_key)}); },
        *page_rows_));
    for (const auto& page : pages) {
        CO_TRY_VOID(co_await page_rows_->write(page, std::nullopt));
        tombstones_.emplace_back(model::kPages, page);
    }
    co_return Result<void>();
}

Task<void> LocalEngine::drop_later(model::Owner owner) {
    for (;;) {
        const auto dropped = co_await drop_owner(owner);
        if (dropped) break;
        if (dropped.error().code != Code::conflict) {
            base::log::warning("content no longer needed could not be given up; it is tried again",
                               {{"reason", dropped.error().message}});
        }
        co_await env_.clock.sleep_for(kRetryPause);
    }
    co_await forget_intent(owner);
    if (garbage_wake_) garbage_wake_->set(io::Done{});
}

Task<void> LocalEngine::collect_garbage() {
    for (;;) {
        // Made before looking, so that what becomes garbage meanwhile wakes the next round.
        garbage_wake_.emplace(env_.executor);
        auto more = co_await collect_some();
        if (const auto names = co_await settle_lost_names(); more && !(names && !*names)) more = names;
        if (!more) {
            base::log::warning("collecting garbage failed; it is tried again", {{"reason", more.error().message}});
            co_await env_.clock.sleep_for(kRetryPause);
            continue;
        }
        if (*more) continue;
        (void)co_await blocks_->reclaim(env_.clock.after(kReclaimTime));
        co_await garbage_wake_->future();
        co_await env_.clock.sleep_for(kGarbagePause);
    }
}

// One round over the garbage rows of every shard; true when there may be more at once.
Task<Result<bool>> LocalEngine::collect_some() {
    bool more = false;
    bool held = false;
    for (db::ShardId shard = 0; shard < db_->shards(); ++shard) {
        std::vector<std::pair<std::string, std::string>> rows;
        CO_TRY_VOID(db_->look(shard, [&](db::Reader& reader) -> Result<void> {
            TRY(const auto cursor, reader.cursor(kGarbageTree));
            TRY_VOID(cursor->seek({}));
            while (cursor->valid() && rows.size() < kGarbageAtOnce) {
                rows.emplace_back(cursor->key(), cursor->value());
                TRY_VOID(cursor->next());
            }
            return {};
        }));
        more = more || rows.size() == kGarbageAtOnce;
        for (const auto& [key, owners] : rows) {
            bool gone = true;
            for (std::size_t at = 0; at + model::Owner::kSize <= owners.size(); at += model::Owner::kSize) {
                const auto owner = model::Owner::from(std::string_view(owners).substr(at, model::Owner::kSize));
                const auto dropped = co_await drop_owner(*owner);
                if (!dropped && dropped.error().code != Code::conflict) co_return fail(dropped.error());
                gone = gone && dropped.has_value();
            }
            held = held || !gone;
            if (!gone) continue;
            CO_TRY_VOID(co_await db_->commit(shard, [key](db::Writer& w) { return w.erase(kGarbageTree, key); }));
        }
    }
    if (held) {
        // A reader holds some of it: look again when it may be done.
        co_await env_.clock.sleep_for(kRetryPause);
        co_return true;
    }
    co_return more;
}

// Writes of earlier boots that never ended: their node is this one, so they are dead for certain.
Task<Result<void>> LocalEngine::finish_intents() {
    std::vector<std::pair<model::Owner, model::Intent>> dead;
    CO_TRY_VOID(co_await collect_rows(
        model::intents_of(tags_->node()),
        [&](table::RangeEntry& entry) {
            const auto owner = model::Owner::from(entry.sort_key);
            const auto intent = model::decode_intent(entry.row);
            if (owner && intent && intent->boot != boot_) dead.emplace_back(*owner, *intent);
        },
        *intent_rows_));
    // Ends of uploads first: parts are judged by them.
    std::partition(dead.begin(), dead.end(), [](const auto& entry) { return is_end(entry.second); });
    for (const auto& [owner, intent] : dead) {
        // One that cannot be finished keeps its content, and no node from starting.
        if (const auto done = co_await finish_intent(owner, intent); !done) {
            base::log::warning(
                "a write cut off by the last stop could not be cleaned up; it is tried again at the next start",
                {{"reason", done.error().message}});
            continue;
        }
        co_await forget_intent(owner);
    }
    co_return Result<void>();
}

Task<Result<void>> LocalEngine::finish_intent(model::Owner owner, model::Intent intent) {
    if (is_end(intent)) {
        const auto settled = co_await settle_upload(intent.bucket, intent.key, intent.upload);
        if (!settled && settled.error().code != Code::not_found) co_return settled;
    }
    if (!intent.upload.is_zero()) {
        auto open = co_await find_open_upload(intent.bucket, intent.key, intent.upload);
        if (!open && open.error().code != Code::not_found) co_return fail(open.error());
        if (!open) CO_TRY_VOID(co_await clear_parts(intent.bucket, intent.key, intent.upload));
        if (is_end(intent)) co_return Result<void>();
        const auto place = model::part_row(intent.upload, static_cast<int>(intent.part), owner);
        CO_TRY(const auto row, co_await part_rows_->read(place, false));
        if (row.exists()) co_return Result<void>();
    }
    const auto found = co_await find_object(intent.bucket, intent.key, false);
    if (!found && found.error().code != Code::not_found) co_return fail(found.error());
    const auto owners = found ? found->object.owners() : std::vector<model::Owner>();
    if (std::find(owners.begin(), owners.end(), owner) != owners.end()) co_return Result<void>();
    co_return co_await drop_owner(owner);
}

// Gives the blocks of an object back their references.
Task<Result<void>> LocalEngine::refer_again(model::Object object, std::set<model::Owner>& unknown) {
    PieceReader content(*this, object.pieces, object.size);
    for (const auto& piece : object.pieces) {
        unknown.erase(piece.owner);
        CO_TRY(const auto extents, co_await content.extents(piece.offset, piece.size));
        // A block that is lost is reported when it is read; the others go on.
        for (const auto& extent : extents) (void)co_await blocks_->add_references({extent.block}, piece.owner);
    }
    co_return Result<void>();
}

// After the index was rebuilt from segments, the rows say which of the recovered owners are alive, and which references
// were not the first of their block.
Task<Result<void>> LocalEngine::take_back_lost_blocks() {
    const auto recovered = blocks_->recovered_owners();
    if (recovered.empty()) co_return co_await blocks_->accept_recovery();
    std::set<model::Owner> unknown(recovered.begin(), recovered.end());
    // Rows that were set aside or are damaged may name any of them: what they would free is kept until those are
    // restored or given up, and the next start looks again.
    bool all_known = db_->report().quarantined.empty();
    const auto visit = [this, &unknown, &all_known](BucketId, std::string, Result<model::Object> object) {
        all_known = all_known && object;
        return refer_again(object ? std::move(*object) : model::Object(), unknown);
    };
    CO_TRY_VOID(co_await each_object(visit));
    for (const auto& [id, state] : std::map(buckets_)) {
        std::vector<UploadId> uploads;
        CO_TRY_VOID(co_await collect_rows(
            std::string(id.view()),
            [&](table::RangeEntry& entry) {
                if (auto upload = model::decode_upload(entry.row)) uploads.push_back(upload->info.id);
            },
            *upload_rows_));
        for (const auto& upload : uploads) {
            CO_TRY(const auto parts, co_await parts_of(upload));
            for (const auto& part : parts) CO_TRY_VOID(co_await refer_again(part.content, unknown));
        }
    }
    if (all_known) {
        for (const auto& owner : unknown) CO_TRY_VOID(co_await blocks_->drop_references(owner));
    }
    base::log::info("the block index was rebuilt from the segments", {{"owners", recovered.size()}});
    if (!all_known) co_return Result<void>();
    co_return co_await blocks_->accept_recovery();
}

Task<Result<void>> LocalEngine::each_object(ObjectVisit visit) {
    for (const auto& [id, state] : std::map(buckets_)) {
        for (std::uint16_t shard = 0; shard < state->row.index_shards; ++shard) {
            table::RangeQuery query;
            query.partition_key = model::index_shard(id, shard);
            for (;;) {
                CO_TRY(auto page, co_await object_table_->range(query));
                for (auto& entry : page.entries) {
                    Result<model::Object> object =
                        fail(Code::corrupted, Subject::row, "its row is damaged on the disk");
                    if (!entry.damaged) object = model::decode_object(entry.row);
                    CO_TRY_VOID(co_await visit(id, std::string(entry.sort_key), std::move(object)));
                }
                if (!page.truncated) break;
                query.start_after = page.entries.back().sort_key;
            }
        }
    }
    co_return Result<void>();
}

Task<Result<void>> LocalEngine::check_object(BucketId bucket, std::string key, Result<model::Object> object,
                                             std::vector<std::string>& damage) {
    const auto state = bucket_state(bucket);
    const auto name = state && !state->row.bucket.names.empty() ? state->row.bucket.names.front() : bucket.hex();
    if (!object) {
        damage.push_back(name + ":" + key + ": " + object.error().message);
        co_return Result<void>();
    }
    PieceReader content(*this, object->pieces, object->size);
    for (const auto& piece : object->pieces) {
        auto extents = co_await content.extents(piece.offset, piece.size);
        if (!extents) {
            damage.push_back(name + ":" + key + ": " + extents.error().message);
            continue;
        }
        for (const auto& extent : *extents) {
            const auto data = co_await blocks_->get(extent.block, extent.block_offset, extent.length);
            if (data) continue;
            damage.push_back(name + ":" + key + " at byte " + std::to_string(extent.offset) + ": " +
                             data.error().message);
        }
    }
    co_return Result<void>();
}

// Deleted rows are dropped once every replica holds the deletion (docs/protocol.md, "Collection").
Task<void> LocalEngine::collect_tombstones() {
    const auto rows_of = [this](table::TableId table) -> table::Coordinator& {
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
    };
    const auto one = [](table::Coordinator& rows, table::RowKey key) -> Task<void> {
        (void)co_await rows.collect(std::move(key));
    };
    for (;;) {
        co_await env_.clock.sleep_for(kTombstonePause);
        while (!tombstones_.empty()) {
            const auto began = env_.clock.now();
            io::TaskGroup group(env_.executor);
            for (std::size_t n = 0; n < kTombstonesAtOnce && !tombstones_.empty(); ++n) {
                auto [table, key] = std::move(tombstones_.front());
                tombstones_.pop_front();
                group.spawn(one(rows_of(table), std::move(key)));
            }
            co_await group.join();
            co_await env_.clock.sleep_for(kTombstoneRest * (env_.clock.now() - began));
        }
    }
}

}  // namespace larder::engine
