// How much a bucket holds.
#include "replication/local_engine.h"
#include "src/codec/codec.h"

namespace larder::engine {

namespace {

constexpr auto kPatience = std::chrono::seconds(2);

}  // namespace

// What this node's replica counts. Meaningful where it holds the bucket's rows.
Result<BucketUsage> LocalEngine::counted_here(const BucketId& id) {
    BucketCount sum;
    for (db::ShardId shard = 0; shard < db_->shards(); ++shard) {
        TRY(const auto bytes, db_->get(shard, kUsageTree, id.view()));
        TRY(const auto part, decode_count(bytes));
        sum.objects += part.objects;
        sum.bytes += part.bytes;
    }
    BucketUsage usage;
    usage.objects = static_cast<std::uint64_t>(std::max<std::int64_t>(sum.objects, 0));
    usage.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(sum.bytes, 0));
    return usage;
}

// Every replica counts all of the bucket's objects, so that one is asked: this node if it is one, else the first that
// answers.
Task<Result<BucketUsage>> LocalEngine::counted_usage(BucketId id) {
    const auto& placement = members_->placement();
    const auto set = placement.replicas(placement.partition_of(model::index_shard(id, 0)));
    if (set->has(self())) co_return counted_here(id);
    for (const auto node : set->nodes) {
        const auto answer = co_await ask_peer(node, peer::CountUsage{id}, kPatience);
        if (!answer) continue;
        codec::Reader in(answer->body);
        BucketUsage usage;
        usage.objects = in.u64();
        usage.bytes = in.u64();
        if (in.finish("usage of a bucket")) co_return usage;
    }
    co_return fail(Code::quorum_not_reached, Subject::bucket, "no replica of the bucket answered");
}

}  // namespace larder::engine
