#include "replication/model/object.h"

#include "src/codec/codec.h"

#include <algorithm>

namespace larder::model {

using base::Result;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kFileFormat = 2;  // with what files add
// Flags
constexpr std::uint8_t kInline = 1;
constexpr std::uint8_t kWindows = 2;  // pieces carry skip and held
constexpr std::uint8_t kLink = 4;

void put_values(codec::Writer& out, const engine::NamedValues& values) {
    out.varint(values.size());
    for (const auto& [name, value] : values) out.bytes(name).bytes(value);
}

engine::NamedValues take_values(codec::Reader& in) {
    engine::NamedValues values;
    const auto count = in.count(2);
    for (std::size_t i = 0; i < count; ++i) {
        std::string name(in.bytes());
        std::string value(in.bytes());
        values.emplace_back(std::move(name), std::move(value));
    }
    return values;
}

void put_checksums(codec::Writer& out, const std::vector<engine::Checksum>& checksums) {
    out.varint(checksums.size());
    for (const auto& sum : checksums) {
        out.u8(static_cast<std::uint8_t>(sum.algorithm)).boolean(sum.composite).bytes(sum.value);
    }
}

std::vector<engine::Checksum> take_checksums(codec::Reader& in) {
    std::vector<engine::Checksum> checksums;
    const auto count = in.count(3);
    for (std::size_t i = 0; i < count; ++i) {
        engine::Checksum sum;
        sum.algorithm = static_cast<engine::ChecksumAlgorithm>(in.u8());
        sum.composite = in.boolean();
        sum.value = in.bytes();
        checksums.push_back(std::move(sum));
    }
    return checksums;
}

void put_part(codec::Writer& out, const engine::PartInfo& part) {
    out.varint(static_cast<std::uint64_t>(part.number)).varint(part.size).bytes(part.etag);
    put_checksums(out, part.checksums);
    out.u64(static_cast<std::uint64_t>(part.modified.ms));
}

engine::PartInfo take_part(codec::Reader& in) {
    engine::PartInfo part;
    part.number = static_cast<int>(in.varint());
    part.size = in.varint();
    part.etag = in.bytes();
    part.checksums = take_checksums(in);
    part.modified.ms = static_cast<std::int64_t>(in.u64());
    return part;
}

void put_extents(codec::Writer& out, const std::vector<Extent>& extents) {
    out.varint(extents.size());
    for (const auto& extent : extents) {
        out.varint(extent.offset).varint(extent.length).varint(extent.block_offset).raw(extent.block.view());
    }
}

std::vector<Extent> take_extents(codec::Reader& in) {
    std::vector<Extent> extents;
    const auto count = in.count(35);
    extents.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        Extent extent;
        extent.offset = in.varint();
        extent.length = static_cast<std::uint32_t>(in.varint());
        extent.block_offset = static_cast<std::uint32_t>(in.varint());
        extent.block = in.id<base::Hash256>();
        extents.push_back(extent);
    }
    return extents;
}

bool has_windows(const std::vector<Piece>& pieces) {
    return std::any_of(pieces.begin(), pieces.end(), [](const Piece& p) { return p.skip != 0 || p.held != 0; });
}

void put_piece(codec::Writer& out, const Piece& piece, bool windows) {
    out.raw(piece.owner.view()).varint(piece.offset).varint(piece.size).varint(piece.pages);
    if (windows) out.varint(piece.skip).varint(piece.held);
    put_extents(out, piece.extents);
}

Piece take_piece(codec::Reader& in, bool windows) {
    Piece piece;
    piece.owner = in.id<Owner>();
    piece.offset = in.varint();
    piece.size = in.varint();
    piece.pages = static_cast<std::uint32_t>(in.varint());
    if (windows) {
        piece.skip = in.varint();
        piece.held = in.varint();
    }
    piece.extents = take_extents(in);
    return piece;
}

// The leading part that listings need, the same in every row.
struct Lead {
    Summary summary;
    std::uint8_t format = 0;
    std::uint8_t flags = 0;
};
Lead take_lead(codec::Reader& in) {
    Lead lead;
    auto& summary = lead.summary;
    lead.format = in.u8();
    lead.flags = in.u8();
    summary.version = in.tag();
    summary.modified.ms = static_cast<std::int64_t>(in.u64());
    summary.size = in.varint();
    summary.etag = in.bytes();
    summary.storage_class = in.bytes();
    summary.is_inline = (lead.flags & kInline) != 0;
    summary.is_link = (lead.flags & kLink) != 0;
    if (lead.format != kFormat && lead.format != kFileFormat) (void)in.raw(SIZE_MAX);
    return lead;
}

template <typename T>
void put_optional(codec::Writer& out, const std::optional<T>& value) {
    out.boolean(value.has_value());
    if (value) out.u64(static_cast<std::uint64_t>(*value));
}
template <typename T>
std::optional<T> take_optional(codec::Reader& in) {
    if (!in.boolean()) return std::nullopt;
    return static_cast<T>(in.u64());
}

bool needs_file_format(const Object& object) {
    return object.inode != 0 || object.link || !object.names.empty() || object.attributes != engine::FileAttributes{};
}

void put_file_part(codec::Writer& out, const Object& object) {
    const auto& attributes = object.attributes;
    put_optional(out, attributes.mode);
    put_optional(out, attributes.uid);
    put_optional(out, attributes.gid);
    put_optional(out, attributes.device);
    put_optional(out, attributes.mtime_ns);
    put_optional(out, attributes.atime_ns);
    put_optional(out, attributes.ctime_ns);
    out.varint(attributes.xattrs.size());
    for (const auto& [name, value] : attributes.xattrs) out.bytes(name).bytes(value);
    out.u64(object.inode);
    if (object.link) out.raw(object.link->view());
    out.varint(object.names.size());
    for (const auto& name : object.names) out.bytes(name);
}

void take_file_part(codec::Reader& in, Object& object) {
    auto& attributes = object.attributes;
    attributes.mode = take_optional<std::uint32_t>(in);
    attributes.uid = take_optional<std::uint32_t>(in);
    attributes.gid = take_optional<std::uint32_t>(in);
    attributes.device = take_optional<std::uint64_t>(in);
    attributes.mtime_ns = take_optional<std::int64_t>(in);
    attributes.atime_ns = take_optional<std::int64_t>(in);
    attributes.ctime_ns = take_optional<std::int64_t>(in);
    const auto count = in.count(2);
    for (std::size_t i = 0; i < count; ++i) {
        std::string name(in.bytes());
        attributes.xattrs[std::move(name)] = in.bytes();
    }
    object.inode = in.u64();
    if (object.link) object.link = in.id<LinkId>();
    const auto names = in.count(1);
    for (std::size_t i = 0; i < names; ++i) object.names.emplace_back(in.bytes());
}

}  // namespace

std::vector<Owner> Object::owners() const {
    std::vector<Owner> out;
    for (const auto& piece : pieces) out.push_back(piece.owner);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

std::string encode_object(const Object& object) {
    codec::Writer out;
    out.reserve(256);
    const bool file = needs_file_format(object);
    const bool windows = has_windows(object.pieces);
    const auto flags = (object.is_inline ? kInline : 0) | (windows ? kWindows : 0) | (object.link ? kLink : 0);
    out.u8(file ? kFileFormat : kFormat).u8(static_cast<std::uint8_t>(flags)).tag(object.version);
    out.u64(static_cast<std::uint64_t>(object.modified.ms)).varint(object.size).bytes(object.etag);
    out.bytes(object.properties.storage_class);
    put_values(out, object.properties.headers);
    put_values(out, object.properties.metadata);
    put_values(out, object.properties.tags);
    put_checksums(out, object.checksums);
    out.varint(object.parts.size());
    for (const auto& part : object.parts) put_part(out, part);
    out.raw(object.upload.view()).varint(object.pieces.size());
    for (const auto& piece : object.pieces) put_piece(out, piece, windows);
    if (file) put_file_part(out, object);
    return out.take();
}

Result<Object> decode_object(std::string_view bytes) {
    codec::Reader in(bytes);
    Object object;
    const auto [summary, format, flags] = take_lead(in);
    object.version = summary.version;
    object.modified = summary.modified;
    object.size = summary.size;
    object.etag = summary.etag;
    object.properties.storage_class = summary.storage_class;
    object.is_inline = summary.is_inline;
    if (summary.is_link) object.link.emplace();
    object.properties.headers = take_values(in);
    object.properties.metadata = take_values(in);
    object.properties.tags = take_values(in);
    object.checksums = take_checksums(in);
    const auto parts = in.count(10);
    for (std::size_t i = 0; i < parts; ++i) object.parts.push_back(take_part(in));
    object.upload = in.id<base::UploadId>();
    const auto pieces = in.count(20);
    for (std::size_t i = 0; i < pieces; ++i) object.pieces.push_back(take_piece(in, (flags & kWindows) != 0));
    if (format == kFileFormat) take_file_part(in, object);
    TRY_VOID(in.finish("object row"));
    return object;
}

Result<Summary> decode_summary(std::string_view bytes) {
    codec::Reader in(bytes);
    const auto summary = take_lead(in).summary;
    if (!in.ok()) return base::fail(base::Code::corrupted, base::Subject::row, "an object row has malformed bytes");
    return summary;
}

std::string encode_extents(const std::vector<Extent>& extents) {
    codec::Writer out;
    out.u8(kFormat);
    put_extents(out, extents);
    return out.take();
}

Result<std::vector<Extent>> decode_extents(std::string_view bytes) {
    codec::Reader in(bytes);
    const auto format = in.u8();
    auto extents = take_extents(in);
    TRY_VOID(in.finish("manifest page"));
    if (format != kFormat)
        return base::fail(base::Code::corrupted, base::Subject::row, "a manifest page of unknown form");
    return extents;
}

std::uint64_t inode_of(const Object& object) {
    if (object.inode != 0) return object.inode;
    // Spread over 64 bits (the finaliser of splitmix64, Steele et al. 2014), so that it meets no other.
    auto x = object.version.time ^ (static_cast<std::uint64_t>(object.version.node) << 32 | object.version.boot);
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    x ^= x >> 31;
    return x > 1 ? x : x + 2;
}

std::string link_key(const LinkId& link) {
    std::string key(1, '\0');
    return key.append(link.view());
}

engine::ObjectInfo info_of(std::string key, Object object) {
    engine::ObjectInfo info;
    info.key = std::move(key);
    info.version = object.version;
    info.modified = object.modified;
    info.size = object.size;
    info.etag = std::move(object.etag);
    info.properties = std::move(object.properties);
    info.checksums = std::move(object.checksums);
    info.parts = std::move(object.parts);
    return info;
}

}  // namespace larder::model
