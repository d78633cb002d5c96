#include "replication/engine.h"

#include "replication/local_engine.h"
#include "src/base/log.h"
#include "src/codec/codec.h"

namespace larder::engine {

namespace {

constexpr int kFormat = 1;
constexpr auto kFloorEvery = std::chrono::seconds(3);
constexpr std::int64_t kFloorAheadMs = 10'000;
constexpr std::int64_t kFloorStepsMs = 100;  // 6.5 million tags
constexpr auto kRecoverPause = std::chrono::seconds(1);

std::string random_name(io::Random& random) {
    static constexpr std::array first = {"quiet", "brave", "amber", "early", "gentle", "silver", "mossy", "sunny"};
    static constexpr std::array second = {"heron", "otter", "maple", "badger", "willow", "lynx", "cedar", "plover"};
    return std::string(first[random.below(first.size())]) + "-" + second[random.below(second.size())];
}

}  // namespace

LocalEngine::LocalEngine(io::Env& env, base::Metrics& metrics, Options options)
    : env_(env), metrics_(metrics), options_(std::move(options)), members_(options_.members), tasks_(env.executor) {
    if (members_ != nullptr || options_.contacts != nullptr) return;
    only_me_ = std::make_unique<FixedMembers>(std::vector<io::NodeNumber>{self()});
    members_ = only_me_.get();
}

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
    tags_ = std::make_unique<quorum::TagSource>(env_.clock, self(), boot_, floor);
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
    store.threads = options_.threads;
    CO_TRY(db_, db::Db::open(env_, metrics_, store));
    for (const auto& part : db_->report().quarantined) {
        open_problems_.push_back("metadata was damaged and set aside: " + part + ". Restore it from a snapshot.");
    }
    CO_TRY_VOID(co_await open_clock());
    if (options_.contacts != nullptr) {
        company_ = std::make_unique<Company>(env_, *db_, *tags_, *options_.contacts, node_);
        members_ = company_.get();
    }
    make_tables();
    if (company_) CO_TRY_VOID(co_await company_->open(*replica_, *rows_, boot_, options_.first_layout));
    block::StoreOptions blocks;
    blocks.folders = options_.data_folders;
    if (company_) {
        CO_TRY(blocks_, co_await company_->open_blocks(metrics_, blocks));
    } else {
        CO_TRY(blocks_, co_await block::BlockStore::open(env_, *db_, metrics_, blocks));
    }
    CO_TRY_VOID(load_control_rows());
    CO_TRY_VOID(load_closed());
    serve_peers();
    // Of several nodes each starts by itself; what takes a quorum waits for one.
    if (members_->alone()) {
        CO_TRY_VOID(co_await recover());
    } else {
        tasks_.spawn(recover_later());
    }
    start_background();
    co_return Result<void>();
}

void LocalEngine::make_tables() {
    rows_ = std::make_unique<table::DbRowStore>(*db_);
    observe_rows();
    static const std::set<table::TableId> everywhere{model::kBuckets, model::kBucketNames, model::kAccessKeys,
                                                     model::kMembers, model::kInvitations, model::kLayouts,
                                                     model::kMoves};
    const auto& placement = members_->placement();
    const auto coordinator = [&](table::TableId table) {
        table::TableOptions options{.table = table, .rules = {}};
        options.everywhere = everywhere.contains(table);
        auto rows = std::make_unique<table::Coordinator>(env_, placement, *tags_, options);
        if (auto* epochs = members_->epochs()) rows->use_epochs(*epochs);
        if (const auto* distances = members_->distances()) rows->use_distances(*distances);
        rows->use_local(*replica_, self());
        return rows;
    };
    replica_ = std::make_unique<table::Replica>(env_.network, *rows_, placement, *tags_);
    if (auto* epochs = members_->epochs()) replica_->use_epochs(env_.executor, *epochs, everywhere);
    bucket_rows_ = coordinator(model::kBuckets);
    name_rows_ = coordinator(model::kBucketNames);
    key_rows_ = coordinator(model::kAccessKeys);
    move_rows_ = coordinator(model::kMoves);
    object_table_ = coordinator(model::kObjects);
    object_rows_ = std::make_unique<MovedRows>(env_, *object_table_, [this](DirectoryMove move, std::string rest) {
        return bring_row(std::move(move), std::move(rest));
    });
    upload_rows_ = coordinator(model::kUploads);
    part_rows_ = coordinator(model::kParts);
    intent_rows_ = coordinator(model::kIntents);
    page_rows_ = coordinator(model::kPages);
    for (const auto table : {model::kMembers, model::kInvitations, model::kLayouts}) {
        cluster_rows_[table] = coordinator(table);
    }
}

void LocalEngine::observe_rows() {
    rows_->add_hook(model::kObjects, after_object_change);
    rows_->add_hook(model::kUploads, after_upload_change);
    rows_->observe(model::kObjects,
                   [this](const table::RowKey& key, const table::StoredRow& after) { object_changed(key, after); });
    for (const auto table : {model::kBuckets, model::kBucketNames, model::kAccessKeys}) {
        rows_->observe(table, [this, table](const table::RowKey& key, const table::StoredRow& after) {
            control_changed(table, key, after);
        });
    }
}

// What the last stop left half done.
Task<Result<void>> LocalEngine::recover() {
    CO_TRY_VOID(co_await undo_deletions(self()));
    CO_TRY_VOID(co_await take_back_lost_blocks());
    CO_TRY_VOID(co_await finish_intents(self()));
    co_return co_await take_up_moves();
}

Task<void> LocalEngine::recover_later() {
    for (bool told = false;;) {
        const auto done = co_await recover();
        if (done) co_return;
        if (!std::exchange(told, true)) {
            base::log::warning("what the last stop left half done waits for other nodes",
                               {{"reason", done.error().message}});
        }
        co_await env_.clock.sleep_for(kRecoverPause);
    }
}

void LocalEngine::start_background() {
    tasks_.spawn(keep_clock_floor());
    tasks_.spawn(refresh_control());
    tasks_.spawn(collect_garbage());
    tasks_.spawn(collect_tombstones());
    if (company_) company_->start(tasks_);
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

Task<Result<EngineStatus>> LocalEngine::status() {
    EngineStatus out;
    out.node = node_;
    out.cluster_name = cluster_name_;
    out.buckets = control_.states().size();
    out.problems = open_problems_;
    for (const auto& [id, state] : std::map(control_.states())) {
        CO_TRY(const auto usage, co_await counted_usage(id));
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
