#include "src/db/shard.h"

#include "src/base/log.h"

namespace larder::db {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr auto kIdle = std::chrono::seconds(2);
constexpr std::size_t kGroupBytesMax = 1 << 20;
constexpr std::size_t kSpareReaders = 4;
constexpr std::size_t kSpareCacheBytes = 256 * 1024;

// The rows of `from` over those of `to`, without copying them.
std::size_t merge(Overlay from, Overlay& to) {
    std::size_t bytes = 0;
    while (!from.empty()) {
        auto row = from.extract(from.begin());
        bytes += row.key().size() + (row.mapped() ? row.mapped()->size() : 0);
        if (const auto there = to.find(row.key()); there != to.end()) {
            there->second = std::move(row.mapped());
        } else {
            to.insert(std::move(row));
        }
    }
    return bytes;
}

}  // namespace

Shard::Shard(io::Env& env, ShardOptions options) : env_(env), options_(std::move(options)) {}

Result<std::unique_ptr<Shard>> Shard::open(io::Env& env, ShardOptions options) {
    std::unique_ptr<Shard> shard(new Shard(env, std::move(options)));
    TRY_VOID(shard->open_files());
    if (shard->options_.threads) shard->thread_ = std::thread([raw = shard.get()] { raw->commit_loop(); });
    return shard;
}

Result<void> Shard::open_files() {
    const auto& o = options_;
    TRY(auto writer, Connection::open(o.vfs, o.path, Access::write, o.cache_bytes / 4));
    TRY(auto mark, read_mark(*writer));
    is_new_ = mark.identity == 0;
    if (is_new_) {
        mark.identity = env_.random.next() | 1;
        TRY_VOID(writer->run("BEGIN IMMEDIATE"));
        TRY_VOID(write_mark(*writer, mark));
        TRY_VOID(writer->run("COMMIT"));
    }
    TRY(change_reader_, Connection::open(o.vfs, o.path, Access::read, o.cache_bytes / 4));
    TRY(engine_reader_, Connection::open(o.vfs, o.path, Access::read, o.cache_bytes / 2));
    TRY(log_, GroupLog::open(env_.disk, {o.log_path, mark.identity, o.log_file_bytes}));
    TRY(auto recovered, log_->recover(mark.poured, tables_));
    damage_ = std::move(recovered.damage);
    pourer_ = std::make_unique<Pourer>(env_.clock, std::move(writer), tables_, o.metrics.pourer,
                                       Pourer::Options{mark.identity, o.threads});
    if (recovered.full) pourer_->start(*recovered.full);
    return {};
}

Shard::~Shard() {
    stop_committing();
    wait_for_tickets();
    pourer_.reset();
}

io::Task<Result<void>> Shard::commit(Change change, Afterwards afterwards) {
    io::Promise<Result<void>> done(env_.executor);
    bool first = false;
    {
        const std::lock_guard hold(mutex_);
        if (ending_) co_return base::fail(Code::shutting_down, "the store is closing");
        first = queue_.empty();
        queue_.push_back({std::move(change), std::move(afterwards), done});
    }
    // A thread at work looks at the queue by itself when its group is done.
    if (first && options_.threads) wake_.notify_one();
    if (first && !options_.threads) {
        env_.executor.post([here = std::weak_ptr(here_)] {
            const auto shard = here.lock();
            if (!shard) return;
            std::unique_lock hold((*shard)->mutex_);
            (*shard)->commit_queued(hold);
        });
    }
    co_return co_await done.future();
}

Result<std::optional<std::string>> Shard::get(TreeId tree, std::string_view key) {
    // Within a look, what lies in memory must be of the look's moment as what SQLite shows is.
    return StoreReader(*engine_reader_, engine_view_ ? *engine_view_ : tables_.layers()).get(tree, key);
}

Result<void> Shard::look(Look look) {
    if (engine_view_) {
        StoreReader reader(*engine_reader_, *engine_view_);
        return look(reader);
    }
    TRY(engine_view_, tables_.open_view(*engine_reader_));
    StoreReader reader(*engine_reader_, *engine_view_);
    auto result = look(reader);
    engine_reader_->end_view();
    engine_view_.reset();
    return result;
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
    TRY(auto layers, tables_.open_view(*connection));
    Result<void> result;
    {
        StoreReader reader(*connection, std::move(layers));
        result = look(reader);
    }
    connection->end_view();
    const std::lock_guard hold(spare_mutex_);
    if (spare_.size() < kSpareReaders) spare_.push_back(std::move(connection));
    return result;
}

Result<std::string> Shard::check() {
    TRY(const auto connection, Connection::open(options_.vfs, options_.path, Access::read, kSpareCacheBytes));
    {
        const std::lock_guard hold(mutex_);
        if (ending_) return base::fail(Code::shutting_down, "the store is closing");
        checking_.push_back(connection.get());
    }
    auto verdict = connection->check(true);
    const std::lock_guard hold(mutex_);
    std::erase(checking_, connection.get());
    if (!verdict && ending_) return base::fail(Code::shutting_down, "the store is closing");
    return verdict;
}

void Shard::commit_loop() {
    std::unique_lock hold(mutex_);
    for (;;) {
        rest(hold);
        if (drains_asked_ > drains_done_) {
            const auto asked = drains_asked_;
            hold.unlock();
            auto outcome = pour_all(true);
            hold.lock();
            drains_done_ = asked;
            drain_outcome_ = std::move(outcome);
            drained_.notify_all();
        }
        if (queue_.empty()) {
            if (ending_) return;
            continue;
        }
        commit_queued(hold);
    }
}

// Held: mutex_, but for the time it takes.
void Shard::commit_queued(std::unique_lock<std::mutex>& hold) {
    auto queued = std::exchange(queue_, {});
    hold.unlock();
    for (std::size_t done = 0; done < queued.size();) done += commit_group(std::span(queued).subspan(done));
    hold.lock();
}

// Waits for something to do. Held: mutex_.
void Shard::rest(std::unique_lock<std::mutex>& hold) {
    const auto busy = [this] { return !queue_.empty() || ending_ || drains_asked_ > drains_done_; };
    if (busy() || wake_.wait_for(hold, kIdle, busy)) return;
    // A store at rest keeps nothing in memory, and after a crash has nothing to read again.
    hold.unlock();
    (void)pour_all(false);
    hold.lock();
    wake_.wait(hold, busy);
}

// Commits changes from the front of the queue as one group, as many as fit; returns how many.
std::size_t Shard::commit_group(std::span<Pending> queued) {
    const auto started = env_.clock.now();
    StoreReader store(*change_reader_, tables_.layers());
    Overlay overlay;
    std::vector<Result<void>> results;
    std::size_t bytes = 0;
    while (results.size() < queued.size() && bytes < kGroupBytesMax) {
        OverlayWriter writer(store, overlay);
        results.push_back(queued[results.size()].change(writer));
        if (results.back()) bytes += merge(writer.take(), overlay);
    }
    if (const auto durable = make_durable(overlay); !durable) {
        for (auto& result : results) {
            if (result) result = durable;
        }
    }
    options_.metrics.commit_seconds.observe(std::chrono::duration<double>(env_.clock.now() - started).count());
    options_.metrics.commits.add(static_cast<double>(results.size()));
    options_.metrics.groups.add();
    std::vector<Pending> group(std::make_move_iterator(queued.begin()),
                               std::make_move_iterator(queued.begin() + static_cast<std::ptrdiff_t>(results.size())));
    const auto count = results.size();
    env_.executor.post([group = std::move(group), results = std::move(results)]() mutable {
        for (std::size_t i = 0; i < group.size(); ++i) {
            if (results[i] && group[i].afterwards) group[i].afterwards();
            group[i].done.set(std::move(results[i]));
        }
    });
    return count;
}

Result<void> Shard::make_durable(const Overlay& group) {
    if (failed_) {
        return base::fail(Code::io_failure, Subject::disk,
                          options_.path + " could not be written earlier; check the disk, then restart larderd");
    }
    if (group.empty()) return {};
    const auto payload = encode_group(group);
    const auto sequence = log_->last_sequence() + 1;
    auto done = make_room(payload.size());
    if (done) done = log_->append(payload, sequence);
    if (done) {
        tables_.add(group, sequence);
        return {};
    }
    if (done.error().code != Code::no_space && done.error().code != Code::shutting_down) {
        failed_ = true;
        base::log::error("the metadata store cannot be written", "check the disk (dmesg), then restart larderd",
                         {{"file", options_.path}, {"reason", done.error().message}});
    }
    return done;
}

Result<void> Shard::make_room(std::size_t payload_bytes) {
    if (log_->has_room(payload_bytes)) return {};
    TRY_VOID(pourer_->finish());
    tables_.freeze();
    pourer_->start(log_->turn());
    return {};
}

// Gives all rows in memory to the pourer; waits for it when asked to.
Result<void> Shard::pour_all(bool wait) {
    if (failed_) return base::fail(Code::io_failure, Subject::disk, options_.path + " could not be written earlier");
    if (!tables_.nothing_active()) {
        TRY_VOID(pourer_->finish());
        tables_.freeze();
        pourer_->start(log_->turn());
    }
    return wait ? pourer_->finish() : Result<void>();
}

Result<void> Shard::drain() {
    if (!options_.threads) return pour_all(true);
    std::unique_lock hold(mutex_);
    if (ending_) return base::fail(Code::shutting_down, "the store is closing");
    const auto mine = ++drains_asked_;
    wake_.notify_one();
    drained_.wait(hold, [&] { return drains_done_ >= mine; });
    return drain_outcome_;
}

std::shared_ptr<void> Shard::ticket() {
    const std::lock_guard hold(mutex_);
    ++tickets_;
    return {this, [](Shard* shard) {
                const std::lock_guard locked(shard->mutex_);
                if (--shard->tickets_ == 0) shard->no_tickets_.notify_all();
            }};
}

void Shard::stop_committing() {
    {
        const std::lock_guard hold(mutex_);
        ending_ = true;
        for (auto* connection : checking_) connection->interrupt();
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Shard::wait_for_tickets() {
    std::unique_lock hold(mutex_);
    no_tickets_.wait(hold, [this] { return tickets_ == 0; });
}

Result<void> Shard::close() {
    if (closed_) return *closed_;
    if (!options_.threads) {
        std::unique_lock hold(mutex_);
        commit_queued(hold);
    }
    stop_committing();
    wait_for_tickets();
    closed_ = pour_all(true);
    pourer_->stop();
    spare_.clear();
    engine_reader_.reset();
    change_reader_.reset();
    if (*closed_) closed_ = pourer_->checkpoint_all();
    return *closed_;
}

}  // namespace larder::db
