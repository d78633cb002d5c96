// The row of an object (and of a part): what it is, and where its bytes lie. Format 1, docs/formats.md "Model".
#pragma once

#include "replication/engine.h"

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

// A run of extents that one owner wrote: a whole plain upload, a part, a copy. Short lists stand in the row; long ones
// in pages of their own.
struct Piece {
    Owner owner;
    std::uint64_t offset = 0;  // of the piece in the object; extents count from here
    std::uint64_t size = 0;
    std::vector<Extent> extents;  // empty when paged
    std::uint32_t pages = 0;
};

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

    std::vector<Owner> owners() const {
        std::vector<Owner> out;
        for (const auto& piece : pieces) out.push_back(piece.owner);
        return out;
    }
};

constexpr std::size_t kExtentsInRow = 16;
constexpr std::size_t kExtentsPerPage = 256;
// Enough leading bytes of a row for decode_summary.
constexpr std::size_t kSummaryBytes = 256;

std::string encode_object(const Object& object);
base::Result<Object> decode_object(std::string_view bytes);
// Only version, modified, size, etag and storage class; `bytes` may be cut after kSummaryBytes.
base::Result<Object> decode_summary(std::string_view bytes);
std::string encode_extents(const std::vector<Extent>& extents);
base::Result<std::vector<Extent>> decode_extents(std::string_view bytes);

engine::ObjectInfo info_of(std::string key, Object object);

}  // namespace larder::model
