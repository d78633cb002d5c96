#include "replication/block/folder_writer.h"

#include "src/base/log.h"

namespace larder::block {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::uint64_t kGrowBytes = 64ull << 20;  // reserved at a time
constexpr auto kTwoFailuresWithin = std::chrono::hours(1);

}  // namespace

io::Task<Result<Folder::Appended>> Folder::append(Packed packed) {
    packed.header.mark = identity_->mark;
    io::Promise<Result<Appended>> done(env_.executor);
    queue_.push_back({std::move(packed), done});
    if (!writing_now_) {
        writing_now_ = true;
        writing_.spawn(write_loop());
    }
    co_return co_await done.future();
}

// Runs while there is something to write: one batch at a time, so that what comes meanwhile forms the next.
io::Task<void> Folder::write_loop() {
    while (!queue_.empty()) {
        const auto batch = std::make_shared<std::vector<Pending>>(std::exchange(queue_, {}));
        const auto written = co_await write_batch(batch);
        if (written) continue;
        for (auto& record : *batch) record.done.set(base::fail(written.error()));
    }
    writing_now_ = false;
}

io::Task<Result<void>> Folder::write_batch(Batch batch) {
    std::uint64_t bytes = 0;
    for (const auto& record : *batch) bytes += record.packed.header.total_bytes();
    CO_TRY(auto job, plan(*batch, bytes));
    // Taken before the bytes are there, so that the segment is never without one until the index names them.
    const auto held = pin(job.segment);
    auto shared = std::make_shared<const WriteJob>(std::move(job));
    auto report = co_await env_.blocking.run([shared] { return run(*shared); });
    CO_TRY_VOID(settle(*shared, std::move(report), bytes));
    for (std::size_t i = 0; i < batch->size(); ++i) {
        auto& record = (*batch)[i];
        const Place place{identity_->number, shared->segment, shared->pieces[i].offset,
                          record.packed.header.total_bytes()};
        record.done.set(Appended{place, held});
    }
    co_return Result<void>();
}

// Where the batch goes: behind the last record, or into a new segment.
Result<Folder::WriteJob> Folder::plan(const std::vector<Pending>& batch, std::uint64_t bytes) {
    if (!has_room(bytes)) {
        return base::fail(Code::no_space, Subject::disk, path_ + " is full: free some space on its disk");
    }
    WriteJob job;
    job.disk = &env_.disk;
    job.folder = path_;
    auto reserved = reserved_;
    if (active_ != 0 && length(active_) + bytes <= segment_bytes_) {
        TRY(auto open, segment(active_));
        job.segment = active_;
        job.file = std::move(open.file);
        job.tail = length(active_);
    } else {
        if (active_ != 0) {
            TRY(auto open, segment(active_));
            job.finished = std::move(open.file);
            job.finished_at = length(active_);
        }
        job.segment = next_++;
        reserved = 0;
    }
    job.path = segment_path(job.segment);
    const auto end = job.tail + bytes;
    if (end > reserved) {
        // Ahead in steps, as long as that leaves the disk its reserve.
        const auto spare = space().free_bytes - std::min(space().free_bytes, bytes + reserve());
        const auto ahead = std::min({kGrowBytes, spare, segment_bytes_ - std::min(segment_bytes_, end)});
        job.reserve_to = end + ahead;
    }
    auto offset = job.tail;
    for (const auto& record : batch) {
        job.pieces.push_back({offset, encode_header(record.packed.header), record.packed.payload});
        offset += record.packed.header.total_bytes();
    }
    return job;
}

// On the pool.
Folder::WriteReport Folder::run(const WriteJob& job) {
    WriteReport report;
    report.file = job.file;
    if (!report.file) {
        // What was reserved ahead in the finished segment goes back; that it stays is no harm.
        if (job.finished) (void)job.finished->truncate(job.finished_at);
        auto made = job.disk->open(job.path, io::OpenMode::create_new);
        report.outcome = made ? job.disk->sync_dir(job.folder) : Result<void>(base::fail(made.error()));
        if (!report.outcome) {
            if (made) (void)job.disk->remove(job.path);
            return report;
        }
        report.file = std::move(*made);
    }
    // Reserving ahead saves journal writes; a disk too full for it may still have room for the batch.
    if (job.reserve_to != 0) report.reserved = report.file->allocate(job.reserve_to).has_value();
    const auto write = [&]() -> Result<void> {
        for (const auto& piece : job.pieces) {
            TRY_VOID(report.file->write_at(piece.offset, base::as_bytes(piece.header)));
            TRY_VOID(report.file->write_at(piece.offset + piece.header.size(), piece.payload.bytes()));
        }
        return report.file->sync_data();
    };
    report.outcome = write();
    if (!report.outcome) report.cut = report.file->truncate(job.tail).has_value();
    return report;
}

Result<void> Folder::settle(const WriteJob& job, WriteReport report, std::uint64_t bytes) {
    if (!report.file) {
        failed(report.outcome.error());
        return report.outcome;
    }
    if (job.segment != active_) reserved_ = 0;
    active_ = job.segment;
    files_[active_] = report.file;
    if (report.reserved) reserved_ = job.reserve_to;
    if (report.outcome) {
        lengths_[active_] = job.tail + bytes;
        return {};
    }
    lengths_[active_] = job.tail;
    space_read_.reset();
    if (report.outcome.error().code == Code::no_space && report.cut) {
        reserved_ = job.tail;
        return report.outcome;
    }
    // After a failed sync nothing is known of what was written: the segment ends at its last durable record.
    active_ = 0;
    reserved_ = 0;
    failed(report.outcome.error());
    return report.outcome;
}

void Folder::failed(const base::Error& error) {
    if (error.code == Code::no_space) return;
    const auto now = env_.clock.now();
    const bool again = last_failure_ && now - *last_failure_ < kTwoFailuresWithin;
    last_failure_ = now;
    if (again) problem_ = path_ + " failed twice within an hour and is read-only: replace its disk, then restart";
    base::log::error("writing blocks failed",
                     again ? "replace the disk; larderd no longer writes there"
                           : "look at dmesg for the disk; a new segment is used meanwhile",
                     {{"folder", path_}, {"reason", error.message}});
}

}  // namespace larder::block
