// Giving space back: holes where large dead records lie, and removal of segments that hold little or nothing any more.
// Safe to cut off at any point: a record is copied and durable before its entry moves, a segment is removed when no
// entry names it.
#pragma once

#include "replication/block/folder_set.h"

#include <set>

namespace larder::block {

class Reclaimer {
 public:
    Reclaimer(io::Env& env, Index& index, FolderSet& folders, double compact_below)
        : env_(env), index_(index), folders_(folders), compact_below_(compact_below) {}

    // Works until nothing is worth it or `deadline`; returns the bytes given back. What fails is logged and left for
    // the next time.
    io::Task<base::Result<std::uint64_t>> run(base::Instant deadline);

 private:
    struct Progress {
        bool stopped = false;  // for now: no time or no room
        bool damaged = false;  // something cannot be copied
    };
    io::Task<base::Result<std::uint64_t>> punch_dead(db::ShardId shard, base::Instant deadline);
    io::Task<base::Result<std::uint64_t>> punch(std::vector<DeadRecord> records);
    io::Task<base::Result<std::uint64_t>> compact(Folder& folder, std::uint32_t segment, base::Instant deadline);
    io::Task<base::Result<Progress>> copy_out(Segment segment, rows::SegmentId id, std::vector<Found> found,
                                              base::Instant deadline);
    io::Task<void> copy_record(Segment segment, Place place, base::Hash256 name, std::shared_ptr<Progress> progress);
    io::Task<base::Result<void>> move_record(Packed packed, Place place);
    bool is_worth_it(const Folder& folder, std::uint32_t segment) const;

    io::Env& env_;
    Index& index_;
    FolderSet& folders_;
    double compact_below_;
    std::set<rows::SegmentId> damaged_;  // not tried again before the next start
};

}  // namespace larder::block
