#include "src/db/shard.h"

#include "src/base/log.h"

namespace larder::db {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr int kLogFramesBusy = 8192;  // 64 MiB of log before a checkpoint: many writes to one page then move it once
constexpr int kLogFramesIdle = 1024;
constexpr auto kIdle = std::chrono::seconds(2);
constexpr std::size_t kSpareReaders = 4;
constexpr std::size_t kSpareCacheBytes = 256 * 1024;

Result<void> run_look(Connection& connection, Look& look) {
    TRY_VOID(connection.run("BEGIN"));
    ConnectionReader reader(connection);
    auto result = look(reader);
    TRY_VOID(connection.run("COMMIT"));
    return result;
}

}  // namespace

Shard::Shard(io::Env& env, ShardOptions options) : env_(env), options_(std::move(options)) {}

Result<std::unique_ptr<Shard>> Shard::open(io::Env& env, ShardOptions options) {
    std::unique_ptr<Shard> shard(new Shard(env, std::move(options)));
    const auto& o = shard->options_;
    TRY(shard->writer_, Connection::open(o.vfs, o.path, Access::write, o.cache_bytes / 2));
    TRY(shard->reader_, Connection::open(o.vfs, o.path, Access::read, o.cache_bytes / 2));
    shard->thread_ = std::thread([raw = shard.get()] { raw->commit_loop(); });
    return shard;
}

Shard::~Shard() {
    (void)close();
}

io::Task<Result<void>> Shard::commit(Change change) {
    io::Promise<Result<void>> done(env_.executor);
    bool first = false;
    {
        const std::lock_guard hold(mutex_);
        if (ending_) co_return base::fail(Code::shutting_down, "the store is closing");
        first = queue_.empty();
        queue_.push_back({std::move(change), done});
    }
    // A thread at work looks at the queue by itself when its group is done.
    if (first) wake_.notify_one();
    co_return co_await done.future();
}

Result<void> Shard::look(Look look) {
    return run_look(*reader_, look);
}

Result<std::unique_ptr<Connection>> Shard::take_spare() {
    {
        const std::lock_guard hold(spare_mutex_);
        if (!spare_.empty()) {
            auto connection = std::move(spare_.back());
            spare_.pop_back();
            return connection;
        }
    }
    return Connection::open(options_.vfs, options_.path, Access::read, kSpareCacheBytes);
}

Result<void> Shard::look_on_pool(Look look) {
    TRY(auto connection, take_spare());
    auto result = run_look(*connection, look);
    const std::lock_guard hold(spare_mutex_);
    if (spare_.size() < kSpareReaders) spare_.push_back(std::move(connection));
    return result;
}

void Shard::commit_loop() {
    std::unique_lock hold(mutex_);
    for (;;) {
        if (queue_.empty() && !ending_ && !wake_.wait_for(hold, kIdle, [this] { return !queue_.empty() || ending_; })) {
            hold.unlock();
            tend_log(true);
            hold.lock();
            if (queue_.empty() && !ending_) {
                // Nothing to do until something comes: no more waking up.
                wake_.wait(hold, [this] { return !queue_.empty() || ending_; });
            }
        }
        if (queue_.empty() && ending_) return;
        auto group = std::exchange(queue_, {});
        hold.unlock();
        commit_group(std::move(group));
        tend_log(false);
        hold.lock();
    }
}

void Shard::commit_group(Group group) {
    const auto started = env_.clock.now();
    Overlay overlay;
    std::vector<Result<void>> results;
    results.reserve(group.size());
    for (auto& pending : group) {
        OverlayWriter writer(*writer_, overlay);
        results.push_back(pending.change(writer));
        if (!results.back()) continue;
        for (auto& [key, value] : writer.take()) overlay.insert_or_assign(key, std::move(value));
    }
    if (const auto applied = apply(overlay); !applied) {
        for (auto& result : results) {
            if (result) result = applied;
        }
    }
    options_.metrics.commit_seconds.observe(std::chrono::duration<double>(env_.clock.now() - started).count());
    options_.metrics.commits.add(static_cast<double>(group.size()));
    options_.metrics.groups.add();
    env_.executor.post([group = std::move(group), results = std::move(results)]() mutable {
        for (std::size_t i = 0; i < group.size(); ++i) group[i].done.set(std::move(results[i]));
    });
}

Result<void> Shard::apply(const Overlay& group) {
    if (failed_) {
        return base::fail(Code::io_failure, Subject::disk,
                          options_.path + " failed to sync earlier; restart larderd after checking the disk");
    }
    if (group.empty()) return {};
    auto done = writer_->run("BEGIN IMMEDIATE");
    for (auto row = group.begin(); done && row != group.end(); ++row) {
        done = row->second ? writer_->put(row->first, *row->second) : writer_->erase(row->first);
    }
    if (done) done = writer_->run("COMMIT");
    if (done) return {};
    (void)writer_->run("ROLLBACK");
    if (done.error().code == Code::io_failure) {
        failed_ = true;
        base::log::error("the metadata store cannot be written", "check the disk (dmesg), then restart larderd",
                         {{"file", options_.path}, {"reason", done.error().message}});
    }
    return done;
}

// Keeps the write-ahead log short without ever making a commit wait for more than one passive checkpoint.
void Shard::tend_log(bool idle) {
    if (failed_) return;
    // The hook of SQLite tells the length of the log after each commit.
    const int frames = writer_->log_frames();
    options_.metrics.log_frames.set(frames);
    if (frames < (idle ? kLogFramesIdle : kLogFramesBusy)) return;
    const auto done = writer_->checkpoint(idle);
    if (!done) {
        base::log::error("a checkpoint failed", "check the disk's free space and health",
                         {{"file", options_.path}, {"reason", done.error().message}});
    }
}

Result<void> Shard::close() {
    {
        const std::lock_guard hold(mutex_);
        if (ending_) return closed_;
        ending_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
    spare_.clear();
    reader_.reset();
    if (writer_ && !failed_) {
        if (const auto done = writer_->checkpoint(true); !done) closed_ = base::fail(done.error());
    }
    writer_.reset();
    return closed_;
}

}  // namespace larder::db
