#include "replication/model/upload.h"

#include "src/codec/codec.h"

namespace larder::model {

using base::Result;

namespace {

constexpr std::uint8_t kFormat = 1;

std::unexpected<base::Error> unknown_form(std::string_view what) {
    return base::fail(base::Code::corrupted, base::Subject::row, std::string(what) + " of unknown form");
}

}  // namespace

std::string encode_upload(const Upload& upload) {
    // The properties travel as an object row without content.
    Object properties;
    properties.properties = upload.info.properties;
    codec::Writer out;
    out.u8(kFormat).u8(static_cast<std::uint8_t>(upload.state)).bytes(upload.completed_etag);
    out.raw(upload.info.id.view()).raw(upload.info.bucket.view()).bytes(upload.info.key);
    out.u64(static_cast<std::uint64_t>(upload.info.created.ms)).bytes(upload.info.owner_key);
    out.u8(upload.info.checksum_algorithm ? static_cast<std::uint8_t>(*upload.info.checksum_algorithm) : 0);
    out.boolean(upload.info.checksum_composite).bytes(encode_object(properties));
    return out.take();
}

Result<Upload> decode_upload(std::string_view bytes) {
    codec::Reader in(bytes);
    Upload upload;
    const auto format = in.u8();
    const auto state = in.u8();
    upload.completed_etag = in.bytes();
    upload.info.id = in.id<base::UploadId>();
    upload.info.bucket = in.id<base::BucketId>();
    upload.info.key = in.bytes();
    upload.info.created.ms = static_cast<std::int64_t>(in.u64());
    upload.info.owner_key = in.bytes();
    if (const auto algorithm = in.u8(); algorithm != 0) {
        upload.info.checksum_algorithm = static_cast<engine::ChecksumAlgorithm>(algorithm);
    }
    upload.info.checksum_composite = in.boolean();
    const auto properties = in.bytes();
    TRY_VOID(in.finish("upload row"));
    if (format != kFormat || state > 2) return unknown_form("an upload row");
    upload.state = static_cast<UploadState>(state);
    TRY(auto object, decode_object(properties));
    upload.info.properties = std::move(object.properties);
    return upload;
}

std::string encode_intent(const Intent& intent) {
    codec::Writer out;
    out.u8(kFormat).raw(intent.bucket.view()).bytes(intent.key).raw(intent.upload.view());
    return out.u32(intent.part).u32(intent.boot).take();
}

Result<Intent> decode_intent(std::string_view bytes) {
    codec::Reader in(bytes);
    Intent intent;
    const auto format = in.u8();
    intent.bucket = in.id<base::BucketId>();
    intent.key = in.bytes();
    intent.upload = in.id<base::UploadId>();
    intent.part = in.u32();
    intent.boot = in.u32();
    TRY_VOID(in.finish("intent row"));
    if (format != kFormat) return unknown_form("an intent row");
    return intent;
}

namespace {

template <typename T>
void put_optional(codec::Writer& out, const std::optional<T>& value) {
    out.boolean(value.has_value()).u64(static_cast<std::uint64_t>(value.value_or(0)));
}
template <typename T>
std::optional<T> take_optional(codec::Reader& in) {
    const bool given = in.boolean();
    const auto value = static_cast<T>(in.u64());
    return given ? std::optional<T>(value) : std::nullopt;
}

}  // namespace

std::string encode_attributes(const engine::PosixAttributes& attributes) {
    codec::Writer out;
    out.u8(kFormat);
    put_optional(out, attributes.mode);
    put_optional(out, attributes.uid);
    put_optional(out, attributes.gid);
    put_optional(out, attributes.mtime_ns);
    put_optional(out, attributes.atime_ns);
    out.varint(attributes.xattrs.size());
    for (const auto& [name, value] : attributes.xattrs) out.bytes(name).bytes(value);
    return out.take();
}

Result<engine::PosixAttributes> decode_attributes(std::string_view bytes) {
    codec::Reader in(bytes);
    engine::PosixAttributes attributes;
    const auto format = in.u8();
    attributes.mode = take_optional<std::uint32_t>(in);
    attributes.uid = take_optional<std::uint32_t>(in);
    attributes.gid = take_optional<std::uint32_t>(in);
    attributes.mtime_ns = take_optional<std::int64_t>(in);
    attributes.atime_ns = take_optional<std::int64_t>(in);
    const auto count = in.count(2);
    for (std::size_t i = 0; i < count; ++i) {
        std::string name(in.bytes());
        attributes.xattrs[std::move(name)] = in.bytes();
    }
    TRY_VOID(in.finish("attributes row"));
    if (format != kFormat) return unknown_form("an attributes row");
    return attributes;
}

}  // namespace larder::model
