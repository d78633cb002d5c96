#include "replication/block/record.h"

#include "src/base/crc.h"
#include "src/base/hash.h"
#include "src/codec/codec.h"

#include <zstd.h>

namespace larder::block {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::uint32_t kMagic = 0x3142524cu;  // "LRB1"
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kProbeBytes = 16 * 1024;

std::uint32_t chunks_of(std::uint32_t stored_bytes) {
    return (stored_bytes + kChunkBytes - 1) / kChunkBytes;
}

ZSTD_CCtx* compressor() {
    struct Free {
        void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    };
    thread_local std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
    return context.get();
}

// Whether the beginning shrinks enough for the whole to be worth the time.
bool seems_compressible(std::string_view plain, int level) {
    const auto probe = plain.substr(0, kProbeBytes);
    std::string out(ZSTD_compressBound(probe.size()), '\0');
    const auto size = ZSTD_compressCCtx(compressor(), out.data(), out.size(), probe.data(), probe.size(), level);
    return ZSTD_isError(size) == 0 && size < probe.size() - probe.size() / 16;
}

// The compressed bytes, or nothing when they would not be at least a sixteenth smaller.
std::optional<base::Buffer> compress(const base::Buffer& plain, int level) {
    if (plain.size() < kPage || !seems_compressible(plain.chars(), level)) return std::nullopt;
    const auto most = plain.size() - plain.size() / 16;
    auto out = base::Buffer::allocate(most);
    const auto size = ZSTD_compressCCtx(compressor(), out.writable().data(), most, plain.data(), plain.size(), level);
    if (ZSTD_isError(size) != 0) return std::nullopt;
    out.truncate(size);
    return out;
}

std::unexpected<base::Error> damaged(const RecordHeader& header) {
    return base::fail(Code::corrupted, Subject::block, "block " + header.name.hex() + " is damaged");
}

}  // namespace

std::string encode_header(const RecordHeader& header) {
    codec::Writer out;
    out.reserve(header.header_bytes());
    out.u32(kMagic).u8(kFormat).u8(static_cast<std::uint8_t>(header.codec)).u8(0).u8(0);
    out.u64(header.mark).raw(header.name.view()).raw(header.owner.view());
    out.u32(header.plain_bytes).u32(header.stored_bytes);
    std::string sums;
    for (const auto sum : header.chunk_sums) {
        codec::Writer one;
        sums += one.u32(sum).take();
    }
    out.u32(base::crc32c(sums, base::crc32c(out.view())));
    out.u32(0);
    out.raw(sums);
    return out.take();
}

std::optional<RecordHeader> decode_header(std::string_view bytes, FolderMark mark) {
    codec::Reader in(bytes);
    RecordHeader header;
    const auto magic = in.u32();
    const auto format = in.u8();
    const auto codec = in.u8();
    const auto flags = in.u8() | in.u8();
    header.mark = in.u64();
    header.name = in.id<base::Hash256>();
    header.owner = in.id<Owner>();
    header.plain_bytes = in.u32();
    header.stored_bytes = in.u32();
    const auto sum = in.u32();
    in.u32();
    if (!in.ok() || magic != kMagic || format != kFormat || codec > 1 || flags != 0 || header.mark != mark ||
        header.plain_bytes > kPlainBytesMax || header.stored_bytes > header.plain_bytes) {
        return std::nullopt;
    }
    header.codec = static_cast<Codec>(codec);
    if (header.codec == Codec::raw && header.stored_bytes != header.plain_bytes) return std::nullopt;
    const auto sums = in.raw(4 * std::size_t{chunks_of(header.stored_bytes)});
    constexpr std::size_t kBeforeSum = RecordHeader::kFixedBytes - 8;
    if (!in.ok() || base::crc32c(sums, base::crc32c(bytes.substr(0, kBeforeSum))) != sum) return std::nullopt;
    codec::Reader list(sums);
    for (std::uint32_t i = 0; i < chunks_of(header.stored_bytes); ++i) header.chunk_sums.push_back(list.u32());
    return header;
}

std::vector<std::uint32_t> sums_of(std::string_view stored) {
    std::vector<std::uint32_t> sums;
    for (std::size_t at = 0; at < stored.size(); at += kChunkBytes) {
        sums.push_back(base::crc32c(stored.substr(at, kChunkBytes)));
    }
    return sums;
}

Result<Packed> pack(base::Buffer plain, Owner owner, std::optional<base::Hash256> expected, bool trusted,
                    int zstd_level) {
    if (plain.size() > kPlainBytesMax) {
        return base::fail(Code::too_large, Subject::block, "a block has at most 16 MiB");
    }
    Packed packed;
    packed.header.name = expected && trusted ? *expected : base::sha256(plain.chars());
    if (expected && packed.header.name != *expected) {
        return base::fail(Code::corrupted, Subject::block, "the bytes of a block are not those that were announced");
    }
    packed.header.owner = owner;
    packed.header.plain_bytes = static_cast<std::uint32_t>(plain.size());
    if (auto smaller = compress(plain, zstd_level)) {
        packed.header.codec = Codec::zstd;
        packed.payload = std::move(*smaller);
    } else {
        packed.payload = std::move(plain);
    }
    packed.header.stored_bytes = static_cast<std::uint32_t>(packed.payload.size());
    packed.header.chunk_sums = sums_of(packed.payload.chars());
    return packed;
}

bool sums_match(const RecordHeader& header, std::string_view stored, std::uint32_t first_chunk) {
    const auto sums = sums_of(stored);
    for (std::size_t i = 0; i < sums.size(); ++i) {
        if (first_chunk + i >= header.chunk_sums.size() || sums[i] != header.chunk_sums[first_chunk + i]) return false;
    }
    return true;
}

Result<base::Buffer> unpack(const RecordHeader& header, base::Buffer stored, std::uint32_t first_chunk,
                            std::uint64_t offset, std::uint64_t length) {
    if (!sums_match(header, stored.chars(), first_chunk)) return damaged(header);
    if (header.codec == Codec::raw) {
        const auto from = offset - std::uint64_t{first_chunk} * kChunkBytes;
        if (from > stored.size() || length > stored.size() - from) return damaged(header);
        return stored.slice(from, length);
    }
    if (offset > header.plain_bytes || length > header.plain_bytes - offset) return damaged(header);
    auto plain = base::Buffer::allocate(header.plain_bytes);
    const auto size = ZSTD_decompress(plain.writable().data(), plain.size(), stored.data(), stored.size());
    if (ZSTD_isError(size) != 0 || size != header.plain_bytes) return damaged(header);
    return plain.slice(offset, length);
}

Result<void> verify(const Packed& packed) {
    const auto& header = packed.header;
    if (packed.payload.size() != header.stored_bytes) return damaged(header);
    TRY(const auto plain, unpack(header, packed.payload, 0, 0, header.plain_bytes));
    if (base::sha256(plain.chars()) != header.name) return damaged(header);
    return {};
}

}  // namespace larder::block
