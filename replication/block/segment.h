// Reading one segment file. Blocking calls for pool threads; they share nothing but the file.
#pragma once

#include "replication/block/local_blocks.h"
#include "src/io/disk.h"

#include <memory>
#include <string>
#include <vector>

namespace larder::block {

// An open segment with the mark that its records must carry. Whoever holds it may read, even after the segment was
// removed.
struct Segment {
    std::shared_ptr<io::File> file;
    FolderMark mark = 0;
};

struct Found {
    std::uint64_t offset = 0;
    RecordHeader header;
    std::uint64_t end() const { return offset + header.total_bytes(); }
};

struct Scan {
    std::vector<Found> records;
    // Why some of the file could not be read, so that records may be missing; empty when all of it was.
    std::string problem;
};

// Every intact record header from `from` on, in order; what is no header is stepped over.
Scan scan_segment(const Segment& segment, std::uint64_t from);

// The plain bytes [offset, offset + length) of the block, checked by the sums of what was read. corrupted when the
// record is not there or damaged; io_failure.
base::Result<base::Buffer> read_plain(const Segment& segment, const Place& place, const base::Hash256& name,
                                      std::uint64_t offset, std::uint64_t length);

// The stored bytes of that range, unchecked but for the header: unpack() checks them.
base::Result<Excerpt> read_excerpt(const Segment& segment, const Place& place, const base::Hash256& name,
                                   std::uint64_t offset, std::uint64_t length);

// The record as it is stored, checked by its sums and by the full digest of the plain bytes. corrupted, io_failure.
base::Result<Packed> read_packed(const Segment& segment, const Place& place, const base::Hash256& name);

// Whether the record that begins there is this one, by its header.
base::Result<bool> holds(const Segment& segment, const Place& place, const base::Hash256& name);

}  // namespace larder::block
