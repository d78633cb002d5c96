#include "replication/engine.h"

#include "replication/local_engine.h"
#include "src/base/log.h"
#include "src/codec/codec.h"

namespace larder::engine {

namespace {

constexpr io::NodeNumber kSelf = 1;
constexpr int kFormat = 1;
constexpr auto kFloorEvery = std::chrono::seconds(3);
constexpr std::int64_t kFloorAheadMs = 10'000;
constexpr std::int64_t kFloorStepsMs = 100;  // 6.5 million tags
constexpr std::size_t kChangesKept = 65'536;

std::string random_name(io::Random& random) {
    static constexpr std::array first = {"quiet", "brave", "amber", "early", "gentle", "silver", "mossy", "sunny"};
    static constexpr std::array second = {"heron", "otter", "maple", "badger", "willow", "lynx", "cedar", "plover"};
    return std::string(first[random.below(first.size())]) + "-" + second[random.below(second.size())];
}

struct Usage {
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
};

Usage decode_usage(const std::optional<std::string>& bytes) {
    if (!bytes) return {};
    codec::Reader in(*bytes);
    Usage usage;
    usage.objects = static_cast<std::int64_t>(in.u64());
    usage.bytes = static_cast<std::int64_t>(in.u64());
    return usage;
}

// Inside the change of an object row: what the old version alone referenced becomes garbage, and the bucket's usage
// moves.
Result<void> after_object_change(db::Writer& rows, const table::RowTransition& change) {
    const auto bucket = change.key.partition_key.substr(0, BucketId::kSize);
    TRY(const auto stored, rows.get(kUsageTree, bucket));
    auto usage = decode_usage(stored);
    // The content of a file with several names is counted once, by its names.
    const bool counted = !change.key.sort_key.starts_with('\0');
    std::vector<model::Owner> kept;
    std::optional<model::LinkId> kept_link;
    if (change.after.has_value()) {
        TRY(const auto object, model::decode_object(change.after.row));
        usage.objects += counted ? 1 : 0;
        usage.bytes += static_cast<std::int64_t>(object.size);
        kept = object.owners();
        kept_link = object.link;
    }
    if (change.before && change.before->has_value()) {
        TRY(const auto object, model::decode_object(change.before->row));
        usage.objects -= counted ? 1 : 0;
        usage.bytes -= static_cast<std::int64_t>(object.size);
        codec::Writer garbage;
        for (const auto& owner : object.owners()) {
            if (!std::binary_search(kept.begin(), kept.end(), owner)) garbage.raw(owner.view());
        }
        // Whoever removed the name may have told the content's row already; that it is told is seen to behind.
        if (object.link && kept_link != object.link) {
            codec::Writer lost;
            lost.bytes(change.key.partition_key).bytes(change.key.sort_key).raw(object.link->view());
            TRY_VOID(rows.put(kLostNamesTree, change.after.acc.encode() + change.key.sort_key, lost.view()));
        }
        if (garbage.size() > 0) {
            TRY_VOID(rows.put(kGarbageTree, change.after.acc.encode() + change.key.sort_key, garbage.view()));
        }
    }
    codec::Writer out;
    out.u64(static_cast<std::uint64_t>(usage.objects)).u64(static_cast<std::uint64_t>(usage.bytes));
    return rows.put(kUsageTree, bucket, out.view());
}

}  // namespace

LocalEngine::LocalEngine(io::Env& env, base::Metrics& metrics, Options options)
    : env_(env), metrics_(metrics), options_(std::move(options)), tasks_(env.executor) {}

LocalEngine::~LocalEngine() {
    closing_ = true;
    tasks_.stop();
}

// The node's identity and boot counter: one small file, replaced whole at each start.
Result<void> LocalEngine::read_identity() {
    const auto path = options_.meta_folder + "/node";
    TRY(const auto there, env_.disk.exists(path));
    if (!there) {
        node_ = env_.random.id<base::NodeId>();
        cluster_name_ = options_.cluster_name.empty() ? random_name(env_.random) : options_.cluster_name;
        return {};
    }
    TRY(const auto text, env_.disk.read_file(path));
    codec::Reader in(text);
    const auto format = in.u32();
    if (in.ok() && format > kFormat) {
        return fail(
            Code::unsupported, Subject::config,
            path + " is of format " + std::to_string(format) + ", newer than this larderd: install the newer one");
    }
    node_ = in.id<base::NodeId>();
    boot_ = in.u32();
    cluster_name_ = in.bytes();
    return in.finish(path);
}

Result<void> LocalEngine::write_identity() {
    codec::Writer out;
    out.u32(kFormat).raw(node_.view()).u32(boot_).bytes(cluster_name_);
    return env_.disk.write_file(options_.meta_folder + "/node", out.view());
}

Result<void> LocalEngine::lock_folder() {
    if (options_.create) {
        TRY_VOID(env_.disk.make_folder(options_.meta_folder));
    } else {
        TRY(const auto there, env_.disk.exists(options_.meta_folder + "/node"));
        if (!there) return fail(Code::not_found, Subject::node, "no node has been set up in " + options_.meta_folder);
    }
    TRY(lock_, env_.disk.lock(options_.meta_folder + "/lock"));
    return {};
}

// A time that no tag of an earlier boot was above, so that a clock set back over a restart leaves new writes the
// newest.
Task<Result<void>> LocalEngine::open_clock() {
    CO_TRY(const auto stored, db_->get(0, kClockTree, "floor"));
    std::uint64_t floor = 0;
    if (stored) {
        codec::Reader in(*stored);
        floor = in.u64();
        CO_TRY_VOID(in.finish("clock floor"));
    }
    tags_ = std::make_unique<quorum::TagSource>(env_.clock, kSelf, boot_, floor);
    co_return co_await raise_clock_floor();
}

Task<Result<void>> LocalEngine::raise_clock_floor() {
    const auto wall = base::make_hybrid(static_cast<std::uint64_t>(env_.clock.wall_now().ms), 0);
    // Tags follow the wall, or, while they are ahead of it, count on by single steps. Were the whole margin added to
    // tags that are ahead, each of many quick restarts would drive them farther, until replicas refuse them.
    const auto floor =
        std::max(wall + base::make_hybrid(kFloorAheadMs, 0), tags_->last() + base::make_hybrid(kFloorStepsMs, 0));
    codec::Writer out;
    out.u64(floor);
    return db_->commit(0, [row = out.take()](db::Writer& rows) { return rows.put(kClockTree, "floor", row); });
}

Task<Result<void>> LocalEngine::open() {
    CO_TRY_VOID(lock_folder());
    CO_TRY_VOID(read_identity());
    if (options_.identify) {
        CO_TRY(node_, options_.identify());
    }
    ++boot_;
    CO_TRY_VOID(write_identity());
    db::Options store;
    store.folder = options_.meta_folder + "/rows";
    store.cache_bytes = options_.cache_bytes;
    CO_TRY(db_, db::Db::open(env_, metrics_, store));
    for (const auto& part : db_->report().quarantined) {
        open_problems_.push_back("metadata was damaged and set aside: " + part + ". Restore it from a snapshot.");
    }
    CO_TRY_VOID(co_await open_clock());
    placement_ = std::make_unique<quorum::FixedPlacement>(std::vector<io::NodeNumber>{kSelf});
    rows_ = std::make_unique<table::DbRowStore>(*db_);
    rows_->add_hook(model::kObjects, after_object_change);
    rows_->observe(model::kObjects,
                   [this](const table::RowKey& key, const table::StoredRow& after) { object_changed(key, after); });
    replica_ = std::make_unique<table::Replica>(env_.network, *rows_, *placement_, *tags_);
    const auto coordinator = [this](table::TableId table) {
        auto rows = std::make_unique<table::Coordinator>(env_, *placement_, *tags_,
                                                         table::TableOptions{.table = table, .rules = {}});
        rows->use_local(*replica_, kSelf);
        return rows;
    };
    bucket_rows_ = coordinator(model::kBuckets);
    name_rows_ = coordinator(model::kBucketNames);
    key_rows_ = coordinator(model::kAccessKeys);
    object_table_ = coordinator(model::kObjects);
    object_rows_ = std::make_unique<MovedRows>(env_, *object_table_, [this](DirectoryMove move, std::string rest) {
        return bring_row(std::move(move), std::move(rest));
    });
    upload_rows_ = coordinator(model::kUploads);
    part_rows_ = coordinator(model::kParts);
    intent_rows_ = coordinator(model::kIntents);
    page_rows_ = coordinator(model::kPages);
    move_rows_ = coordinator(model::kMoves);
    for (const auto id : {model::kMembers, model::kInvitations, model::kLayouts}) cluster_rows_[id] = coordinator(id);
    block::StoreOptions blocks;
    blocks.folders = options_.data_folders;
    CO_TRY(blocks_, co_await block::BlockStore::open(env_, *db_, metrics_, blocks));
    CO_TRY_VOID(co_await load_control_rows());
    co_await undo_deletions();
    CO_TRY_VOID(co_await take_back_lost_blocks());
    CO_TRY_VOID(co_await finish_intents());
    CO_TRY_VOID(co_await take_up_moves());
    start_background();
    co_return Result<void>();
}

void LocalEngine::start_background() {
    tasks_.spawn(keep_clock_floor());
    tasks_.spawn(collect_garbage());
    tasks_.spawn(collect_tombstones());
}

// Keeps the stored floor ahead of every tag given, so that a clock set back over a restart repeats none.
Task<void> LocalEngine::keep_clock_floor() {
    for (std::uint64_t written = tags_->last();;) {
        co_await env_.clock.sleep_for(kFloorEvery);
        if (tags_->last() == written) continue;
        written = tags_->last();
        const auto done = co_await raise_clock_floor();
        if (!done) {
            base::log::error("the clock floor cannot be stored", "check the disk's space and health",
                             {{"reason", done.error().message}});
        }
    }
}

// All rows of a partition key, a page at a time.
Task<Result<std::size_t>> LocalEngine::collect_rows(std::string partition_key,
                                                    std::function<void(table::RangeEntry&)> visit,
                                                    table::Coordinator& rows) {
    table::RangeQuery query;
    query.partition_key = std::move(partition_key);
    std::size_t unreadable = 0;
    for (;;) {
        CO_TRY(auto page, co_await rows.range(query));
        for (auto& entry : page.entries) {
            if (entry.damaged) ++unreadable;
            if (!entry.damaged) visit(entry);
        }
        if (!page.truncated) co_return unreadable;
        query.start_after = page.entries.back().sort_key;
    }
}

Task<Result<void>> LocalEngine::load_control_rows() {
    const auto note = [this](const base::Error& error) {
        open_problems_.push_back("a control row cannot be read: " + error.message + ". Make the bucket or key again.");
    };
    CO_TRY(const auto lost_buckets, co_await collect_rows(
                                        "buckets",
                                        [&](table::RangeEntry& entry) {
                                            auto row = model::decode_bucket(entry.row);
                                            if (row) show(std::move(*row));
                                            if (!row) note(row.error());
                                        },
                                        *bucket_rows_));
    CO_TRY(const auto lost_keys, co_await collect_rows(
                                     "keys",
                                     [&](table::RangeEntry& entry) {
                                         auto key = model::decode_access_key(entry.row);
                                         if (key) keys_[key->id] = std::make_shared<const AccessKey>(*key);
                                         if (!key) note(key.error());
                                     },
                                     *key_rows_));
    for (auto lost = lost_buckets + lost_keys; lost > 0; --lost) {
        note({Code::corrupted, Subject::row, "it is damaged on the disk"});
    }
    co_return Result<void>();
}

Result<BucketUsage> LocalEngine::counted_usage(const BucketId& id) {
    Usage sum;
    for (db::ShardId shard = 0; shard < db_->shards(); ++shard) {
        TRY(const auto bytes, db_->get(shard, kUsageTree, id.view()));
        const auto part = decode_usage(bytes);
        sum.objects += part.objects;
        sum.bytes += part.bytes;
    }
    BucketUsage usage;
    usage.objects = static_cast<std::uint64_t>(std::max<std::int64_t>(sum.objects, 0));
    usage.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(sum.bytes, 0));
    return usage;
}

void LocalEngine::object_changed(const table::RowKey& key, const table::StoredRow& after) {
    const auto bucket = BucketId::from(std::string_view(key.partition_key).substr(0, BucketId::kSize));
    if (!bucket) return;
    if (after.tombstone) tombstones_.emplace_back(model::kObjects, key);
    tell({*bucket, key.sort_key, after.version, after.tombstone});
    if (garbage_wake_) garbage_wake_->set(io::Done{});
}

void LocalEngine::tell(ChangeEvent event) {
    changes_.push_back({++change_sequence_, std::move(event)});
    if (changes_.size() > kChangesKept) changes_.pop_front();
    for (auto& watcher : std::exchange(watchers_, {})) watcher.set(io::Done{});
}

Task<Result<ChangePage>> LocalEngine::watch(BucketId bucket, std::string prefix, std::string since,
                                            base::Instant deadline) {
    // A place is "boot.sequence": the log lives as long as the process, so a place of another boot is too old.
    const auto place = [this](std::uint64_t sequence) {
        return std::to_string(boot_) + "." + std::to_string(sequence);
    };
    ChangePage page;
    unsigned boot = boot_;
    unsigned long long after = change_sequence_;
    if (!since.empty() && std::sscanf(since.c_str(), "%u.%llu", &boot, &after) != 2) {
        co_return fail(Code::invalid_argument, Subject::request, "a place to watch from was not given by this node");
    }
    const auto oldest = changes_.empty() ? change_sequence_ : changes_.front().sequence - 1;
    if (boot != boot_ || after < oldest) {
        page.missed = true;
        page.next = place(change_sequence_);
        co_return page;
    }
    for (;;) {
        // One change a number, without gaps.
        const auto oldest_kept = changes_.empty() ? 0 : changes_.front().sequence;
        for (std::size_t at = after < oldest_kept ? 0 : after - oldest_kept + 1; at < changes_.size(); ++at) {
            const auto& event = changes_[at].event;
            if (event.bucket == bucket && event.key.starts_with(prefix)) page.events.push_back(event);
        }
        after = change_sequence_;
        if (!page.events.empty() || env_.clock.now() >= deadline) break;
        io::Promise<io::Done> woken(env_.executor);
        watchers_.push_back(woken);
        const auto timer = env_.clock.call_at(deadline, [woken] { woken.set(io::Done{}); });
        co_await woken.future();
        env_.clock.cancel(timer);
    }
    page.next = place(after);
    co_return page;
}

Task<Result<EngineStatus>> LocalEngine::status() {
    EngineStatus out;
    out.node = node_;
    out.cluster_name = cluster_name_;
    out.buckets = buckets_.size();
    out.problems = open_problems_;
    for (const auto& [id, state] : buckets_) {
        CO_TRY(const auto usage, counted_usage(id));
        out.objects += usage.objects;
        out.bytes += usage.bytes;
    }
    const auto blocks = blocks_->status();
    out.blocks = blocks.blocks;
    out.block_bytes = blocks.stored_bytes;
    for (const auto& folder : blocks.folders) {
        out.data_folders.push_back(
            {folder.path, folder.total_bytes, folder.free_bytes, folder.segment_bytes, folder.writable});
        if (!folder.problem.empty()) out.problems.push_back(folder.problem);
    }
    co_return out;
}

Task<Result<std::vector<std::string>>> LocalEngine::verify() {
    CO_TRY(const auto report, co_await blocks_->verify());
    auto damage = report.damage;
    CO_TRY_VOID(co_await each_object([&](BucketId bucket, std::string key, auto object) -> Task<Result<void>> {
        return check_object(bucket, std::move(key), std::move(object), damage);
    }));
    co_return damage;
}

Task<Result<void>> LocalEngine::snapshot(std::string folder) {
    return db_->snapshot(std::move(folder));
}

Task<Result<void>> LocalEngine::close() {
    closing_ = true;
    tasks_.stop();
    CO_TRY_VOID(co_await blocks_->close());
    CO_TRY_VOID(co_await raise_clock_floor());
    co_return db_->close();
}

Task<Result<std::unique_ptr<Engine>>> make_engine(io::Env& env, base::Metrics& metrics, Options options) {
    auto engine = std::make_unique<LocalEngine>(env, metrics, std::move(options));
    CO_TRY_VOID(co_await engine->open());
    co_return engine;
}

}  // namespace larder::engine
