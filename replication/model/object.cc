#include "replication/model/object.h"

#include "src/codec/codec.h"

namespace larder::model {

using base::Result;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kInline = 1;

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

// The leading part that listings need, the same in every row.
void take_summary(codec::Reader& in, Object& object) {
    const auto format = in.u8();
    const auto flags = in.u8();
    object.version = in.tag();
    object.modified.ms = static_cast<std::int64_t>(in.u64());
    object.size = in.varint();
    object.etag = in.bytes();
    object.properties.storage_class = in.bytes();
    object.is_inline = (flags & kInline) != 0;
    if (format != kFormat) (void)in.raw(SIZE_MAX);
}

}  // namespace

std::string encode_object(const Object& object) {
    codec::Writer out;
    out.reserve(256);
    out.u8(kFormat).u8(object.is_inline ? kInline : 0).tag(object.version);
    out.u64(static_cast<std::uint64_t>(object.modified.ms)).varint(object.size).bytes(object.etag);
    out.bytes(object.properties.storage_class);
    put_values(out, object.properties.headers);
    put_values(out, object.properties.metadata);
    put_values(out, object.properties.tags);
    put_checksums(out, object.checksums);
    out.varint(object.parts.size());
    for (const auto& part : object.parts) put_part(out, part);
    out.raw(object.upload.view()).varint(object.pieces.size());
    for (const auto& piece : object.pieces) {
        out.raw(piece.owner.view()).varint(piece.offset).varint(piece.size).varint(piece.pages);
        put_extents(out, piece.extents);
    }
    return out.take();
}

Result<Object> decode_object(std::string_view bytes) {
    codec::Reader in(bytes);
    Object object;
    take_summary(in, object);
    object.properties.headers = take_values(in);
    object.properties.metadata = take_values(in);
    object.properties.tags = take_values(in);
    object.checksums = take_checksums(in);
    const auto parts = in.count(10);
    for (std::size_t i = 0; i < parts; ++i) object.parts.push_back(take_part(in));
    object.upload = in.id<base::UploadId>();
    const auto pieces = in.count(20);
    for (std::size_t i = 0; i < pieces; ++i) {
        Piece piece;
        piece.owner = in.id<Owner>();
        piece.offset = in.varint();
        piece.size = in.varint();
        piece.pages = static_cast<std::uint32_t>(in.varint());
        piece.extents = take_extents(in);
        object.pieces.push_back(std::move(piece));
    }
    TRY_VOID(in.finish("object row"));
    return object;
}

Result<Object> decode_summary(std::string_view bytes) {
    codec::Reader in(bytes);
    Object object;
    take_summary(in, object);
    if (!in.ok()) return base::fail(base::Code::corrupted, base::Subject::row, "an object row has malformed bytes");
    return object;
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
