// The row of an object (and of a part): what it is, and where its bytes lie. Format 1, docs/formats.md "Model".
#pragma once

#include "replication/files.h"

#include <vector>

namespace larder::model {

using Owner = base::UploadId;

// Content is a list of extents; bytes that no extent covers read as zero.
struct Extent {
    std::uint64_t offset = 0;  // in the object
    std::uint32_t length = 0;
    std::uint32_t block_offset = 0;
    base::Hash256 block;
};

// A run of extents that one owner wrote: a whole plain upload, a part, a copy, the writes of a file. Short lists stand
// in the row; long ones in pages of their own, of which a piece may show a window only, so that a part of a long file
// can be replaced without writing the pages of the rest again.
struct Piece {
    Owner owner;
    std::uint64_t offset = 0;  // of the piece in the object
    std::uint64_t size = 0;
    std::vector<Extent> extents;  // empty when paged
    std::uint32_t pages = 0;
    std::uint64_t skip = 0;  // the piece is [skip, skip + size) of what its extents count in
    std::uint64_t held = 0;  // bytes that the owner's blocks were made for, over all its pieces; 0: `size`
};

using LinkId = base::UploadId;  // random; names the content of a file with several names

struct Object {
    base::Tag version;
    base::WallTime modified;
    std::uint64_t size = 0;
    std::string etag;
    engine::ObjectProperties properties;
    std::vector<engine::Checksum> checksums;
    std::vector<engine::PartInfo> parts;
    base::UploadId upload;      // of the multipart upload that made it; zero otherwise
    bool is_inline = true;      // the body lies beside the row
    std::vector<Piece> pieces;  // otherwise
    engine::FileAttributes attributes;
    std::uint64_t inode = 0;         // 0: that of the version (inode_of)
    std::optional<LinkId> link;      // this row is one name of a file; its content lies at link_row
    std::vector<std::string> names;  // of a content row: the keys that show it

    // Each once, in order of their ids.
    std::vector<Owner> owners() const;
};

// What stands first in the row of an object.
struct Summary {
    base::Tag version;
    base::WallTime modified;
    std::uint64_t size = 0;
    std::string_view etag;
    std::string_view storage_class;
    bool is_inline = true;
    bool is_link = false;  // one name of a file with several: the rest is of its content's row
};

constexpr std::size_t kExtentsInRow = 16;
constexpr std::size_t kExtentsPerPage = 256;
// Enough leading bytes of a row for decode_summary.
constexpr std::size_t kSummaryBytes = 256;

std::string encode_object(const Object& object);
base::Result<Object> decode_object(std::string_view bytes);
// The leading part, seen in `bytes`, which may be cut after kSummaryBytes.
base::Result<Summary> decode_summary(std::string_view bytes);
std::string encode_extents(const std::vector<Extent>& extents);
base::Result<std::vector<Extent>> decode_extents(std::string_view bytes);

// The identity of the file: kept in the row, or made from its first version.
std::uint64_t inode_of(const Object& object);
// Sorts before every key of an object.
std::string link_key(const LinkId& link);

engine::ObjectInfo info_of(std::string key, Object object);

}  // namespace larder::model
