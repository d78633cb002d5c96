#include "replication/moved_rows.h"

namespace larder::engine {

using base::Code;
using base::Result;
using base::Tag;
using io::Task;
using table::RangeEntry;
using table::RangePage;
using table::RangeQuery;
using table::Row;
using table::RowKey;

MovedRows::Closed::Closed(MovedRows& owner, base::BucketId bucket, std::string from, std::string to)
    : owner_(owner), bucket_(bucket), from_(std::move(from)), to_(std::move(to)) {
    owner_.closed_.push_back(this);
}

MovedRows::Closed::~Closed() {
    owner_.closed_.remove(this);
    for (auto& waiter : waiting_) waiter.set(io::Done{});
}

bool MovedRows::Closed::covers(const RowKey& key) const {
    return key.partition_key.starts_with(bucket_.view()) &&
           (key.sort_key.starts_with(from_) || key.sort_key.starts_with(to_));
}

Task<void> MovedRows::Closed::opened() {
    auto told = waiting_.emplace_back(owner_.env_.executor).future();
    co_await told;
}

Task<std::shared_ptr<MovedRows::Closed>> MovedRows::close(base::BucketId bucket, std::string from, std::string to) {
    auto closed = std::make_shared<Closed>(*this, bucket, std::move(from), std::move(to));
    auto before = std::exchange(writes_, std::make_shared<Writes>(env_.executor));
    auto over = before->over.future();
    before.reset();
    co_await over;
    co_return closed;
}

void MovedRows::remove(const base::BucketId& bucket, const std::string& from) {
    moves_.remove_if([&](const auto& move) { return move.bucket == bucket && move.from == from; });
}

const DirectoryMove* MovedRows::move_of(const RowKey& key) const {
    for (const auto& move : moves_) {
        if (!key.partition_key.starts_with(move.bucket.view())) continue;
        if (key.sort_key.starts_with(move.from) || key.sort_key.starts_with(move.to)) return &move;
    }
    return nullptr;
}

MovedRows::Closed* MovedRows::closed_for(const RowKey& key) const {
    for (auto* closed : closed_) {
        if (closed->covers(key)) return closed;
    }
    return nullptr;
}

// Until all of the keys were found in place without a wait in between: meanwhile another move may have begun.
Task<Result<void>> MovedRows::bring(Keys keys, bool to_change) {
    std::vector<Tag> brought(keys.size());  // by which move
    for (bool waited = true; waited;) {
        waited = false;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (auto* closed = to_change ? closed_for(keys[i]) : nullptr) {
                co_await closed->opened();
                waited = true;
            }
            const auto* found = move_of(keys[i]);
            if (found == nullptr || found->since == brought[i]) continue;
            const auto move = *found;
            const auto& under = keys[i].sort_key.starts_with(move.from) ? move.from : move.to;
            const auto done = co_await bring_(move, keys[i].sort_key.substr(under.size()));
            // What cannot be read stays where it is, and hinders nobody at its new place.
            if (!done && !done.error().is(Code::corrupted)) co_return base::fail(done.error());
            brought[i] = move.since;
            waited = true;
        }
    }
    co_return Result<void>();
}

Task<Result<Row>> MovedRows::read(RowKey key, bool with_body) {
    return moves_.empty() ? rows_.read(std::move(key), with_body) : read_brought(std::move(key), with_body);
}

Task<Result<Row>> MovedRows::read_brought(RowKey key, bool with_body) {
    CO_TRY_VOID(co_await bring(Keys(1, key), false));
    co_return co_await rows_.read(std::move(key), with_body);
}

Task<Result<Tag>> MovedRows::write(RowKey key, std::optional<table::Value> value) {
    if (!quiet()) CO_TRY_VOID(co_await bring(Keys(1, key), true));
    const auto counted = writes_;
    co_return co_await rows_.write(std::move(key), std::move(value));
}

Task<Result<Tag>> MovedRows::write_made(RowKey key, Make make) {
    if (!quiet()) CO_TRY_VOID(co_await bring(Keys(1, key), true));
    const auto counted = writes_;
    co_return co_await rows_.write_made(std::move(key), std::move(make));
}

Task<Result<Row>> MovedRows::update(RowKey key, table::Decide decide) {
    if (!quiet()) CO_TRY_VOID(co_await bring(Keys(1, key), true));
    const auto counted = writes_;
    co_return co_await rows_.update(std::move(key), std::move(decide));
}

Task<Result<std::vector<Row>>> MovedRows::update_rows(std::vector<RowKey> keys, table::DecideAll decide) {
    if (!quiet()) CO_TRY_VOID(co_await bring(keys, true));
    const auto counted = writes_;
    co_return co_await rows_.update_rows(std::move(keys), std::move(decide));
}

}  // namespace larder::engine
