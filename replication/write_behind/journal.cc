#include "replication/write_behind/journal.h"

#include "src/base/bytes.h"
#include "src/base/crc.h"
#include "src/codec/codec.h"

#include <map>

namespace larder::behind {

using base::Code;
using base::Result;
using io::Task;

namespace {

constexpr std::uint32_t kMagic = 0x314a524c;  // "LRJ1"
constexpr std::size_t kHeaderBytes = 28;
constexpr std::size_t kSummedHeaderBytes = 24;
constexpr auto kTidyAfter = std::chrono::seconds(1);
// A file that grows at each sync costs the file system a change of its own journal. Zeroes far ahead of the records
// make that once for many.
constexpr std::size_t kAheadBytes = 1 << 20;
constexpr std::uint64_t kKeptFileBytes = 8 << 20;

// A mark names the record that is stored; a record's body is never empty.
std::string mark_of(Sequence stored) {
    codec::Writer out;
    out.u8(0).u64(stored);
    return out.take();
}

struct Stored {
    std::uint64_t epoch = 0;
    Sequence sequence = 0;
    std::string_view body;
};

std::optional<Stored> record_at(std::string_view bytes) {
    if (bytes.size() < kHeaderBytes) return std::nullopt;
    codec::Reader in(bytes.substr(0, kHeaderBytes));
    const auto magic = in.u32();
    const auto length = in.u32();
    Stored record;
    record.epoch = in.u64();
    record.sequence = in.u64();
    const auto sum = in.u32();
    if (magic != kMagic || length > bytes.size() - kHeaderBytes) return std::nullopt;
    record.body = bytes.substr(kHeaderBytes, length);
    const auto header = bytes.substr(0, kSummedHeaderBytes);
    if (base::crc32c(record.body, base::crc32c(header)) != sum) return std::nullopt;
    return record;
}

Result<std::string> read_whole(io::File& file) {
    TRY(const auto size, file.size());
    std::string bytes(size, '\0');
    TRY(const auto got, file.read_at(0, {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()}));
    bytes.resize(got);
    return bytes;
}

}  // namespace

Task<Result<std::unique_ptr<Journal>>> Journal::open(io::Env& env, JournalOptions options) {
    struct Opened {
        std::unique_ptr<io::FileLock> lock;
        std::shared_ptr<io::File> file;
        std::string bytes;
    };
    const auto path = options.path;
    auto* const disk = &env.disk;
    auto opening = [disk, path]() -> Result<Opened> {
        Opened out;
        TRY_VOID(disk->make_folder(path.substr(0, path.rfind('/'))));
        TRY(out.lock, disk->lock(path + ".lock"));
        TRY(out.file, disk->open(path, io::OpenMode::create));
        TRY_VOID(disk->sync_dir(path.substr(0, path.rfind('/'))));
        TRY(out.bytes, read_whole(*out.file));
        return out;
    };
    CO_TRY(auto opened, co_await env.blocking.run(std::move(opening)));
    std::unique_ptr<Journal> journal(new Journal(env, std::move(options)));
    journal->lock_ = std::move(opened.lock);
    journal->file_ = std::move(opened.file);
    journal->read_left(opened.bytes);
    co_return journal;
}

Journal::~Journal() = default;

// Behind the last record lie what a crash cut short, or records of an emptied file.
void Journal::read_left(std::string_view bytes) {
    std::map<Sequence, std::string_view> left;
    while (const auto record = record_at(bytes.substr(end_))) {
        if (end_ > 0 && record->epoch != epoch_) break;
        epoch_ = record->epoch;
        last_ = record->sequence;
        end_ += kHeaderBytes + record->body.size();
        codec::Reader in(record->body);
        if (in.u8() == 0) {
            left.erase(in.u64());
        } else {
            left.emplace(record->sequence, record->body);
        }
    }
    for (const auto& [sequence, body] : left) {
        left_.push_back({sequence, std::string(body)});
        live_.insert(sequence);
    }
    written_ = synced_ = last_;
    if (end_ == 0) epoch_ = env_.random.next();
}

void Journal::forget_left() {
    for (const auto& record : std::exchange(left_, {})) stored(record.sequence);
}

Task<Result<std::string>> Journal::set_aside() {
    const auto aside = options_.path + ".unstored-" + std::to_string(epoch_);
    auto copying = [disk = &env_.disk, file = file_, aside]() -> Result<void> {
        TRY(const auto bytes, read_whole(*file));
        return disk->write_file(aside, bytes);
    };
    CO_TRY_VOID(co_await env_.blocking.run(std::move(copying)));
    forget_left();
    CO_TRY_VOID(co_await sync());
    co_return aside;
}

Result<Sequence> Journal::append(std::string body) {
    if (error_) return base::fail(*error_);
    if (end_ + buffer_.size() + body.size() > options_.bytes_max) {
        return base::fail(Code::no_space, base::Subject::disk, options_.path + " is full until it is stored");
    }
    put(++last_, body);
    live_.insert(last_);
    return last_;
}

void Journal::put(Sequence sequence, std::string_view body) {
    codec::Writer out;
    out.reserve(kHeaderBytes + body.size());
    out.u32(kMagic).u32(static_cast<std::uint32_t>(body.size())).u64(epoch_).u64(sequence);
    out.u32(base::crc32c(body, base::crc32c(out.view()))).raw(body);
    buffer_ += out.view();
}

void Journal::stored(Sequence sequence) {
    if (live_.erase(sequence) == 0 || error_) return;
    put(++last_, mark_of(sequence));
    marked_ = last_;
    start();
    if (!std::exchange(tidying_, true)) tasks_.spawn(tidy_later());
}

Task<Result<void>> Journal::reached(const Sequence& mark, Sequence target) {
    while (mark < target && !error_) {
        const auto more = waiting_.emplace_back(env_.executor);
        co_await more.future();
    }
    if (mark < target) co_return base::fail(*error_);
    co_return Result<void>();
}

void Journal::wake() {
    for (const auto& waiter : std::exchange(waiting_, {})) waiter.set(io::Done{});
}

// What goes on is this object's: whoever waits may be given up.
void Journal::start() {
    if ((!buffer_.empty() || synced_ < wanted_) && !std::exchange(writing_, true)) tasks_.spawn(write_all());
}

Task<Result<void>> Journal::write() {
    start();
    return reached(written_, last_);
}

Task<Result<void>> Journal::sync() {
    wanted_ = last_;
    start();
    return reached(synced_, last_);
}

// One journey to the pool for what came together.
Task<void> Journal::write_all() {
    while ((!buffer_.empty() || synced_ < wanted_) && !error_) {
        const auto upto = last_;
        const bool sync = synced_ < wanted_;
        const auto at = end_;
        end_ += buffer_.size();
        const std::size_t ahead = end_ > zeroed_ ? kAheadBytes : 0;
        if (ahead > 0) zeroed_ = end_ + ahead;
        const auto done = co_await env_.blocking.run(
            [file = file_, at, sync, ahead, bytes = std::exchange(buffer_, {})]() mutable -> Result<void> {
                bytes.append(ahead, '\0');
                if (!bytes.empty()) TRY_VOID(file->write_at(at, base::as_bytes(bytes)));
                return sync ? file->sync_data() : Result<void>();
            });
        if (done) written_ = upto;
        if (done && sync) synced_ = upto;
        if (!done && !error_) error_ = done.error();
        wake();
    }
    writing_ = false;
}

Task<void> Journal::tidy_later() {
    co_await env_.clock.sleep_for(kTidyAfter);
    tidying_ = false;
    static_cast<void>(co_await sync());
    if (!live_.empty() || !buffer_.empty() || writing_ || error_) co_return;
    static_cast<void>(co_await begin_anew());
}

// Emptied while nothing else is done with the file: records that come meanwhile wait in the buffer. Without the first
// record no other is read.
Task<Result<void>> Journal::begin_anew() {
    writing_ = true;
    epoch_ = env_.random.next();
    const auto used = end_;
    end_ = 0;
    zeroed_ = std::min(zeroed_, kKeptFileBytes);
    const auto done = co_await env_.blocking.run([file = file_, used, size = zeroed_]() -> Result<void> {
        if (used > size) TRY_VOID(file->truncate(size));
        TRY_VOID(file->write_at(0, base::as_bytes(std::string(kHeaderBytes, '\0'))));
        return file->sync_data();
    });
    writing_ = false;
    if (!done && !error_) error_ = done.error();
    start();
    wake();
    co_return done;
}

}  // namespace larder::behind
