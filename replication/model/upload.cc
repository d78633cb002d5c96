#include "replication/model/upload.h"

#include "src/codec/codec.h"

namespace larder::model {

using base::Result;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kCompletingFormat = 2;  // with who completes the upload

std::unexpected<base::Error> unknown_form(std::string_view what) {
    return base::fail(base::Code::corrupted, base::Subject::row, std::string(what) + " of unknown form");
}

}  // namespace

std::string encode_upload(const Upload& upload) {
    // The properties travel as an object row without content.
    Object properties;
    properties.properties = upload.info.properties;
    codec::Writer out;
    const bool named = upload.state == UploadState::completing && upload.completer != 0;
    out.u8(named ? kCompletingFormat : kFormat);
    out.u8(static_cast<std::uint8_t>(upload.state)).bytes(upload.completed_etag);
    if (named) out.u32(upload.completer).raw(upload.attempt.view()).tag(upload.began);
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
    if (format == kCompletingFormat) {
        upload.completer = in.u32();
        upload.attempt = in.id<base::UploadId>();
        upload.began = in.tag();
    }
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
    if ((format != kFormat && format != kCompletingFormat) || state > 2) return unknown_form("an upload row");
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

}  // namespace larder::model
