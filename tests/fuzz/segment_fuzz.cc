// Records of segments: a header that decodes says again what it said, a payload is never taken for other bytes than
// those that were packed, and damage is noticed. The first byte of the input picks what the rest is.
#include "replication/block/record.h"
#include "src/base/assert.h"
#include "src/base/crc.h"

using namespace larder;
using namespace larder::block;

namespace {

// Unpacking allocates what the header asks for; the target stays fast.
constexpr std::uint32_t kUnpackMax = 256 * 1024;
constexpr std::size_t kSumAt = RecordHeader::kFixedBytes - 8;

// The folder is always the one that the header names.
std::optional<RecordHeader> decode(std::string_view bytes) {
    FolderMark mark = 0;
    for (std::size_t i = 8; i-- > 0 && bytes.size() >= 16;) mark = mark << 8 | static_cast<std::uint8_t>(bytes[8 + i]);
    if (bytes.size() >= 16) ENSURE(!decode_header(bytes, mark + 1));
    return decode_header(bytes, mark);
}

void check_header(std::string_view bytes) {
    const auto header = decode(bytes);
    if (!header) return;
    ENSURE(header->header_bytes() <= bytes.size() && header->header_bytes() <= kHeaderBytesMax);
    ENSURE(header->stored_bytes <= header->plain_bytes && header->plain_bytes <= kPlainBytesMax);
    ENSURE(header->codec != Codec::raw || header->stored_bytes == header->plain_bytes);
    ENSURE(header->total_bytes() % kPage == 0);
    ENSURE(header->total_bytes() >= header->header_bytes() + header->stored_bytes);
    const auto written = encode_header(*header);
    ENSURE(written.size() == header->header_bytes());
    const auto again = decode(written);
    ENSURE(again && encode_header(*again) == written);
    // A header is whole or it is none.
    for (const std::size_t cut : {written.size() - 1, RecordHeader::kFixedBytes - 1, written.size() / 2})
        ENSURE(!decode(std::string_view(written).substr(0, cut)));
}

// The record with the sums that its bytes call for, as a writer gone wrong could leave it: what lies behind the sums
// must be safe too.
void check_mended(std::string record) {
    if (record.size() < RecordHeader::kFixedBytes) return;
    const auto number = [&record](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(record[at + i]);
        return value;
    };
    const auto put = [&record](std::size_t at, std::uint32_t value) {
        for (std::size_t i = 0; i < 4; ++i) record[at + i] = static_cast<char>(value >> (8 * i));
    };
    const std::uint64_t stored = number(kSumAt - 4);
    const std::uint64_t sums = (stored + kChunkBytes - 1) / kChunkBytes;
    const auto payload_at = RecordHeader::kFixedBytes + 4 * sums;
    if (stored > 16 * kChunkBytes || payload_at > record.size()) return;
    const auto payload = record.substr(payload_at, stored);
    std::size_t at = RecordHeader::kFixedBytes;
    for (const auto sum : sums_of(payload)) {
        put(at, sum);
        at += 4;
    }
    const std::string_view all = record;
    put(kSumAt, base::crc32c(all.substr(RecordHeader::kFixedBytes, 4 * sums), base::crc32c(all.substr(0, kSumAt))));
    check_header(all);
    const auto header = decode(all);
    if (!header || header->plain_bytes > kUnpackMax) return;
    const auto plain = unpack(*header, base::Buffer::copy_of(payload), 0, 0, header->plain_bytes);
    if (plain) ENSURE(plain->size() == header->plain_bytes);
}

// The bytes often enough to make it worth while to compress them.
std::string repeated(std::string_view bytes, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += bytes;
    return out;
}

void check_range(const Packed& packed, std::string_view plain, std::size_t offset, std::size_t length) {
    auto stored = packed.payload;
    std::uint32_t first = 0;
    if (packed.header.codec == Codec::raw) {
        first = static_cast<std::uint32_t>(offset / kChunkBytes);
        const auto from = std::size_t{first} * kChunkBytes;
        const auto until = (offset + length + kChunkBytes - 1) / kChunkBytes * kChunkBytes;
        stored = stored.slice(from, std::min(until, stored.size()) - from);
    }
    const auto part = unpack(packed.header, stored, first, offset, length);
    ENSURE(part && part->chars() == plain.substr(offset, length));
}

void check_packed(std::string_view bytes, std::uint8_t choice) {
    const auto plain = repeated(bytes, 1 + choice);
    Owner owner;
    owner.bytes[0] = choice;
    const auto packed = pack(base::Buffer::copy_of(plain), owner, std::nullopt, false, 1);
    ENSURE(packed && packed->header.owner == owner && packed->header.plain_bytes == plain.size());
    const auto header = encode_header(packed->header);
    check_header(header + std::string(packed->payload.chars()));
    const auto read = decode(header);
    ENSURE(read && read->name == packed->header.name && read->chunk_sums == packed->header.chunk_sums);
    const auto offset = plain.size() * choice / 256;
    check_range(*packed, plain, 0, plain.size());
    check_range(*packed, plain, offset, plain.size() - offset);
    check_range(*packed, plain, offset, (plain.size() - offset) / 2);
    if (plain.empty()) return;
    std::string damaged(packed->payload.chars());
    const auto at = damaged.size() * choice / 256;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << choice % 8));
    ENSURE(!unpack(packed->header, base::Buffer::copy_of(damaged), 0, 0, plain.size()));
    std::string header_damaged = header;
    const auto bit = header.size() * choice / 256;
    if (bit >= kSumAt + 4 && bit < RecordHeader::kFixedBytes) return;  // reserved
    header_damaged[bit] = static_cast<char>(header_damaged[bit] ^ (1 << choice % 8));
    ENSURE(!decode(header_damaged));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size > 80 * 1024) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0]) {
        case 'h':
            check_header(bytes);
            break;
        case 'm':
            check_mended(std::string(bytes));
            break;
        default:
            check_packed(bytes.substr(1), data[1]);
    }
    return 0;
}
