// A piece of one version's content as a file of the cache's folder (docs/formats.md, "Read cache of a mount"). Inside
// replication/read_cache.
#pragma once

#include "src/base/bytes.h"
#include "src/base/id.h"
#include "src/base/limits.h"
#include "src/io/disk.h"

#include <optional>
#include <string>
#include <vector>

namespace larder::read_cache {

using base::Buffer;
using base::Result;

// A file is cut at multiples of this; its last piece, the only one of most files, is as long as what is left.
constexpr std::uint64_t kPieceBytes = base::limits::kBlockBytes;
// Each part of a piece has a sum of its own: whoever reads some of it verifies no more.
constexpr std::size_t kPartBytes = 64 << 10;
constexpr std::size_t kPartsMax = kPieceBytes / kPartBytes;
constexpr std::size_t kHeaderBytes = 128;

// What the bytes are. No two contents share one: a version is never given twice.
struct Identity {
    base::BucketId bucket;
    std::uint64_t inode = 0;
    base::Tag version;
    std::uint64_t offset = 0;  // a multiple of kPieceBytes
    std::uint32_t length = 0;  // 1 to kPieceBytes

    bool operator==(const Identity&) const = default;
};

// The first half of the SHA-256 of an identity.
using PieceName = base::Id<struct PieceNameKind, 16>;
PieceName name_of(const Identity& identity);

struct Header {
    Identity identity;
    std::vector<std::uint32_t> sums;  // CRC-32C of each part
};
// kHeaderBytes long.
std::string encode_header(const Header& header);
// corrupted when it is none.
Result<Header> decode_header(std::string_view bytes);

// A piece in the folder. Its file's name tells all of it, so that listing the folder is enough to know what is there.
struct Kept {
    PieceName name;
    std::uint64_t sequence = 0;  // the later stored, the higher
    std::uint32_t length = 0;    // of the content
};
std::string file_name(const Kept& kept);
std::optional<Kept> parse_file_name(std::string_view name);
// What its file takes of the disk.
std::uint64_t disk_bytes(std::uint32_t length);

// Blocking. Nothing is synced: what a crash leaves torn is found out when it is read. A file that could not be written
// whole is removed.
Result<void> write_piece(io::Disk& disk, const std::string& path, const Identity& identity, const Buffer& content);
// Blocking. [from, from + length) of the piece, within it. not_found; corrupted: torn, damaged or another's.
Result<Buffer> read_piece(io::Disk& disk, const std::string& path, const Identity& identity, std::uint64_t from,
                          std::uint64_t length);

}  // namespace larder::read_cache
