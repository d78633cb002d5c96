#include "replication/block/folder.h"

#include "src/base/log.h"

#include <algorithm>
#include <cstdio>

namespace larder::block {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr int kFormat = 1;
constexpr std::uint64_t kGrowBytes = 64ull << 20;     // reserved at a time
constexpr std::uint64_t kReserveBytes = 64ull << 20;  // left free, so that metadata can still be written
constexpr std::size_t kOpenFilesMax = 64;
constexpr auto kSpaceAge = std::chrono::seconds(1);
constexpr auto kTwoFailuresWithin = std::chrono::hours(1);

// One write, as a pool job: every record at its place, then one sync.
Result<void> write_records(io::File& file,
                           const std::vector<std::tuple<std::uint64_t, std::string, base::Buffer>>& records) {
    for (const auto& [offset, header, payload] : records) {
        TRY_VOID(file.write_at(offset, base::as_bytes(header)));
        TRY_VOID(file.write_at(offset + header.size(), payload.bytes()));
    }
    return file.sync_data();
}

}  // namespace

struct Folder::Batch {
    std::vector<Pending> records;
};

std::string Folder::segment_path(std::uint32_t segment) const {
    char name[32];
    std::snprintf(name, sizeof name, "/segment-%08u", segment);
    return options_.path + name;
}

Result<std::unique_ptr<Folder>> Folder::open(io::Env& env, FolderOptions options) {
    std::unique_ptr<Folder> folder(new Folder(env, std::move(options)));
    const auto& path = folder->options_.path;
    const auto made = env.disk.make_folder(path);
    if (!made) {
        return base::fail(made.error().code, Subject::disk, "the data folder cannot be made: " + made.error().message);
    }
    auto lock = env.disk.lock(path + "/lock");
    if (!lock) return base::fail(lock.error());
    folder->lock_ = std::move(*lock);
    TRY(const auto known, env.disk.exists(path + "/format"));
    if (!known) {
        TRY_VOID(env.disk.write_file(path + "/format", "larder-segments " + std::to_string(kFormat) + "\n"));
    } else {
        TRY(const auto text, env.disk.read_file(path + "/format"));
        int format = 0;
        if (std::sscanf(text.c_str(), "larder-segments %d", &format) != 1) {
            return base::fail(Code::corrupted, Subject::config,
                              path + "/format is damaged: it should read \"larder-segments 1\"");
        }
        if (format > kFormat) {
            return base::fail(Code::unsupported, Subject::config, path + " was written by a newer larderd");
        }
    }
    TRY_VOID(folder->find_segments());
    folder->refresh_space();
    return folder;
}

Result<void> Folder::find_segments() {
    TRY(const auto names, env_.disk.list(options_.path));
    for (const auto& name : names) {
        unsigned number = 0;
        char rest = 0;
        if (std::sscanf(name.c_str(), "segment-%8u%c", &number, &rest) != 1 || number == 0) continue;
        auto file = env_.disk.open(options_.path + "/" + name, io::OpenMode::read_write);
        if (!file) {
            base::log::error("a segment cannot be opened; its blocks are missing here",
                             "check the disk and the file's rights",
                             {{"segment", options_.path + "/" + name}, {"reason", file.error().message}});
            continue;
        }
        TRY(const auto size, (*file)->size());
        lengths_[number] = size;
    }
    if (lengths_.empty()) return {};
    active_ = lengths_.rbegin()->first;
    allocated_ = tail_ = lengths_.rbegin()->second;
    sealed_ = false;
    return {};
}

std::vector<std::uint32_t> Folder::segments() const {
    std::vector<std::uint32_t> out;
    for (const auto& [segment, length] : lengths_) out.push_back(segment);
    return out;
}

std::uint64_t Folder::segment_length(std::uint32_t segment) const {
    if (segment == active_) return tail_;
    const auto found = lengths_.find(segment);
    return found == lengths_.end() ? 0 : found->second;
}

Result<std::shared_ptr<io::File>> Folder::segment_file(std::uint32_t segment) {
    if (const auto open = files_.find(segment); open != files_.end()) return open->second;
    TRY(auto file, env_.disk.open(segment_path(segment), io::OpenMode::read_write));
    if (files_.size() >= kOpenFilesMax) {
        const auto victim = files_.begin()->first == active_ ? std::next(files_.begin()) : files_.begin();
        files_.erase(victim);
    }
    return files_[segment] = std::move(file);
}

io::Task<Result<Place>> Folder::append(Packed packed) {
    io::Promise<Result<Place>> done(env_.executor);
    auto header = encode_header(packed.header);
    queue_.push_back({std::move(packed), std::move(header), 0, done});
    if (!looping_) {
        looping_ = true;
        writing_.spawn(write_loop());
    }
    co_return co_await done.future();
}

// Runs while there is something to write: one batch at a time, so that what comes meanwhile forms the next.
io::Task<void> Folder::write_loop() {
    while (!queue_.empty()) {
        auto batch = std::make_shared<Batch>();
        batch->records = std::exchange(queue_, {});
        std::uint64_t bytes = 0;
        for (const auto& record : batch->records) bytes += record.packed.header.total_bytes();
        auto ready = has_room(bytes)
                         ? prepare_segment(bytes)
                         : Result<void>(base::fail(Code::no_space, Subject::disk,
                                                   options_.path + " is full: free some space on its disk"));
        std::shared_ptr<io::File> file;
        if (ready) {
            auto opened = segment_file(active_);
            if (opened) {
                file = *opened;
            } else {
                ready = base::fail(opened.error());
            }
        }
        if (!ready) {
            finish_batch(batch, ready);
            continue;
        }
        std::vector<std::tuple<std::uint64_t, std::string, base::Buffer>> records;
        for (auto& record : batch->records) {
            record.offset = tail_;
            tail_ += record.packed.header.total_bytes();
            records.emplace_back(record.offset, std::move(record.header), record.packed.payload);
        }
        auto outcome =
            co_await env_.blocking.run([file, records = std::move(records)] { return write_records(*file, records); });
        if (!outcome) sync_failed(outcome.error());
        lengths_[active_] = tail_;
        finish_batch(batch, outcome);
    }
    looping_ = false;
}

void Folder::finish_batch(std::shared_ptr<Batch> batch, Result<void> outcome) {
    for (auto& record : batch->records) {
        if (outcome) {
            record.done.set(Place{options_.number, active_, record.offset, record.packed.header.total_bytes()});
        } else {
            record.done.set(base::fail(outcome.error()));
        }
    }
}

// Room for `bytes` more in the active segment, or a new segment.
Result<void> Folder::prepare_segment(std::uint64_t bytes) {
    if (sealed_ || tail_ + bytes > options_.segment_bytes) {
        if (active_ != 0 && !sealed_) {
            TRY(const auto file, segment_file(active_));
            (void)file->truncate(tail_);
        }
        const auto next = (lengths_.empty() ? 0 : lengths_.rbegin()->first) + 1;
        TRY(auto file, env_.disk.open(segment_path(next), io::OpenMode::create_new));
        TRY_VOID(env_.disk.sync_dir(options_.path));
        files_[next] = std::move(file);
        lengths_[next] = 0;
        active_ = next;
        tail_ = allocated_ = 0;
        sealed_ = false;
    }
    if (tail_ + bytes > allocated_) {
        TRY(const auto file, segment_file(active_));
        const auto wanted =
            std::min(std::max(options_.segment_bytes, tail_ + bytes), tail_ + std::max(bytes, kGrowBytes));
        // Reserving ahead only saves journal writes; a disk too full for it may still have room for the batch.
        if (file->allocate(wanted)) allocated_ = wanted;
    }
    return {};
}

// After a failed sync nothing is known of what was written: the segment ends at its last durable record.
void Folder::sync_failed(const base::Error& error) {
    seal();
    const auto now = env_.clock.now();
    const bool again = last_sync_failure_ && now - *last_sync_failure_ < kTwoFailuresWithin;
    last_sync_failure_ = now;
    if (error.code == Code::no_space) return;
    if (again) problem_ = options_.path + " failed twice within an hour and is read-only: replace its disk";
    base::log::error("writing blocks failed",
                     again ? "replace the disk; larderd no longer writes there"
                           : "look at dmesg for the disk; a new segment is used meanwhile",
                     {{"folder", options_.path}, {"reason", error.message}});
}

void Folder::refresh_space() {
    const auto now = env_.clock.now();
    if (space_.total_bytes != 0 && now - space_read_ < kSpaceAge) return;
    const auto space = env_.disk.space(options_.path);
    if (space) space_ = *space;
    space_read_ = now;
}

bool Folder::has_room(std::uint64_t bytes) const {
    const_cast<Folder*>(this)->refresh_space();
    const auto spare = allocated_ > tail_ && !sealed_ ? allocated_ - tail_ : 0;
    const auto reserve = std::min(kReserveBytes, space_.total_bytes / 100);
    return writable() && (bytes <= spare || space_.free_bytes > bytes + reserve);
}

StoreStatus::Folder Folder::status() const {
    const_cast<Folder*>(this)->refresh_space();
    StoreStatus::Folder out{options_.path, space_.total_bytes, space_.free_bytes, 0, writable(), problem_};
    for (const auto& [segment, length] : lengths_) out.segment_bytes += segment == active_ ? tail_ : length;
    if (writable() && !has_room(1 << 20)) {
        out.writable = false;
        out.problem = options_.path + " is full: free some space on its disk";
    }
    return out;
}

Result<void> Folder::scan(std::uint32_t segment, const RecordVisit& visit) {
    TRY(const auto file, segment_file(segment));
    TRY(const auto size, file->size());
    std::string bytes(kHeaderBytesMax, '\0');
    for (std::uint64_t offset = 0; offset < size;) {
        TRY(const auto got, file->read_at(offset, {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()}));
        const auto header = decode_header(std::string_view(bytes).substr(0, got));
        if (!header) {
            offset += kPage;
            continue;
        }
        if (!visit(offset, *header)) return {};
        offset += header->total_bytes();
    }
    return {};
}

Result<void> Folder::check_payload(std::uint32_t segment, std::uint64_t offset, const RecordHeader& header) {
    TRY(const auto file, segment_file(segment));
    auto stored = base::Buffer::allocate(header.stored_bytes);
    TRY(const auto got, file->read_at(offset + header.header_bytes(), stored.writable()));
    if (got == stored.size() && sums_of(stored.chars()) == header.chunk_sums) return {};
    return base::fail(Code::corrupted, Subject::block, "block " + header.name.hex() + " is damaged on the disk");
}

io::Task<Result<void>> Folder::punch(Place place) {
    CO_TRY(const auto file, segment_file(place.segment));
    co_return co_await env_.blocking.run([file, place] { return file->punch_hole(place.offset, place.bytes); });
}

io::Task<Result<void>> Folder::remove_segment(std::uint32_t segment) {
    files_.erase(segment);
    lengths_.erase(segment);
    co_return co_await env_.blocking.run(
        [&disk = env_.disk, path = segment_path(segment), folder = options_.path]() -> Result<void> {
            TRY_VOID(disk.remove(path));
            return disk.sync_dir(folder);
        });
}

}  // namespace larder::block
