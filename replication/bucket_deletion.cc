// Buckets that go. A write on another node may not have heard of it, so the replicas have the last word (decision 31):
// the bucket's row says that it is being deleted, then a quorum of the replicas of its rows takes nothing new, durably,
// and only then is it looked whether the bucket is empty.
#include "replication/local_engine.h"
#include "src/base/log.h"

namespace larder::engine {

namespace {

constexpr auto kDrainPause = std::chrono::milliseconds(1);
constexpr auto kRetryPause = std::chrono::seconds(1);
constexpr auto kClosePatience = std::chrono::seconds(5);

std::unexpected<base::Error> no_bucket() {
    return fail(Code::not_found, Subject::bucket, "the bucket does not exist");
}
std::unexpected<base::Error> not_empty() {
    return fail(Code::conflict, Subject::bucket, "the bucket is not empty");
}

}  // namespace

Task<Result<Tag>> LocalEngine::begin_deletion(BucketId id) {
    const auto decide = [this](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_bucket();
        TRY(auto row, model::decode_bucket(current.value->row));
        if (row.deleting) return no_bucket();
        row.deleting = true;
        row.deleter = self();
        row.deleter_boot = boot_;
        return table::Decision{table::Value{model::encode_bucket(row), {}}};
    };
    CO_TRY(const auto written, co_await update_control(model::kBuckets, model::bucket_row(id), decide));
    co_return written.version;
}

// The deletion that this boot of this node has begun takes effect.
Task<Result<void>> LocalEngine::end_deletion(BucketId id, std::shared_ptr<BucketState> state) {
    const auto decide = [this](const table::Row& current, Tag) -> Result<table::Decision> {
        if (!current.exists()) return no_bucket();
        TRY(const auto row, model::decode_bucket(current.value->row));
        if (!row.deleting || row.deleter != self() || row.deleter_boot != boot_) return no_bucket();
        return table::Decision{};
    };
    const auto names = state->row.bucket.names;
    CO_TRY_VOID(co_await update_control(model::kBuckets, model::bucket_row(id), decide));
    for (const auto& name : names) co_await release_name(name, id);
    for (const auto& key : keys()) {
        if (!key->rights.contains(id)) continue;
        (void)co_await update_key(key->id, [id](AccessKey& edited) -> Result<void> {
            edited.rights.erase(id);
            return {};
        });
    }
    co_return Result<void>();
}

Task<Result<void>> LocalEngine::take_back_deletion(BucketId id, io::NodeNumber node, std::uint32_t boot) {
    const auto decide = [node, boot](const table::Row& current, Tag) -> Result<table::Decision> {
        const auto nothing_to_do = fail(Code::precondition_failed, "the bucket is not being deleted");
        if (!current.exists()) return nothing_to_do;
        TRY(auto row, model::decode_bucket(current.value->row));
        if (!row.deleting || row.deleter != node || row.deleter_boot != boot) return nothing_to_do;
        row.deleting = false;
        return table::Decision{table::Value{model::encode_bucket(row), {}}};
    };
    const auto done = co_await update_control(model::kBuckets, model::bucket_row(id), decide);
    if (!done && !done.error().is(Code::precondition_failed)) co_return fail(done.error());
    co_return Result<void>();
}

Task<void> LocalEngine::take_back_later(BucketId id) {
    while (!co_await take_back_deletion(id, self(), boot_)) co_await env_.clock.sleep_for(kRetryPause);
}

Task<Result<void>> LocalEngine::delete_bucket(BucketId id) {
    CO_TRY(const auto state, bucket_for_write(id));
    if (!members_->alone()) {
        // Whatever was left half done there is brought to an end while it still can be.
        ListQuery any;
        any.limit = 1;
        CO_TRY(const auto page, co_await list_objects(id, any));
        if (!page.objects.empty()) co_return not_empty();
    }
    const auto mark = co_await begin_deletion(id);
    Result<void> emptied;
    if (mark) emptied = co_await empty_bucket(id, state, *mark);
    if (!mark) emptied = fail(mark.error());
    if (emptied) emptied = co_await end_deletion(id, state);
    if (emptied) co_return emptied;
    // The bucket stays. A node alone whose disk does not take that now does so at its next start.
    const auto taken_back = co_await take_back_deletion(id, self(), boot_);
    if (!taken_back && members_->alone()) state->row.deleting = false;
    if (!taken_back && !members_->alone() && !closing_) tasks_.spawn(take_back_later(id));
    co_return emptied;
}

// No write begins here any more; those under way are waited for, so that "empty" stays true.
Task<Result<void>> LocalEngine::empty_bucket(BucketId id, std::shared_ptr<BucketState> state, Tag mark) {
    while (state->writes > 0) co_await env_.clock.sleep_for(kDrainPause);
    // The replicas that are closed have to be those that are listed.
    for (quorum::Epoch epoch = 0;;) {
        epoch = members_->placement().epoch();
        if (!members_->alone()) CO_TRY_VOID(co_await close_bucket(id, state->row.index_shards, mark));
        ListQuery any;
        any.limit = 1;
        CO_TRY(const auto page, co_await list_objects(id, any));
        if (!page.objects.empty()) co_return not_empty();
        if (epoch == members_->placement().epoch()) break;
    }
    co_return co_await abort_bucket_uploads(id);
}

// Any write that is acknowledged from now on would need a replica that refuses it.
Task<Result<void>> LocalEngine::close_bucket(BucketId id, std::uint16_t shards, Tag mark) {
    const auto& placement = members_->placement();
    std::vector<quorum::Replicas> sets{placement.replicas(placement.partition_of(id.view()))};
    for (std::uint16_t shard = 0; shard < shards; ++shard) {
        sets.push_back(placement.replicas(placement.partition_of(model::index_shard(id, shard))));
    }
    std::set<io::NodeNumber> nodes;
    for (const auto& set : sets) nodes.insert(set->nodes.begin(), set->nodes.end());
    const auto closed = co_await ask_peers({nodes.begin(), nodes.end()}, peer::CloseBucket{id, mark}, kClosePatience);
    for (const auto& set : sets) {
        if (set->reached([&](auto at) { return std::ranges::find(closed, set->nodes[at]) != closed.end(); })) continue;
        co_return fail(Code::quorum_not_reached, Subject::bucket, "too few replicas of the bucket answered");
    }
    co_return Result<void>();
}

Task<Result<io::Message>> LocalEngine::answer(peer::CloseBucket ask) {
    const auto key = model::bucket_row(ask.bucket);
    const auto partition = members_->placement().partition_of(key.partition_key);
    CO_TRY(const auto row, rows_->get(model::kBuckets, partition, key));
    if (row && row->has_value() && row->version > ask.mark) {
        CO_TRY(const auto now, model::decode_bucket(row->row));
        if (!now.deleting) co_return fail(Code::conflict, Subject::bucket, "the deletion has been taken back");
    }
    CO_TRY_VOID(co_await set_closed(ask.bucket, ask.mark, true));
    co_return io::Message{};
}

// On every shard of this node, since any of them may hold rows of it.
Task<Result<void>> LocalEngine::set_closed(BucketId id, Tag version, bool closed) {
    closed_.insert(id);
    Result<void> outcome;
    const auto one = [](db::Db& db, db::ShardId shard, std::string bucket, std::pair<Tag, bool> to,
                        Result<void>& out) -> Task<void> {
        auto done = co_await db.commit(shard, [bucket = std::move(bucket), to](db::Writer& rows) {
            return to.second ? close_count(rows, bucket, to.first) : open_count(rows, bucket, to.first);
        });
        if (!done) out = std::move(done);
    };
    io::TaskGroup group(env_.executor);
    for (db::ShardId shard = 0; shard < db_->shards(); ++shard) {
        group.spawn(one(*db_, shard, std::string(id.view()), {version, closed}, outcome));
    }
    co_await group.join();
    co_return outcome;
}

// Also on nodes that were away: the bucket's row tells them.
Task<void> LocalEngine::follow_deletion(BucketId id, Tag version, bool closed) {
    const auto done = co_await set_closed(id, version, closed);
    if (!done) {
        base::log::warning("a bucket's deletion could not be followed", {{"reason", done.error().message}});
    }
}

// Rows that a write left on this replica alone, in a bucket that is gone: nobody will ever complete them.
Task<void> LocalEngine::sweep_bucket(BucketId id, std::uint16_t shards) {
    for (std::uint16_t shard = 0; shard < shards; ++shard) {
        const auto partition_key = model::index_shard(id, shard);
        const auto partition = members_->placement().partition_of(partition_key);
        std::vector<std::string> left;
        const auto scanned = rows_->scan(model::kObjects, partition, partition_key, {}, 0,
                                         [&left](std::string_view key, const table::RowView& row) {
                                             if (row.has_value()) left.emplace_back(key);
                                             return Result<table::ScanStep>(table::ScanStep{});
                                         });
        if (!scanned) co_return;
        for (const auto& key : left) {
            while (!co_await object_table_->write({partition_key, key}, std::nullopt)) {
                co_await env_.clock.sleep_for(kRetryPause);
            }
        }
    }
}

Result<void> LocalEngine::load_closed() {
    for (db::ShardId shard = 0; shard < db_->shards(); ++shard) {
        TRY_VOID(db_->look(shard, [this](db::Reader& reader) -> Result<void> {
            TRY(const auto cursor, reader.cursor(kUsageTree));
            TRY_VOID(cursor->seek({}));
            while (cursor->valid()) {
                const auto id = BucketId::from(cursor->key());
                TRY(const auto count, decode_count(std::string(cursor->value())));
                if (id && !count.closed.is_zero()) closed_.insert(*id);
                TRY_VOID(cursor->next());
            }
            return {};
        }));
    }
    return {};
}

// Deletions of a node that were cut off have not happened.
Task<Result<void>> LocalEngine::undo_deletions(io::NodeNumber node) {
    for (const auto& [id, state] : std::map(control_.states())) {
        const auto& row = state->row;
        const bool his = row.deleter == node || (row.deleter == 0 && node == self());
        if (!row.deleting || !his || (node == self() && row.deleter_boot == boot_)) continue;
        const auto done = co_await take_back_deletion(id, row.deleter, row.deleter_boot);
        // Not even a full disk keeps a node alone from starting with it undone.
        if (!done && members_->alone()) state->row.deleting = false;
        if (!done && !members_->alone()) co_return done;
    }
    co_return Result<void>();
}

}  // namespace larder::engine
