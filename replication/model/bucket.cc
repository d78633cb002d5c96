#include "replication/model/bucket.h"

#include "src/codec/codec.h"

namespace larder::model {

using base::Result;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kDeletingFormat = 2;  // with who deletes the bucket

std::unexpected<base::Error> unknown_form(std::string_view what) {
    return base::fail(base::Code::corrupted, base::Subject::row, std::string(what) + " of unknown form");
}

void put_limit(codec::Writer& out, const std::optional<std::uint64_t>& limit) {
    out.boolean(limit.has_value()).varint(limit.value_or(0));
}

std::optional<std::uint64_t> take_limit(codec::Reader& in) {
    const bool given = in.boolean();
    const auto value = in.varint();
    return given ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string encode_bucket(const BucketRow& row) {
    const auto& bucket = row.bucket;
    codec::Writer out;
    const bool named = row.deleting && row.deleter != 0;
    out.u8(named ? kDeletingFormat : kFormat).raw(bucket.id.view());
    out.u64(static_cast<std::uint64_t>(bucket.created.ms)).bytes(bucket.owner_key);
    out.u32(row.index_shards).boolean(row.deleting);
    put_limit(out, bucket.quota.bytes_max);
    put_limit(out, bucket.quota.objects_max);
    out.varint(bucket.names.size());
    for (const auto& name : bucket.names) out.bytes(name);
    out.varint(bucket.settings.size());
    for (const auto& [name, document] : bucket.settings) out.bytes(name).bytes(document);
    if (named) out.u32(row.deleter).u32(row.deleter_boot);
    return out.take();
}

Result<BucketRow> decode_bucket(std::string_view bytes) {
    codec::Reader in(bytes);
    BucketRow row;
    auto& bucket = row.bucket;
    const auto format = in.u8();
    bucket.id = in.id<base::BucketId>();
    bucket.created.ms = static_cast<std::int64_t>(in.u64());
    bucket.owner_key = in.bytes();
    row.index_shards = static_cast<std::uint16_t>(in.u32());
    row.deleting = in.boolean();
    bucket.quota.bytes_max = take_limit(in);
    bucket.quota.objects_max = take_limit(in);
    const auto names = in.count(1);
    for (std::size_t i = 0; i < names; ++i) bucket.names.emplace_back(in.bytes());
    const auto settings = in.count(2);
    for (std::size_t i = 0; i < settings; ++i) {
        std::string name(in.bytes());
        bucket.settings[std::move(name)] = in.bytes();
    }
    if (format == kDeletingFormat) {
        row.deleter = in.u32();
        row.deleter_boot = in.u32();
    }
    TRY_VOID(in.finish("bucket row"));
    if ((format != kFormat && format != kDeletingFormat) || row.index_shards == 0) return unknown_form("a bucket row");
    return row;
}

std::string encode_access_key(const engine::AccessKey& key) {
    codec::Writer out;
    out.u8(kFormat).bytes(key.id).bytes(key.secret).bytes(key.name).u64(static_cast<std::uint64_t>(key.created.ms));
    out.boolean(key.expires.has_value()).u64(static_cast<std::uint64_t>(key.expires.value_or(base::WallTime{}).ms));
    out.boolean(key.disabled).boolean(key.may_create_buckets).varint(key.rights.size());
    for (const auto& [bucket, rights] : key.rights) {
        out.raw(bucket.view()).boolean(rights.read).boolean(rights.write).boolean(rights.owner);
    }
    return out.take();
}

Result<engine::AccessKey> decode_access_key(std::string_view bytes) {
    codec::Reader in(bytes);
    engine::AccessKey key;
    const auto format = in.u8();
    key.id = in.bytes();
    key.secret = in.bytes();
    key.name = in.bytes();
    key.created.ms = static_cast<std::int64_t>(in.u64());
    const bool expires = in.boolean();
    const base::WallTime when{static_cast<std::int64_t>(in.u64())};
    if (expires) key.expires = when;
    key.disabled = in.boolean();
    key.may_create_buckets = in.boolean();
    const auto count = in.count(19);
    for (std::size_t i = 0; i < count; ++i) {
        const auto bucket = in.id<base::BucketId>();
        auto& rights = key.rights[bucket];
        rights.read = in.boolean();
        rights.write = in.boolean();
        rights.owner = in.boolean();
    }
    TRY_VOID(in.finish("access key row"));
    if (format != kFormat) return unknown_form("an access key row");
    return key;
}

}  // namespace larder::model
