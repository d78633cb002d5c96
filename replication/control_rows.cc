// Control rows: buckets, their names and access keys. Every storing node holds them, and each engine shows them from
// memory (decision 30).
#include "replication/local_engine.h"
#include "src/base/log.h"

namespace larder::engine {

namespace {

// How long a change waits for those that its quorum did without, so that it counts everywhere when it is told.
constexpr auto kSpreadTime = std::chrono::seconds(1);
// How long a node waits for its replica to hear of a change, before it asks a quorum.
constexpr auto kHearTime = std::chrono::milliseconds(500);
constexpr auto kRefreshEvery = std::chrono::seconds(10);
constexpr auto kQuietPause = std::chrono::milliseconds(1);

std::string partition_of(table::TableId table) {
    return table == model::kBuckets ? "buckets" : table == model::kBucketNames ? "names" : "keys";
}

}  // namespace

table::Coordinator& LocalEngine::control_table(table::TableId table) {
    return table == model::kBuckets ? *bucket_rows_ : table == model::kBucketNames ? *name_rows_ : *key_rows_;
}

// What this node's replica holds: no other node has to be there for a start.
Result<void> LocalEngine::load_control_rows() {
    TRY_VOID(load_table(model::kBuckets, partition_of(model::kBuckets)));
    TRY_VOID(load_table(model::kBucketNames, partition_of(model::kBucketNames)));
    return load_table(model::kAccessKeys, partition_of(model::kAccessKeys));
}

Result<void> LocalEngine::load_table(table::TableId table, const std::string& partition_key) {
    const auto note = [this](const std::string& reason) {
        open_problems_.push_back("a control row cannot be read: " + reason + ". Make the bucket or key again.");
    };
    const auto partition = members_->placement().partition_of(partition_key);
    return rows_->scan(table, partition, partition_key, {}, SIZE_MAX,
                       [&](std::string_view sort_key, const table::RowView& row) -> Result<table::ScanStep> {
                           if (row.damaged && table == model::kBucketNames)
                               control_.trust_bucket(std::string(sort_key));
                           if (row.damaged) note("it is damaged on the disk");
                           if (row.damaged || !row.has_value()) return table::ScanStep{};
                           const auto taken =
                               control_.take({table, std::string(sort_key), row.acc, std::string(row.row), true});
                           if (!taken) note(taken.error().message);
                           return table::ScanStep{};
                       });
}

void LocalEngine::control_changed(table::TableId table, const table::RowKey& key, const table::StoredRow& after) {
    ControlCache::Word word{table, key.sort_key, after.acc, std::nullopt, true};
    if (after.has_value()) word.value = after.row;
    take_control(std::move(word));
    if (table != model::kBuckets || members_->alone()) return;
    const auto id = BucketId::from(key.sort_key);
    const auto row = after.has_value() ? model::decode_bucket(after.row) : Result<model::BucketRow>(model::BucketRow());
    if (!id || !row) return;
    const bool closed = !after.has_value() || row->deleting;
    if (closed || closed_.contains(*id)) tasks_.spawn(follow_deletion(*id, after.version, closed));
    if (!after.has_value()) tasks_.spawn(sweep_bucket(*id, row->index_shards));
}

void LocalEngine::take_control(ControlCache::Word word) {
    if (const auto taken = control_.take(word); !taken) {
        base::log::error("a control row cannot be read", "make the bucket or key again",
                         {{"reason", taken.error().message}});
    }
    for (auto& waiter : std::exchange(control_waiters_, {})) waiter.set(io::Done{});
}

Task<Result<table::Row>> LocalEngine::read_control(table::TableId table, table::RowKey key) {
    const auto before = control_.known(table, key.sort_key);
    CO_TRY(auto row, co_await control_table(table).read(key, false));
    ControlCache::Word word{table, key.sort_key, row.version, std::nullopt, false};
    if (row.exists()) word.value = row.value->row;
    // Of what a quorum holds only the version is known, which may be below the tag it was accepted under here.
    if (control_.known(table, key.sort_key) == before) word.at = std::max(word.at, before);
    if (row.exists() || !before.is_zero()) take_control(std::move(word));
    co_return row;
}

Task<Result<table::Row>> LocalEngine::update_control(table::TableId table, table::RowKey key, table::Decide decide) {
    CO_TRY(auto row, co_await control_table(table).update(key, std::move(decide)));
    ControlCache::Word word{table, key.sort_key, row.version, std::nullopt, false};
    if (row.exists()) word.value = row.value->row;
    take_control(std::move(word));
    if (!members_->alone()) co_await spread(table, std::move(key), row.version);
    co_return row;
}

Task<Result<Tag>> LocalEngine::remove_control(table::TableId table, table::RowKey key) {
    CO_TRY(const auto version, co_await control_table(table).write(key, std::nullopt));
    take_control({table, key.sort_key, version, std::nullopt, false});
    if (!members_->alone()) co_await spread(table, std::move(key), version);
    co_return version;
}

Task<void> LocalEngine::spread(table::TableId table, table::RowKey key, Tag version) {
    (void)co_await ask_peers(others(), peer::Seen{table, std::move(key), version}, kSpreadTime);
}

// A deletion that this node's replica knows is nowhere in memory.
Result<bool> LocalEngine::knows(const peer::Seen& what) {
    if (control_.known(what.table, what.key.sort_key) >= what.version) return true;
    const auto partition = members_->placement().partition_of(what.key.partition_key);
    TRY(const auto row, rows_->get(what.table, partition, what.key));
    return row && row->acc >= what.version;
}

Task<Result<io::Message>> LocalEngine::answer(peer::Seen ask) {
    const bool is_control = ask.table >= model::kBuckets && ask.table <= model::kAccessKeys &&
                            ask.key.partition_key == partition_of(ask.table);
    if (!is_control) co_return fail(Code::invalid_argument, Subject::request, "that is no control row");
    const auto deadline = env_.clock.after(kHearTime);
    for (;;) {
        CO_TRY(const bool known, knows(ask));
        if (known) break;
        if (env_.clock.now() >= deadline || !holds_control()) {
            CO_TRY_VOID(co_await read_control(ask.table, ask.key));
            break;
        }
        io::Promise<io::Done> woken(env_.executor);
        control_waiters_.push_back(woken);
        const auto timer = env_.clock.call_at(deadline, [woken] { woken.set(io::Done{}); });
        co_await woken.future();
        env_.clock.cancel(timer);
    }
    // Of a bucket that is being deleted: once the writes that began before have ended.
    const auto id = BucketId::from(ask.key.sort_key);
    const auto state = ask.table == model::kBuckets && id ? bucket_state(*id) : nullptr;
    while (state && state->row.deleting && state->writes > 0 && env_.clock.now() < deadline) {
        co_await env_.clock.sleep_for(kQuietPause);
    }
    co_return io::Message{};
}

bool LocalEngine::holds_control() const {
    return members_->placement().everywhere()->has(self());
}

// A node that holds no control rows hears of changes only while it can be reached: it looks through them by itself.
Task<void> LocalEngine::refresh_control() {
    for (;;) {
        if (!holds_control()) {
            for (const auto table : {model::kBuckets, model::kBucketNames, model::kAccessKeys}) {
                const auto done = co_await refresh_table(table);
                if (!done) base::log::debug("control rows cannot be read now", {{"reason", done.error().message}});
            }
        }
        co_await env_.clock.sleep_for(kRefreshEvery);
    }
}

Task<Result<void>> LocalEngine::refresh_table(table::TableId table) {
    auto unseen = control_.all(table);
    CO_TRY_VOID(co_await collect_rows(
        partition_of(table),
        [&](table::RangeEntry& entry) {
            const std::string sort_key(entry.sort_key);
            unseen.erase(sort_key);
            if (entry.version < control_.known(table, sort_key)) return;
            take_control({table, sort_key, entry.version, std::string(entry.row), false});
        },
        control_table(table)));
    for (const auto& sort_key : unseen) {
        CO_TRY_VOID(co_await read_control(table, {partition_of(table), sort_key}));
    }
    co_return Result<void>();
}

Task<Result<std::shared_ptr<const Bucket>>> LocalEngine::look_up_bucket(std::string name) {
    if (auto found = find_bucket(name); found || members_->alone()) co_return found;
    CO_TRY(const auto claim, co_await read_control(model::kBucketNames, model::name_row(name)));
    const auto id = claim.exists() ? BucketId::from(claim.value->row) : std::nullopt;
    if (id) CO_TRY_VOID(co_await read_control(model::kBuckets, model::bucket_row(*id)));
    co_return find_bucket(name);
}

Task<Result<std::shared_ptr<const AccessKey>>> LocalEngine::look_up_key(std::string id) {
    if (auto found = find_key(id); found || members_->alone()) co_return found;
    CO_TRY_VOID(co_await read_control(model::kAccessKeys, model::access_key_row(id)));
    co_return find_key(id);
}

}  // namespace larder::engine
