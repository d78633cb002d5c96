// The bytes of one block in a segment (docs/formats.md, "Segments"): a header that says everything, a CRC-32C for each
// 64 KiB of the stored payload, the payload, padding to 4 KiB. A segment can be read without any index.
//
// Every header carries the mark of its data folder, a random number that clients never see: content that looks like
// records, sent to be stored, is not taken for records when a damaged segment is searched for the next header.
#pragma once

#include "replication/block/block_store.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace larder::block {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kChunkBytes = 64 * 1024;  // of stored payload under one CRC
constexpr std::uint32_t kPlainBytesMax = 16u << 20;

enum class Codec : std::uint8_t { raw = 0, zstd = 1 };

using FolderMark = std::uint64_t;

// Where a record lies.
struct Place {
    std::uint16_t folder = 0;
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;  // of the whole record
    std::uint64_t end() const { return offset + bytes; }
    auto operator<=>(const Place&) const = default;
};

struct RecordHeader {
    Codec codec = Codec::raw;
    FolderMark mark = 0;
    base::Hash256 name;
    Owner owner;
    std::uint32_t plain_bytes = 0;
    std::uint32_t stored_bytes = 0;
    std::vector<std::uint32_t> chunk_sums;

    std::uint64_t header_bytes() const { return kFixedBytes + 4 * chunk_sums.size(); }
    // From one record to the next.
    std::uint64_t total_bytes() const { return (header_bytes() + stored_bytes + kPage - 1) / kPage * kPage; }
    static constexpr std::size_t kFixedBytes = 80;
};
constexpr std::size_t kHeaderBytesMax = RecordHeader::kFixedBytes + 4 * (kPlainBytesMax / kChunkBytes + 1);

std::string encode_header(const RecordHeader& header);
// nullopt when the bytes do not begin with a whole, intact header of that folder. `bytes` may be longer than the
// header.
std::optional<RecordHeader> decode_header(std::string_view bytes, FolderMark mark);

std::vector<std::uint32_t> sums_of(std::string_view stored);

// A block made ready for the disk: hashed, compressed where that helps, summed. The mark is set when it is written.
struct Packed {
    RecordHeader header;
    base::Buffer payload;
};
// CPU work for the pool. corrupted when `expected` is given, not `trusted`, and is not the digest of the bytes;
// too_large beyond kPlainBytesMax.
base::Result<Packed> pack(base::Buffer plain, Owner owner, std::optional<base::Hash256> expected, bool trusted,
                          int zstd_level);

// Whether the stored bytes, from chunk `first_chunk` on, have the sums that the header names.
bool sums_match(const RecordHeader& header, std::string_view stored, std::uint32_t first_chunk);

// The plain bytes [offset, offset + length) from the stored payload's bytes beginning at chunk `first_chunk`; checks
// every chunk given. Compressed payloads must be given whole.
base::Result<base::Buffer> unpack(const RecordHeader& header, base::Buffer stored, std::uint32_t first_chunk,
                                  std::uint64_t offset, std::uint64_t length);

// Whether the payload is what the header says, sums and full digest: what came from elsewhere is not taken unseen. CPU
// work for the pool. corrupted.
base::Result<void> verify(const Packed& packed);

}  // namespace larder::block
