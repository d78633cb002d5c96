// What goes on behind: content that no row names any more, writes that a crash left half done, tombstones, audits.
#include "replication/piece_reader.h"
#include "src/base/log.h"

namespace larder::engine {

namespace {

constexpr auto kGarbagePause = std::chrono::milliseconds(200);  // lets deletions of one moment gather
constexpr auto kRetryPause = std::chrono::seconds(1);
constexpr auto kReclaimTime = std::chrono::seconds(5);
constexpr auto kLongestPause = std::chrono::seconds(30);

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
        note_tombstone(model::kPages, page);
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

// Of several nodes every replica of a row has noted the same content; see garbage_rows.cc for who gives it up.
Task<void> LocalEngine::collect_garbage() {
    base::Duration pause = kRetryPause;
    for (;;) {
        // Made before looking, so that what becomes garbage meanwhile wakes the next round.
        garbage_wake_.emplace(env_.executor);
        auto left = co_await collect_some();
        if (const auto more_names = co_await settle_lost_names(); !more_names) {
            left = fail(more_names.error());
        } else if (*more_names) {
            continue;
        }
        if (!left) {
            base::log::warning("collecting garbage failed; it is tried again", {{"reason", left.error().message}});
        }
        if (!left || *left) {
            if (!members_->alone()) (void)co_await blocks_->reclaim(env_.clock.after(kReclaimTime));
            co_await env_.clock.sleep_for(pause);
            // Others hold it up: it is not asked for all the time.
            if (!members_->alone()) pause = std::min<base::Duration>(2 * pause, kLongestPause);
            continue;
        }
        pause = kRetryPause;
        (void)co_await blocks_->reclaim(env_.clock.after(kReclaimTime));
        co_await garbage_wake_->future();
        co_await env_.clock.sleep_for(kGarbagePause);
    }
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
    for (const auto& [id, state] : std::map(control_.states())) {
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
    for (const auto& [id, state] : std::map(control_.states())) {
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

}  // namespace larder::engine
