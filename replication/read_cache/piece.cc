#include "replication/read_cache/piece.h"

#include "src/base/crc.h"
#include "src/base/hash.h"
#include "src/codec/codec.h"

#include <charconv>

namespace larder::read_cache {

using base::Code;
using base::Subject;

namespace {

constexpr std::uint32_t kMagic = 0x3143524c;  // "LRC1"
constexpr std::size_t kSummedBytes = kHeaderBytes - sizeof(std::uint32_t);
constexpr std::uint64_t kPageBytes = 4096;
constexpr std::size_t kSequenceDigits = 16;
constexpr std::size_t kLengthDigits = 6;
constexpr std::size_t kNameDigits = 2 * PieceName::kSize;
constexpr int kHexadecimal = 16;

std::unexpected<base::Error> no_piece(std::string_view why) {
    return base::fail(Code::corrupted, Subject::disk, "a file of the mount's cache " + std::string(why));
}

void put_identity(codec::Writer& out, const Identity& identity) {
    out.raw(identity.bucket.view()).u64(identity.inode).tag(identity.version);
    out.u64(identity.offset).u32(identity.length);
}

std::size_t parts_of(std::uint32_t length) {
    return (length + kPartBytes - 1) / kPartBytes;
}

std::string digits(std::uint64_t value, std::size_t count) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out(count, '0');
    for (; value > 0 && count > 0; value /= kHexadecimal) out[--count] = kDigits[value % kHexadecimal];
    return out;
}

template <typename Number>
bool take_digits(std::string_view text, Number& into) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, kHexadecimal);
    return error == std::errc() && end == text.data() + text.size();
}

bool take_name(std::string_view text, PieceName& into) {
    for (std::size_t i = 0; i < PieceName::kSize; ++i) {
        if (!take_digits(text.substr(2 * i, 2), into.bytes[i])) return false;
    }
    return true;
}

}  // namespace

PieceName name_of(const Identity& identity) {
    codec::Writer out;
    put_identity(out, identity);
    return *PieceName::from(base::sha256(out.view()).view().substr(0, PieceName::kSize));
}

std::string encode_header(const Header& header) {
    codec::Writer out;
    out.u32(kMagic);
    put_identity(out, header.identity);
    for (std::size_t i = 0; i < kPartsMax; ++i) out.u32(i < header.sums.size() ? header.sums[i] : 0);
    out.raw(std::string(kSummedBytes - out.size(), '\0'));
    out.u32(base::crc32c(out.view()));
    return out.take();
}

Result<Header> decode_header(std::string_view bytes) {
    if (bytes.size() != kHeaderBytes) return no_piece("is too short");
    codec::Reader in(bytes);
    const bool known = in.u32() == kMagic;
    Header header;
    auto& identity = header.identity;
    identity.bucket = in.id<base::BucketId>();
    identity.inode = in.u64();
    identity.version = in.tag();
    identity.offset = in.u64();
    identity.length = in.u32();
    for (std::size_t i = 0; i < kPartsMax; ++i) header.sums.push_back(in.u32());
    const auto unused = in.u32();
    if (!known || unused != 0) return no_piece("has no header");
    if (in.u32() != base::crc32c(bytes.substr(0, kSummedBytes))) return no_piece("has a damaged header");
    if (identity.length == 0 || identity.length > kPieceBytes || identity.offset % kPieceBytes != 0)
        return no_piece("is of an impossible length or place");
    for (std::size_t i = parts_of(identity.length); i < kPartsMax; ++i) {
        if (header.sums[i] != 0) return no_piece("has sums of parts that it has not");
    }
    header.sums.resize(parts_of(identity.length));
    return header;
}

std::string file_name(const Kept& kept) {
    return digits(kept.sequence, kSequenceDigits) + '-' + kept.name.hex() + '-' + digits(kept.length, kLengthDigits);
}

std::optional<Kept> parse_file_name(std::string_view name) {
    constexpr auto kAfterSequence = kSequenceDigits + 1;
    constexpr auto kAfterName = kAfterSequence + kNameDigits + 1;
    if (name.size() != kAfterName + kLengthDigits) return std::nullopt;
    if (name[kAfterSequence - 1] != '-' || name[kAfterName - 1] != '-') return std::nullopt;
    Kept kept;
    if (!take_digits(name.substr(0, kSequenceDigits), kept.sequence)) return std::nullopt;
    if (!take_name(name.substr(kAfterSequence, kNameDigits), kept.name)) return std::nullopt;
    if (!take_digits(name.substr(kAfterName), kept.length)) return std::nullopt;
    if (kept.length == 0 || kept.length > kPieceBytes || file_name(kept) != name) return std::nullopt;
    return kept;
}

std::uint64_t disk_bytes(std::uint32_t length) {
    return (kHeaderBytes + length + kPageBytes - 1) / kPageBytes * kPageBytes;
}

Result<void> write_piece(io::Disk& disk, const std::string& path, const Identity& identity, const Buffer& content) {
    Header header{identity, {}};
    const auto chars = content.chars();
    for (std::size_t at = 0; at < chars.size(); at += kPartBytes) {
        header.sums.push_back(base::crc32c(chars.substr(at, kPartBytes)));
    }
    TRY(const auto file, disk.open(path, io::OpenMode::create));
    auto written = file->write_at(0, base::as_bytes(encode_header(header)));
    if (written) written = file->write_at(kHeaderBytes, content.bytes());
    if (!written) static_cast<void>(disk.remove(path));
    return written;
}

Result<Buffer> read_piece(io::Disk& disk, const std::string& path, const Identity& identity, std::uint64_t from,
                          std::uint64_t length) {
    TRY(const auto file, disk.open(path, io::OpenMode::read_only));
    std::string head(kHeaderBytes, '\0');
    TRY(const auto got, file->read_at(0, {reinterpret_cast<std::byte*>(head.data()), head.size()}));
    head.resize(got);
    TRY(const auto header, decode_header(head));
    if (header.identity != identity) return no_piece("is another's");
    const auto begin = from / kPartBytes * kPartBytes;
    const auto end =
        std::min<std::uint64_t>((from + length + kPartBytes - 1) / kPartBytes * kPartBytes, identity.length);
    auto content = Buffer::allocate(end - begin);
    TRY(const auto size, file->read_at(kHeaderBytes + begin, content.writable()));
    if (size != content.size()) return no_piece("is cut short");
    for (std::size_t at = 0; at < size; at += kPartBytes) {
        const auto part = content.chars().substr(at, kPartBytes);
        if (base::crc32c(part) != header.sums[(begin + at) / kPartBytes]) return no_piece("is damaged");
    }
    return content.slice(from - begin, length);
}

}  // namespace larder::read_cache
