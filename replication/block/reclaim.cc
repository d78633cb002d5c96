#include "replication/block/reclaim.h"

#include "src/base/log.h"

namespace larder::block {

using base::Code;
using base::Hash256;
using base::Result;

namespace {

constexpr std::size_t kDeadAtOnce = 512;
constexpr std::size_t kCopiesAtOnce = 8;               // so that copies share syncs
constexpr std::uint64_t kHoleBytesMin = 64ull * 1024;  // smaller ones wait for compaction

struct Hole {
    Place place;
    Hash256 name;
};

// Bytes given back. On the pool.
Result<std::uint64_t> punch_holes(const Segment& segment, const std::vector<Hole>& holes) {
    std::uint64_t freed = 0;
    for (const auto& [place, name] : holes) {
        // What has become of the place is looked at, not assumed: a hole cannot be filled again.
        TRY(const auto there, holds(segment, place, name));
        if (!there) continue;
        TRY_VOID(segment.file->punch_hole(place.offset, place.bytes));
        freed += place.bytes;
    }
    return freed;
}

void report(const std::string& what, const base::Error& error) {
    base::log::warning("space could not be given back; it is tried again later",
                       {{"place", what}, {"reason", error.message}});
}

}  // namespace

io::Task<Result<std::uint64_t>> Reclaimer::run(base::Instant deadline) {
    std::uint64_t freed = 0;
    for (db::ShardId shard = 0; shard < index_.shards(); ++shard) {
        CO_TRY(const auto holes, co_await punch_dead(shard, deadline));
        freed += holes;
    }
    for (const auto& [number, folder] : folders_.all()) {
        for (const auto segment : folder->segments()) {
            if (env_.clock.now() >= deadline) co_return freed;
            if (!is_worth_it(*folder, segment)) continue;
            CO_TRY(const auto bytes, co_await compact(*folder, segment, deadline));
            freed += bytes;
        }
    }
    co_return freed;
}

// Makes holes of a shard's dead records and strikes them off the list.
io::Task<Result<std::uint64_t>> Reclaimer::punch_dead(db::ShardId shard, base::Instant deadline) {
    std::uint64_t freed = 0;
    std::optional<Place> after;
    while (env_.clock.now() < deadline) {
        CO_TRY(auto records, index_.dead(shard, after, kDeadAtOnce));
        if (records.empty()) break;
        after = records.back().place;
        std::erase_if(records,
                      [this](const DeadRecord& record) { return folders_.find(record.place.folder) == nullptr; });
        if (records.empty()) continue;
        CO_TRY(const auto bytes, co_await punch(records));
        freed += bytes;
        CO_TRY_VOID(co_await index_.forget_dead(shard, std::move(records)));
    }
    co_return freed;
}

io::Task<Result<std::uint64_t>> Reclaimer::punch(std::vector<DeadRecord> records) {
    std::map<rows::SegmentId, std::vector<Hole>> by_segment;
    for (const auto& [name, place] : records) {
        if (place.bytes < kHoleBytesMin) continue;
        CO_TRY(const auto entry, index_.find(name));
        if (entry && entry->place == place) continue;
        by_segment[{place.folder, place.segment}].push_back({place, name});
    }
    std::uint64_t freed = 0;
    for (auto& [id, holes] : by_segment) {
        const auto first = holes.front().place;
        const auto segment = folders_.segment(first);
        if (!segment) continue;
        const auto punched = co_await env_.blocking.run(
            [file = *segment, holes = std::move(holes)] { return punch_holes(file, holes); });
        if (punched) {
            freed += *punched;
        } else if (punched.error().code != Code::unsupported) {
            // Compaction gives it back all the same.
            report(folders_.text(first), punched.error());
        }
    }
    co_return freed;
}

bool Reclaimer::is_worth_it(const Folder& folder, std::uint32_t segment) const {
    const rows::SegmentId id{folder.identity()->number, segment};
    // The youngest stays even when it is not written to any more: its number must not be given again.
    if (folder.in_use(segment) || segment == folder.youngest() || damaged_.contains(id)) return false;
    const auto live = static_cast<double>(index_.usage(id).bytes);
    return live <= compact_below_ * static_cast<double>(folder.length(segment));
}

// Copies what lives in a segment, and removes it.
io::Task<Result<std::uint64_t>> Reclaimer::compact(Folder& folder, std::uint32_t number, base::Instant deadline) {
    const rows::SegmentId id{folder.identity()->number, number};
    const auto length = folder.length(number);
    const auto live = static_cast<std::uint64_t>(std::max<std::int64_t>(0, index_.usage(id).bytes));
    const auto segment = folder.segment(number);
    if (!segment) {
        report(folder.path(), segment.error());
        co_return 0;
    }
    auto scan = co_await env_.blocking.run([file = *segment] { return scan_segment(file, 0); });
    CO_TRY(const auto copied, co_await copy_out(*segment, id, std::move(scan.records), deadline));
    if (copied.stopped) co_return 0;
    // An entry whose record was not found, or not in order, keeps the segment.
    if (copied.damaged || index_.usage(id).blocks != 0) {
        damaged_.insert(id);
        co_return 0;
    }
    const auto removed = co_await folder.remove_segment(number);
    if (!removed) report(folder.path(), removed.error());
    co_return length - std::min(length, live);
}

// Copies the records that are alive.
io::Task<Result<Reclaimer::Progress>> Reclaimer::copy_out(Segment segment, rows::SegmentId id, std::vector<Found> found,
                                                          base::Instant deadline) {
    auto progress = std::make_shared<Progress>();
    io::TaskGroup copies(env_.executor);
    for (const auto& [offset, header] : found) {
        const Place place{id.first, id.second, offset, header.total_bytes()};
        CO_TRY(const auto entry, index_.find(header.name));
        if (!entry || entry->place != place) continue;
        if (copies.size() >= kCopiesAtOnce) co_await copies.join();
        if (env_.clock.now() >= deadline) progress->stopped = true;
        if (progress->stopped) break;
        copies.spawn(copy_record(segment, place, header.name, progress));
    }
    co_await copies.join();
    co_return *progress;
}

io::Task<void> Reclaimer::copy_record(Segment segment, Place place, Hash256 name, std::shared_ptr<Progress> progress) {
    auto packed = co_await env_.blocking.run([=] { return read_packed(segment, place, name); });
    if (!packed) {
        progress->damaged = true;
        report(folders_.text(place), packed.error());
        co_return;
    }
    const auto moved = co_await move_record(std::move(*packed), place);
    if (moved) co_return;
    progress->stopped = true;
    report(folders_.text(place), moved.error());
}

io::Task<Result<void>> Reclaimer::move_record(Packed packed, Place place) {
    const auto name = packed.header.name;
    CO_TRY(const auto copy, co_await folders_.append(std::move(packed)));
    co_return co_await index_.move(name, place, copy.place, copy.pin);
}

}  // namespace larder::block
