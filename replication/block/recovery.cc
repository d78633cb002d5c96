#include "replication/block/recovery.h"

#include "src/base/log.h"

namespace larder::block {

using base::Code;
using base::Result;

namespace {

constexpr std::size_t kRecordsAtOnce = 256;

class Recovery {
 public:
    Recovery(io::Env& env, Index& index, FolderSet& folders) : env_(env), index_(index), folders_(folders) {}

    io::Task<Result<Recovered>> run() {
        CO_TRY(const auto lost, index_.lost_shards());
        if (!lost.empty()) CO_TRY_VOID(co_await rebuild(std::set(lost.begin(), lost.end())));
        for (const auto& [number, folder] : folders_.all()) CO_TRY_VOID(co_await find_end(number, *folder));
        co_return std::move(recovered_);
    }

 private:
    io::Task<Result<void>> rebuild(std::set<db::ShardId> lost) {
        for (const auto shard : lost) CO_TRY_VOID(co_await index_.wipe(shard));
        CO_TRY_VOID(index_.load());
        bool all_read = true;
        for (const auto& [number, folder] : folders_.all()) {
            for (const auto segment : folder->segments()) {
                CO_TRY(const auto read, co_await take_segment(*folder, segment, lost));
                all_read = all_read && read;
            }
        }
        if (all_read) recovered_.shards.assign(lost.begin(), lost.end());
        co_return Result<void>();
    }

    // Takes the records of lost shards back into the index. False when the segment could not be read to its end.
    io::Task<Result<bool>> take_segment(Folder& folder, std::uint32_t number, std::set<db::ShardId> lost) {
        auto segment = folder.segment(number);
        auto scan = segment ? co_await env_.blocking.run([file = *segment] { return durable_scan(file); })
                            : Scan{{}, segment.error().message};
        bool whole = report(folder, number, scan);
        std::erase_if(scan.records,
                      [&](const Found& found) { return !lost.contains(index_.shard_of(found.header.name)); });
        for (std::size_t at = 0; at < scan.records.size(); at += kRecordsAtOnce) {
            const auto count = std::min(kRecordsAtOnce, scan.records.size() - at);
            const auto first = scan.records.begin() + static_cast<std::ptrdiff_t>(at);
            std::vector<Found> some(first, first + static_cast<std::ptrdiff_t>(count));
            CO_TRY(const auto read,
                   co_await take_records({folder.identity()->number, number}, *segment, std::move(some)));
            whole = whole && read;
        }
        co_return whole;
    }

    // Records are taken whose bytes are what their name says; the damaged ones are dead.
    io::Task<Result<bool>> take_records(rows::SegmentId id, Segment segment, std::vector<Found> found) {
        auto codes = co_await env_.blocking.run([id, segment, found] { return check(id, segment, found); });
        std::map<db::ShardId, std::vector<NewRecord>> good;
        std::vector<DeadRecord> bad;
        bool read = true;
        for (std::size_t i = 0; i < found.size(); ++i) {
            const auto& header = found[i].header;
            const Place place{id.first, id.second, found[i].offset, header.total_bytes()};
            if (!codes[i]) {
                good[index_.shard_of(header.name)].push_back({header.name, header.owner, header.plain_bytes, place});
                recovered_.owners.insert(header.owner);
            } else if (codes[i] == Code::corrupted) {
                bad.push_back({header.name, place});
            } else {
                read = false;
            }
        }
        for (auto& [shard, records] : good) CO_TRY_VOID(co_await index_.restore(shard, std::move(records)));
        CO_TRY_VOID(co_await index_.note_dead(std::move(bad)));
        co_return read;
    }

    static std::vector<std::optional<Code>> check(rows::SegmentId id, const Segment& segment,
                                                  const std::vector<Found>& found) {
        std::vector<std::optional<Code>> codes;
        for (const auto& [offset, header] : found) {
            const Place place{id.first, id.second, offset, header.total_bytes()};
            const auto packed = read_packed(segment, place, header.name);
            codes.push_back(packed ? std::nullopt : std::optional(packed.error().code));
        }
        return codes;
    }

    // What a process left behind that ended at once may be in the page cache alone: it is relied on from now.
    static Scan durable_scan(const Segment& segment) {
        auto scan = scan_segment(segment, 0);
        if (const auto synced = segment.file->sync_data(); !synced) scan.problem = synced.error().message;
        return scan;
    }

    // Where the youngest segment ends; what lies behind the last record the index knows was never acknowledged.
    io::Task<Result<void>> find_end(std::uint16_t number, Folder& folder) {
        const rows::SegmentId id{number, folder.youngest()};
        if (id.second == 0) co_return Result<void>();
        CO_TRY(const auto dead_end, index_.dead_end(id));
        const auto known = std::max(index_.usage(id).end, dead_end);
        auto segment = folder.segment(id.second);
        const auto scan =
            segment ? co_await env_.blocking.run([file = *segment, known] { return scan_segment(file, known); })
                    : Scan{{}, segment.error().message};
        // Without resume_at a new segment is begun.
        if (!report(folder, id.second, scan)) co_return Result<void>();
        auto end = known;
        std::vector<DeadRecord> dead;
        for (const auto& found : scan.records) {
            end = found.end();
            dead.push_back({found.header.name, {number, id.second, found.offset, found.header.total_bytes()}});
        }
        if (!dead.empty()) {
            // Their rows are durable in a moment: so must be what they speak of.
            const auto synced = co_await env_.blocking.run(
                [file = segment->file, &disk = env_.disk, path = folder.path()]() -> Result<void> {
                    TRY_VOID(file->sync_data());
                    return disk.sync_dir(path);
                });
            if (!synced) co_return Result<void>();
            CO_TRY_VOID(co_await index_.note_dead(std::move(dead)));
        }
        folder.resume_at(end);
        co_return Result<void>();
    }

    static bool report(const Folder& folder, std::uint32_t segment, const Scan& scan) {
        if (scan.problem.empty()) return true;
        base::log::error("a segment could not be read to its end; its blocks may be missing here",
                         "look at dmesg for the disk; when it is mended, restart larderd",
                         {{"folder", folder.path()}, {"segment", segment}, {"reason", scan.problem}});
        return false;
    }

    io::Env& env_;
    Index& index_;
    FolderSet& folders_;
    Recovered recovered_;
};

}  // namespace

io::Task<Result<Recovered>> recover(io::Env& env, Index& index, FolderSet& folders) {
    Recovery recovery(env, index, folders);
    co_return co_await recovery.run();
}

}  // namespace larder::block
