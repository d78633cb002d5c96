// Directories that move: one row makes it so, and the rows below follow (moved_rows.h). Of several nodes no other would
// know at once: there the row is a journal, the rows move one by one in sight of all, and the move is told when the
// last has arrived (decision 34).
#include "replication/file_rows.h"
#include "src/base/limits.h"
#include "src/base/log.h"

namespace larder::engine {

using namespace files;

namespace {

constexpr std::size_t kRowsAtOnce = 256;
constexpr std::string_view kMovesPartition = "moves";
constexpr auto kTurnPause = std::chrono::milliseconds(10);
constexpr auto kRetryPause = std::chrono::seconds(1);

table::RowKey place_of(const DirectoryMove& move) {
    return {std::string(kMovesPartition), std::string(move.bucket.view()) + move.from};
}

// Another try may do better.
bool passes(const base::Error& error) {
    return error.code != Code::corrupted && error.code != Code::invalid_argument && error.code != Code::not_found;
}

}  // namespace

// Two moves of one tree would mix: the later one waits until all has arrived.
std::shared_ptr<void> LocalEngine::hold_directories(const BucketId& bucket, const std::string& from,
                                                    const std::string& to) {
    const auto meet = [](const std::string& a, const std::string& b) { return a.starts_with(b) || b.starts_with(a); };
    for (const auto& held : moving_) {
        if (held.bucket != bucket) continue;
        if (meet(held.from, from) || meet(held.from, to) || meet(held.to, from) || meet(held.to, to)) return nullptr;
    }
    const auto place = moving_.insert(moving_.end(), {bucket, from, to});
    return {static_cast<void*>(this), [this, place](void*) { moving_.erase(place); }};
}

// The engine does the work, so that a caller that goes away leaves nothing half done.
Task<Result<void>> LocalFileStore::rename_directory(std::string from, std::string to, std::int64_t ctime_ns) {
    if (!is_directory(from) || !is_directory(to)) co_return wrong("a directory's key ends in a slash");
    const auto id = bucket_->row.bucket.id;
    CO_TRY_VOID(engine_.bucket_for_object(id, to));
    auto held = engine_.hold_directories(id, from, to);
    while (!held) {
        co_await engine_.env().clock.sleep_for(kTurnPause);
        held = engine_.hold_directories(id, from, to);
    }
    auto closed = co_await engine_.object_rows_->close(id, from, to);
    CO_TRY(const auto marker, co_await shown(from));
    CO_TRY(const bool below, co_await has_below(from));
    if (!marker && !below) co_return nothing_at(from);
    if (from == to) co_return Result<void>();
    if (to.starts_with(from)) co_return wrong("a directory cannot move into itself");
    CO_TRY(const bool occupied, co_await has_below(to));
    if (occupied) co_return not_empty(to);
    CO_TRY_VOID(co_await check_lengths(from, to));
    const io::Promise<Result<void>> done(engine_.env().executor);
    DirectoryMove move{id, std::move(from), std::move(to), {}};
    engine_.tasks_.spawn(engine_.move_directory(std::move(move), ctime_ns, {std::move(held), std::move(closed)}, done));
    co_return co_await done.future();
}

// Whether every key still is one under the new name, before any is moved.
Task<Result<void>> LocalFileStore::check_lengths(std::string from, std::string to) {
    if (to.size() <= from.size()) co_return Result<void>();
    ListQuery query;
    query.prefix = from;
    for (;;) {
        CO_TRY(const auto range, co_await engine_.list_rows(bucket_->row.bucket.id, query));
        for (const auto& entry : range.entries) {
            if (entry.sort_key.size() - from.size() + to.size() <= base::limits::kKeyBytesMax) continue;
            co_return wrong("\"" + std::string(entry.sort_key) + "\" would become longer than a key can be");
        }
        if (!range.truncated) co_return Result<void>();
        query.start_after = range.entries.back().sort_key;
    }
}

// The marker takes part before others look again: it gets the time of the change, and replaces what was there.
Task<Result<void>> LocalFileStore::move_marker(std::string from, std::string to, std::int64_t ctime_ns) {
    CO_TRY(const auto marker, co_await stand(from));
    if (marker) {
        CO_TRY_VOID(co_await rename_row(from, to, false, {ctime_ns, std::nullopt}));
        co_return Result<void>();
    }
    CO_TRY(const auto replaced, co_await stand(to));
    if (replaced) CO_TRY_VOID(co_await remove_row(to));
    co_return Result<void>();
}

Task<void> LocalEngine::move_directory(DirectoryMove move, std::int64_t ctime_ns, MoveHolds holds,
                                       io::Promise<Result<void>> done) {
    const auto noted = co_await move_rows_->write(place_of(move), table::Value{move.to, {}});
    if (!noted) {
        const bool may_be_there = noted.error().is(Code::unknown_outcome);
        holds.closed.reset();
        done.set(fail(noted.error()));
        // Taken up at the next start, it would come as a surprise.
        if (may_be_there) co_await end_move(std::move(move));
        co_return;
    }
    move.since = *noted;
    if (const auto state = bucket_state(move.bucket)) {
        LocalFileStore store(*this, state, *object_table_);
        const auto marked = co_await store.move_marker(move.from, move.to, ctime_ns);
        if (!marked) base::log::warning("a directory moves without its times", {{"reason", marked.error().message}});
    }
    const bool alone = members_->alone();
    if (alone) object_rows_->add(move);
    tell_directory_moved(move);
    holds.closed.reset();
    if (alone) done.set(Result<void>());
    const auto brought = co_await bring_directory(std::move(move), std::move(holds.directories));
    if (!alone) done.set(brought);
}

// Who watches learns of the directories at once; of what is below them as it arrives.
void LocalEngine::tell_directory_moved(const DirectoryMove& move) {
    tell({move.bucket, move.from, move.since, true});
    tell({move.bucket, move.to, move.since, false});
}

// Goes on until all is there or cannot come.
Task<Result<void>> LocalEngine::bring_directory(DirectoryMove move, [[maybe_unused]] std::shared_ptr<void> held) {
    for (;;) {
        const auto brought = co_await bring_rows(move);
        if (!brought) {
            base::log::warning("a directory's move is not complete",
                               {{"reason", brought.error().message}, {"again", passes(brought.error())}});
        }
        if (brought || !passes(brought.error())) {
            object_rows_->remove(move.bucket, move.from);
            co_await end_move(std::move(move));
            co_return brought;
        }
        co_await env_.clock.sleep_for(kRetryPause);
    }
}

Task<void> LocalEngine::bring_behind(DirectoryMove move, std::shared_ptr<void> held) {
    (void)co_await bring_directory(std::move(move), std::move(held));
}

// Its row goes before others may move these directories: taken up together at the next start, they would meet.
Task<void> LocalEngine::end_move(DirectoryMove move) {
    while (!co_await move_rows_->write(place_of(move), std::nullopt)) co_await env_.clock.sleep_for(kRetryPause);
    note_tombstone(model::kMoves, place_of(move));
}

// What cannot be moved stays behind; the rest goes, and a reason is told.
Task<Result<void>> LocalEngine::bring_rows(DirectoryMove move) {
    const auto state = bucket_state(move.bucket);
    if (!state) co_return Result<void>();
    io::Semaphore window(env_.executor, kRowsAtOnce);
    Result<void> outcome;
    for (std::uint16_t shard = 0; shard < state->row.index_shards; ++shard) {
        table::RangeQuery query;
        query.partition_key = model::index_shard(state->row.bucket.id, shard);
        query.prefix = move.from;
        query.row_bytes = 0;
        for (;;) {
            CO_TRY(const auto range, co_await object_table_->range(query));
            io::TaskGroup group(env_.executor);
            for (const auto& entry : range.entries) {
                query.start_after = entry.sort_key;
                if (!entry.damaged && entry.version >= move.since) continue;
                auto permit = co_await window.acquire();
                auto rest = query.start_after.substr(move.from.size());
                group.spawn(bring_one(*this, move, std::move(rest), outcome, std::move(permit)));
            }
            co_await group.join();
            if (!outcome && passes(outcome.error())) co_return outcome;
            if (!range.truncated) break;
        }
    }
    co_return outcome;
}

Task<void> LocalEngine::bring_one(LocalEngine& self, DirectoryMove move, std::string rest, Result<void>& outcome,
                                  io::Semaphore::Permit permit) {
    const auto brought = co_await self.bring_row(std::move(move), std::move(rest));
    // One that may pass counts more: for its sake all is tried again.
    if (!brought && (outcome || passes(brought.error()))) outcome = fail(brought.error());
    permit.release();
}

Task<Result<void>> LocalEngine::bring_row(DirectoryMove move, std::string rest) {
    const auto state = bucket_state(move.bucket);
    if (!state) co_return Result<void>();
    const auto from = move.from + rest;
    CO_TRY(const auto row, co_await object_table_->read(object_row(*state, from), false));
    if (!row.exists() || row.version >= move.since) co_return Result<void>();
    LocalFileStore store(*this, state, *object_table_);
    const auto moved = co_await store.rename_row(from, move.to + rest, false, {std::nullopt, move.since});
    // Gone already: someone else brought it.
    if (!moved && !moved.error().is(Code::not_found)) co_return fail(moved.error());
    co_return Result<void>();
}

// Moves of directories that the last stop cut off.
Task<Result<void>> LocalEngine::take_up_moves() {
    CO_TRY(const auto unreadable, co_await collect_rows(
                                      std::string(kMovesPartition),
                                      [this](const table::RangeEntry& entry) { take_up_move(entry); }, *move_rows_));
    if (unreadable > 0) {
        base::log::error("moves of directories that were under way cannot be read",
                         "look for their files under both names, and move on those that are left",
                         {{"count", unreadable}});
    }
    co_return Result<void>();
}

void LocalEngine::take_up_move(const table::RangeEntry& entry) {
    const auto bucket = BucketId::from(entry.sort_key.substr(0, BucketId::kSize));
    if (!bucket) return;
    DirectoryMove move{*bucket, std::string(entry.sort_key.substr(BucketId::kSize)), std::string(entry.row),
                       entry.version};
    if (members_->alone()) object_rows_->add(move);
    auto held = hold_directories(*bucket, move.from, move.to);
    tasks_.spawn(bring_behind(std::move(move), std::move(held)));
}

}  // namespace larder::engine
