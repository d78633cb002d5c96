#include "replication/row_hooks.h"

#include "src/codec/codec.h"

#include <algorithm>

namespace larder::engine {

using base::BucketId;
using base::Result;

namespace {

std::string_view bucket_of(const table::RowKey& key) {
    return std::string_view(key.partition_key).substr(0, BucketId::kSize);
}

// The replicas have the last word on what a bucket that is being deleted takes: a coordinator may not have heard of it.
std::unexpected<base::Error> closed() {
    return base::fail(base::Code::not_found, base::Subject::bucket, "the bucket is being deleted, or is gone");
}

}  // namespace

std::string encode_count(const BucketCount& count) {
    codec::Writer out;
    out.u64(static_cast<std::uint64_t>(count.objects)).u64(static_cast<std::uint64_t>(count.bytes));
    if (!count.closed.is_zero()) out.tag(count.closed);
    return out.take();
}

Result<BucketCount> decode_count(const std::optional<std::string>& bytes) {
    BucketCount count;
    if (!bytes) return count;
    codec::Reader in(*bytes);
    count.objects = static_cast<std::int64_t>(in.u64());
    count.bytes = static_cast<std::int64_t>(in.u64());
    if (!in.at_end()) count.closed = in.tag();
    TRY_VOID(in.finish("count of a bucket"));
    return count;
}

std::string encode_garbage(const Garbage& garbage) {
    codec::Writer out;
    out.bytes(garbage.row.partition_key).bytes(garbage.row.sort_key).tag(garbage.version).varint(garbage.owners.size());
    for (const auto& owner : garbage.owners) out.raw(owner.view());
    return out.take();
}

Result<Garbage> decode_garbage(std::string_view bytes) {
    codec::Reader in(bytes);
    Garbage garbage;
    garbage.row.partition_key = in.bytes();
    garbage.row.sort_key = in.bytes();
    garbage.version = in.tag();
    const auto count = in.count(model::Owner::kSize);
    for (std::size_t i = 0; i < count; ++i) garbage.owners.push_back(in.id<model::Owner>());
    TRY_VOID(in.finish("garbage"));
    return garbage;
}

Result<void> after_object_change(db::Writer& rows, const table::RowTransition& change) {
    const auto bucket = bucket_of(change.key);
    TRY(const auto stored, rows.get(kUsageTree, bucket));
    TRY(auto count, decode_count(stored));
    // The content of a file with several names is counted once, by its names.
    const bool counted = !change.key.sort_key.starts_with('\0');
    std::vector<model::Owner> kept;
    std::optional<model::LinkId> kept_link;
    if (change.after.has_value()) {
        if (!count.closed.is_zero()) return closed();
        TRY(const auto object, model::decode_object(change.after.row));
        count.objects += counted ? 1 : 0;
        count.bytes += static_cast<std::int64_t>(object.size);
        kept = object.owners();
        kept_link = object.link;
    }
    if (change.before && change.before->has_value()) {
        TRY(const auto object, model::decode_object(change.before->row));
        count.objects -= counted ? 1 : 0;
        count.bytes -= static_cast<std::int64_t>(object.size);
        Garbage garbage;
        std::ranges::set_difference(object.owners(), kept, std::back_inserter(garbage.owners));
        // Whoever removed the name may have told the content's row already; that it is told is seen to behind.
        if (object.link && kept_link != object.link) {
            codec::Writer lost;
            lost.bytes(change.key.partition_key).bytes(change.key.sort_key).raw(object.link->view());
            TRY_VOID(rows.put(kLostNamesTree, change.after.acc.encode() + change.key.sort_key, lost.view()));
        }
        if (!garbage.owners.empty()) {
            garbage.row = change.key;
            garbage.version = change.before->version;
            TRY_VOID(rows.put(kGarbageTree, change.after.acc.encode() + change.key.sort_key, encode_garbage(garbage)));
        }
    }
    return rows.put(kUsageTree, bucket, encode_count(count));
}

Result<void> after_upload_change(db::Writer& rows, const table::RowTransition& change) {
    const bool is_new = change.after.has_value() && !(change.before && change.before->has_value());
    if (!is_new) return {};
    TRY(const auto stored, rows.get(kUsageTree, bucket_of(change.key)));
    TRY(const auto count, decode_count(stored));
    return count.closed.is_zero() ? Result<void>() : closed();
}

Result<void> close_count(db::Writer& rows, std::string_view bucket, base::Tag mark) {
    TRY(const auto stored, rows.get(kUsageTree, bucket));
    TRY(auto count, decode_count(stored));
    if (count.closed >= mark) return {};
    count.closed = mark;
    return rows.put(kUsageTree, bucket, encode_count(count));
}

Result<void> open_count(db::Writer& rows, std::string_view bucket, base::Tag version) {
    TRY(const auto stored, rows.get(kUsageTree, bucket));
    TRY(auto count, decode_count(stored));
    if (count.closed.is_zero() || count.closed >= version) return {};
    count.closed = {};
    return rows.put(kUsageTree, bucket, encode_count(count));
}

}  // namespace larder::engine
