// Directories that move: row by row, with a journal so that a move begun is finished.
#include "replication/file_rows.h"
#include "src/base/limits.h"
#include "src/base/log.h"

namespace larder::engine {

using namespace files;

namespace {

constexpr std::size_t kMovesAtOnce = 256;
constexpr std::string_view kMovesPartition = "moves";
constexpr auto kTurnPause = std::chrono::milliseconds(10);
constexpr auto kRetryPause = std::chrono::seconds(1);

table::RowKey journal_of(const BucketId& bucket, const std::string& from) {
    return {std::string(kMovesPartition), std::string(bucket.view()) + from};
}

// Another try may do better.
bool passes(const base::Error& error) {
    return error.code != Code::corrupted && error.code != Code::invalid_argument && error.code != Code::not_found;
}

}  // namespace

// Two moves of one tree would mix: the later one waits, and then sees what the first one left.
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

// The journal of a directory's move is one row; whoever finds it moves on what still lies under the old name. The
// engine does the work, so that a caller that goes away leaves no move half done.
Task<Result<void>> LocalFileStore::rename_directory(std::string from, std::string to, std::int64_t ctime_ns) {
    if (!is_directory(from) || !is_directory(to)) co_return wrong("a directory's key ends in a slash");
    const auto id = bucket_->row.bucket.id;
    CO_TRY_VOID(engine_.bucket_for_object(id, to));
    auto held = engine_.hold_directories(id, from, to);
    while (!held) {
        co_await engine_.env().clock.sleep_for(kTurnPause);
        held = engine_.hold_directories(id, from, to);
    }
    CO_TRY(const auto begun, co_await engine_.move_rows_->read(journal_of(id, from), true));
    const bool again = begun.exists() && begun.value->row == to;
    CO_TRY(const auto marker, co_await shown(from));
    CO_TRY(const bool below, co_await has_below(from));
    if (!marker && !below && !again) co_return nothing_at(from);
    if (from == to) co_return Result<void>();
    if (to.starts_with(from)) co_return wrong("a directory cannot move into itself");
    CO_TRY(const bool occupied, co_await has_below(to));
    if (occupied && !again) co_return not_empty(to);
    CO_TRY_VOID(co_await check_lengths(from, to));
    LocalEngine::Move move{from, to, std::nullopt};
    if (!again) move.ctime_ns = ctime_ns;
    const io::Promise<Result<void>> done(engine_.env().executor);
    engine_.tasks_.spawn(engine_.begin_directory_move(id, std::move(move), std::move(held), done));
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

// The new directory shows first, and the old one vanishes with its last child.
Task<Result<void>> LocalFileStore::move_tree(std::string from, std::string to, std::optional<std::int64_t> ctime_ns) {
    CO_TRY(const auto marker, co_await stand(from));
    if (marker) {
        CO_TRY_VOID(co_await rename_row(from, to, false, ctime_ns));
    } else if (ctime_ns) {
        CO_TRY(const auto replaced, co_await stand(to));
        if (replaced) CO_TRY_VOID(co_await remove_row(to));
    }
    co_return co_await move_below(std::move(from), std::move(to));
}

Task<void> LocalFileStore::move_one(LocalFileStore& self, std::string from, std::string to, Result<void>& outcome,
                                    io::Semaphore::Permit permit) {
    const auto moved = co_await self.rename_row(std::move(from), std::move(to), false, std::nullopt);
    // Gone already: someone removed it, or an earlier run has moved it.
    if (!moved && moved.error().code != Code::not_found && outcome) outcome = fail(moved.error());
    permit.release();
}

// What cannot be moved stays behind; the rest goes, and the first reason is told.
Task<Result<void>> LocalFileStore::move_below(std::string from, std::string to) {
    io::Semaphore window(engine_.env().executor, kMovesAtOnce);
    Result<void> outcome;
    std::string after;
    for (;;) {
        ListQuery query;
        query.prefix = from;
        query.start_after = after;
        CO_TRY(const auto range, co_await engine_.list_rows(bucket_->row.bucket.id, std::move(query)));
        io::TaskGroup group(engine_.env().executor);
        for (const auto& entry : range.entries) {
            after = entry.sort_key;
            auto permit = co_await window.acquire();
            group.spawn(move_one(*this, after, to + after.substr(from.size()), outcome, std::move(permit)));
        }
        co_await group.join();
        if (!outcome && passes(outcome.error())) co_return outcome;
        if (!range.truncated) co_return outcome;
    }
}

Task<void> LocalEngine::begin_directory_move(BucketId bucket, Move move, std::shared_ptr<void> held,
                                             io::Promise<Result<void>> done) {
    const auto noted = co_await move_rows_->write(journal_of(bucket, move.from), table::Value{move.to, {}});
    if (!noted) {
        done.set(fail(noted.error()));
        co_return;
    }
    co_await finish_directory_move(bucket, std::move(move), std::move(held), done);
}

// Tells the caller how the first try went, and goes on until it is done or cannot be.
Task<void> LocalEngine::finish_directory_move(BucketId bucket, Move move, std::shared_ptr<void> held,
                                              io::Promise<Result<void>> done) {
    for (;;) {
        Result<void> moved;
        if (const auto state = bucket_state(bucket)) {
            LocalFileStore store(*this, state);
            moved = co_await store.move_tree(move.from, move.to, std::exchange(move.ctime_ns, std::nullopt));
        }
        if (!moved) {
            base::log::warning("a directory's move is not complete",
                               {{"reason", moved.error().message}, {"again", passes(moved.error())}});
        }
        if (moved || !passes(moved.error())) {
            const auto place = journal_of(bucket, move.from);
            if (co_await move_rows_->write(place, std::nullopt)) tombstones_.emplace_back(model::kMoves, place);
            held.reset();
            done.set(moved);
            co_return;
        }
        done.set(moved);
        // Let go meanwhile, so that none waits for what may take long, and another call may do the work.
        held.reset();
        co_await env_.clock.sleep_for(kRetryPause);
        while (!held) {
            held = hold_directories(bucket, move.from, move.to);
            if (!held) co_await env_.clock.sleep_for(kTurnPause);
        }
        const auto journal = co_await move_rows_->read(journal_of(bucket, move.from), true);
        if (journal && (!journal->exists() || journal->value->row != move.to)) co_return;
    }
}

// Moves of directories that the last stop cut off.
Task<void> LocalEngine::finish_moves() {
    std::vector<std::pair<BucketId, Move>> moves;
    const auto read = co_await collect_rows(
        std::string(kMovesPartition),
        [&moves](const table::RangeEntry& entry) {
            const auto bucket = BucketId::from(entry.sort_key.substr(0, BucketId::kSize));
            const auto from = entry.sort_key.substr(std::min(BucketId::kSize, entry.sort_key.size()));
            if (bucket) moves.push_back({*bucket, {std::string(from), std::string(entry.row), std::nullopt}});
        },
        *move_rows_);
    if (!read) co_return;
    for (auto& [bucket, move] : moves) {
        auto held = hold_directories(bucket, move.from, move.to);
        const io::Promise<Result<void>> nobody(env_.executor);
        tasks_.spawn(finish_directory_move(bucket, std::move(move), std::move(held), nobody));
    }
}

}  // namespace larder::engine
