// Directories that move: row by row, with a journal so that a move begun is finished.
#include "replication/file_store.h"
#include "src/base/log.h"

namespace larder::engine {

namespace {

constexpr int kAttempts = 16;
constexpr std::size_t kMovesAtOnce = 64;
constexpr std::string_view kMovesPartition = "moves";

}  // namespace

// The journal of a directory's move is one row; whoever finds it moves on what still lies under the old name.
Task<Result<void>> LocalFileStore::rename_directory(std::string from, std::string to, std::int64_t ctime_ns) {
    CO_TRY(const bool occupied, co_await has_below(to));
    if (occupied) co_return fail(Code::conflict, Subject::object, "\"" + to + "\" is not empty");
    CO_TRY(const auto marker, co_await stand(from));
    CO_TRY(const bool below, co_await has_below(from));
    if (!marker && !below) {
        co_return fail(Code::not_found, Subject::object, "there is nothing at \"" + from + "\"");
    }
    const table::RowKey journal{std::string(kMovesPartition), std::string(bucket_->row.bucket.id.view()) + from};
    if (below) CO_TRY_VOID(co_await engine_.move_rows_->write(journal, table::Value{to, {}}));
    // The new directory shows first, and the old one vanishes with its last child.
    if (marker) {
        CO_TRY_VOID(co_await rename(from, to, false, ctime_ns));
    } else {
        CO_TRY(const auto replaced, co_await stand(to));
        if (replaced) CO_TRY_VOID(co_await remove(to, ctime_ns));
    }
    if (!below) co_return Result<void>();
    CO_TRY_VOID(co_await move_below(from, to));
    CO_TRY_VOID(co_await engine_.move_rows_->write(journal, std::nullopt));
    co_return Result<void>();
}

Task<void> LocalFileStore::move_one(LocalFileStore& self, std::string from, std::string to, Result<void>& outcome,
                                    io::Semaphore::Permit permit) {
    Result<FileEntry> moved = fail(Code::conflict, Subject::object, "the file changed meanwhile");
    for (int attempt = 0; attempt < kAttempts && !moved && moved.error().is(Code::conflict, Subject::object);
         ++attempt) {
        moved = co_await self.rename_once(from, to, false, std::nullopt);
    }
    // Gone already: someone removed it, or an earlier run has moved it.
    if (!moved && moved.error().code != Code::not_found && outcome) outcome = fail(moved.error());
    permit.release();
}

Task<Result<void>> LocalFileStore::move_below(std::string from, std::string to) {
    io::Semaphore window(engine_.env().executor, kMovesAtOnce);
    for (;;) {
        ListQuery query;
        query.prefix = from;
        CO_TRY(const auto range, co_await engine_.list_rows(bucket_->row.bucket.id, std::move(query)));
        Result<void> outcome;
        io::TaskGroup group(engine_.env().executor);
        for (const auto& entry : range.entries) {
            auto permit = co_await window.acquire();
            group.spawn(move_one(*this, std::string(entry.sort_key),
                                 to + std::string(entry.sort_key.substr(from.size())), outcome, std::move(permit)));
        }
        co_await group.join();
        CO_TRY_VOID(outcome);
        if (!range.truncated) co_return Result<void>();
    }
}

// Moves of directories that the last stop cut off.
Task<void> LocalEngine::finish_moves() {
    std::vector<std::pair<std::string, std::string>> moves;
    const auto read = co_await collect_rows(
        std::string(kMovesPartition),
        [&moves](const table::RangeEntry& entry) { moves.emplace_back(entry.sort_key, entry.row); }, *move_rows_);
    if (!read) co_return;
    for (const auto& [place, to] : moves) {
        const auto bucket = BucketId::from(std::string_view(place).substr(0, BucketId::kSize));
        const auto from = place.substr(BucketId::kSize);
        auto state = bucket ? bucket_state(*bucket) : nullptr;
        if (state) {
            LocalFileStore store(*this, state);
            if (const auto done = co_await store.move_below(from, to); !done) {
                base::log::warning(
                    "a directory's move cut off by the last stop could not be finished; it is tried "
                    "again at the next start",
                    {{"reason", done.error().message}});
                continue;
            }
        }
        (void)co_await move_rows_->write({std::string(kMovesPartition), place}, std::nullopt);
    }
}

}  // namespace larder::engine
