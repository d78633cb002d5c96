#include "replication/block/segment.h"

#include "src/base/hash.h"

namespace larder::block {

using base::Buffer;
using base::Code;
using base::Hash256;
using base::Result;
using base::Subject;

namespace {

constexpr int kFailedReadsMax = 16;  // then the rest of the segment is given up: a dead disk answers slowly

std::span<std::byte> writable(std::string& text) {
    return {reinterpret_cast<std::byte*>(text.data()), text.size()};
}

Result<std::optional<RecordHeader>> read_header(const Segment& segment, std::uint64_t offset) {
    std::string bytes(kHeaderBytesMax, '\0');
    TRY(const auto got, segment.file->read_at(offset, writable(bytes)));
    return decode_header(std::string_view(bytes).substr(0, got), segment.mark);
}

// The header that must be there.
Result<RecordHeader> header_of(const Segment& segment, const Place& place, const Hash256& name) {
    TRY(auto header, read_header(segment, place.offset));
    if (!header || header->name != name) {
        return base::fail(Code::corrupted, Subject::block, "the header of block " + name.hex() + " is damaged");
    }
    return std::move(*header);
}

Result<Buffer> read_stored(const Segment& segment, std::uint64_t offset, std::uint64_t length) {
    auto stored = Buffer::allocate(length);
    TRY(const auto got, segment.file->read_at(offset, stored.writable()));
    stored.truncate(got);
    return stored;
}

}  // namespace

Scan scan_segment(const Segment& segment, std::uint64_t from) {
    Scan scan;
    const auto size = segment.file->size();
    if (!size) {
        scan.problem = size.error().message;
        return scan;
    }
    int failures = 0;
    for (auto offset = from; offset < *size;) {
        auto header = read_header(segment, offset);
        if (!header) {
            scan.problem = header.error().message;
            if (++failures == kFailedReadsMax) return scan;
        }
        if (!header || !*header) {
            offset += kPage;
            continue;
        }
        scan.records.push_back({offset, std::move(**header)});
        offset = scan.records.back().end();
    }
    return scan;
}

Result<Excerpt> read_excerpt(const Segment& segment, const Place& place, const Hash256& name, std::uint64_t offset,
                             std::uint64_t length) {
    TRY(auto header, header_of(segment, place, name));
    if (offset > header.plain_bytes || length > header.plain_bytes - offset) {
        return base::fail(Code::invalid_argument, Subject::block, "a read beyond the end of a block");
    }
    std::uint32_t first = 0;
    std::uint64_t until = header.stored_bytes;
    if (header.codec == Codec::raw) {
        first = static_cast<std::uint32_t>(offset / kChunkBytes);
        until = std::min(until, (offset + length + kChunkBytes - 1) / kChunkBytes * kChunkBytes);
    }
    const auto from = std::uint64_t{first} * kChunkBytes;
    TRY(auto stored, read_stored(segment, place.offset + header.header_bytes() + from, until - from));
    return Excerpt{std::move(header), first, std::move(stored)};
}

Result<Buffer> read_plain(const Segment& segment, const Place& place, const Hash256& name, std::uint64_t offset,
                          std::uint64_t length) {
    TRY(auto found, read_excerpt(segment, place, name, offset, length));
    return unpack(found.header, std::move(found.stored), found.first_chunk, offset, length);
}

Result<Packed> read_packed(const Segment& segment, const Place& place, const Hash256& name) {
    TRY(auto header, header_of(segment, place, name));
    TRY(auto stored, read_stored(segment, place.offset + header.header_bytes(), header.stored_bytes));
    TRY(const auto plain, unpack(header, stored, 0, 0, header.plain_bytes));
    if (base::sha256(plain.chars()) != name) {
        return base::fail(Code::corrupted, Subject::block, "block " + name.hex() + " is not what its name says");
    }
    return Packed{std::move(header), std::move(stored)};
}

Result<bool> holds(const Segment& segment, const Place& place, const Hash256& name) {
    TRY(const auto header, read_header(segment, place.offset));
    return header && header->name == name && header->total_bytes() == place.bytes;
}

}  // namespace larder::block
