#include "src/db/pourer.h"

#include "src/base/log.h"
#include "src/codec/codec.h"

namespace larder::db {

using base::Code;
using base::Result;

namespace {

constexpr TreeId kOwnTree = 0xffff;
constexpr int kLogPagesBusy = 4096;  // 32 MiB of SQLite's log before a checkpoint: many writes to a page move it once
constexpr auto kIdle = std::chrono::seconds(2);

std::string mark_key() {
    return stored_key(kOwnTree, "mark");
}

double seconds(base::Duration d) {
    return std::chrono::duration<double>(d).count();
}

}  // namespace

Result<ShardMark> read_mark(Connection& connection) {
    TRY(const auto bytes, connection.get(mark_key()));
    if (!bytes) return ShardMark{};
    codec::Reader in(*bytes);
    ShardMark mark;
    mark.identity = in.u64();
    mark.poured = in.u64();
    TRY_VOID(in.finish("shard mark"));
    return mark;
}

Result<void> write_mark(Connection& connection, ShardMark mark) {
    codec::Writer out;
    return connection.put(mark_key(), out.u64(mark.identity).u64(mark.poured).take());
}

Pourer::Pourer(io::Clock& clock, std::unique_ptr<Connection> writer, Tables& tables, PourerMetrics metrics,
               Options options)
    : clock_(clock), writer_(std::move(writer)), tables_(tables), metrics_(metrics), options_(options) {
    if (options_.thread) thread_ = std::thread([this] { loop(); });
}

Pourer::~Pourer() {
    stop();
}

void Pourer::start(Epoch epoch) {
    {
        const std::lock_guard hold(mutex_);
        epoch_ = epoch;
        state_ = State::asked;
    }
    if (!options_.thread) return pour_now();
    wake_.notify_one();
}

void Pourer::pour_now() {
    const auto outcome = pour();
    state_ = outcome ? State::idle : State::failed;
    if (!outcome) error_ = outcome.error();
    if (writer_->log_frames() >= kLogPagesBusy) checkpoint(false);
}

Result<void> Pourer::finish() {
    if (!options_.thread) {
        if (state_ == State::failed) pour_now();
        return state_ == State::failed ? base::fail(error_) : Result<void>();
    }
    std::unique_lock hold(mutex_);
    if (state_ == State::failed) {
        state_ = State::asked;
        wake_.notify_one();
    }
    done_.wait(hold, [this] { return state_ != State::asked || ending_; });
    if (state_ == State::idle) return {};
    if (state_ == State::failed) return base::fail(error_);
    return base::fail(Code::shutting_down, "the store is closing");
}

void Pourer::stop() {
    {
        const std::lock_guard hold(mutex_);
        ending_ = true;
    }
    wake_.notify_one();
    done_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Pourer::loop() {
    const auto wanted = [this] { return state_ == State::asked || ending_; };
    std::unique_lock hold(mutex_);
    for (;;) {
        if (!wake_.wait_for(hold, kIdle, wanted)) {
            // At rest the log is empty; then no more waking up.
            hold.unlock();
            if (writer_->log_frames() > 0) checkpoint(true);
            hold.lock();
            wake_.wait(hold, wanted);
        }
        if (ending_) return;
        hold.unlock();
        const auto outcome = pour();
        hold.lock();
        state_ = outcome ? State::idle : State::failed;
        if (!outcome) error_ = outcome.error();
        done_.notify_all();
        hold.unlock();
        if (writer_->log_frames() >= kLogPagesBusy) checkpoint(false);
        hold.lock();
    }
}

Result<void> Pourer::pour() {
    const auto rows = tables_.pouring();
    const auto started = clock_.now();
    auto done = writer_->run("BEGIN IMMEDIATE");
    if (done) done = put_rows(*rows);
    if (done) done = write_mark(*writer_, {options_.identity, epoch_});
    if (done) done = writer_->run("COMMIT");
    if (done) {
        tables_.poured();
        metrics_.pour_seconds.observe(seconds(clock_.now() - started));
        metrics_.log_pages.set(writer_->log_frames());
        return {};
    }
    (void)writer_->run("ROLLBACK");
    if (done.error().code != Code::shutting_down) {
        base::log::error("rows cannot be brought from the log into the metadata store",
                         "check the disk's free space and health (dmesg); the rows are safe in the log",
                         {{"file", writer_->path()}, {"reason", done.error().message}});
    }
    return done;
}

Result<void> Pourer::put_rows(const Memtable& rows) {
    Memtable::Walk walk(rows, UINT64_MAX);
    for (walk.seek({}); walk.valid(); walk.next()) {
        if (ending_) return base::fail(Code::shutting_down, "the store is closing");
        const auto value = walk.value();
        TRY_VOID(value ? writer_->put(walk.key(), *value) : writer_->erase(walk.key()));
    }
    return {};
}

void Pourer::checkpoint(bool truncate) {
    const auto started = clock_.now();
    const auto done = writer_->checkpoint(truncate);
    metrics_.checkpoint_seconds.observe(seconds(clock_.now() - started));
    metrics_.log_pages.set(writer_->log_frames());
    if (done) return;
    base::log::error("a checkpoint of the metadata store failed", "check the disk's free space and health (dmesg)",
                     {{"file", writer_->path()}, {"reason", done.error().message}});
}

}  // namespace larder::db
