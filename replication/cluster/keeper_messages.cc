#include "replication/cluster/keeper_messages.h"

#include "src/codec/codec.h"

namespace larder::cluster {

using base::NodeId;
using base::Result;

namespace {
constexpr std::uint8_t kFormat = 1;
}

std::string encode_history(const layout::History& history, const Since& since, Epoch from) {
    codec::Writer out;
    const auto& live = history.live;
    out.u8(kFormat).varint(live.empty() ? 0 : live.begin()->first).varint(live.empty() ? 0 : live.rbegin()->first);
    const auto first = live.lower_bound(from);
    out.varint(static_cast<std::uint64_t>(std::distance(first, live.end())));
    for (auto at = first; at != live.end(); ++at) out.bytes(encode(at->second));
    out.varint(history.progress.size());
    for (const auto& [node, progress] : history.progress) {
        out.raw(node.view()).varint(progress.adopted).varint(progress.synced).varint(progress.settled);
    }
    out.varint(history.given_up.size());
    for (const auto& [node, epoch] : history.given_up) out.raw(node.view()).varint(epoch);
    // Whoever is told of all live layouts may have none of its own to reckon from.
    const bool whole = first == live.begin() && !since.replicas.empty();
    out.varint(whole ? since.replicas.size() : 0);
    if (!whole) return out.take();
    for (const auto& epochs : since.replicas) {
        out.varint(epochs.size());
        for (const auto epoch : epochs) out.varint(epoch);
    }
    out.varint(since.stores.size());
    for (const auto& [node, epoch] : since.stores) out.raw(node.view()).varint(epoch);
    return out.take();
}

namespace {

void take_since(codec::Reader& in, Since& since) {
    const auto partitions = in.count(1);
    for (std::size_t p = 0; p < partitions; ++p) {
        auto& epochs = since.replicas.emplace_back();
        for (auto left = in.count(1); left > 0; --left) epochs.push_back(in.varint());
    }
    if (partitions == 0) return;
    for (auto left = in.count(NodeId::kSize + 1); left > 0; --left) {
        const auto node = in.id<NodeId>();
        since.stores[node] = in.varint();
    }
}

// What is reckoned with later must fit the layout it is of.
bool fits(const Since& since, const layout::History& history) {
    if (since.replicas.empty()) return true;
    if (history.live.empty() || since.replicas.size() != history.live.begin()->second.partitions()) return false;
    const auto& replicas = history.live.begin()->second.replicas;
    for (std::size_t p = 0; p < replicas.size(); ++p) {
        if (since.replicas[p].size() != replicas[p].size()) return false;
    }
    return true;
}

}  // namespace

Result<Known> decode_history(std::string_view bytes) {
    codec::Reader in(bytes);
    Known known;
    const auto format = in.u8();
    known.oldest = in.varint();
    known.newest = in.varint();
    for (auto left = in.count(1); left > 0; --left) {
        TRY(auto layout, layout::decode(in.bytes()));
        const auto epoch = layout.epoch;
        const bool follows = known.history.live.empty() || known.history.live.rbegin()->first + 1 == epoch;
        if (!follows) return base::fail(base::Code::corrupted, base::Subject::config, "layouts that do not follow");
        known.history.live.emplace(epoch, std::move(layout));
    }
    for (auto left = in.count(NodeId::kSize + 3); left > 0; --left) {
        const auto node = in.id<NodeId>();
        auto& progress = known.history.progress[node];
        progress.adopted = in.varint();
        progress.synced = in.varint();
        progress.settled = in.varint();
    }
    for (auto left = in.count(NodeId::kSize + 1); left > 0; --left) {
        const auto node = in.id<NodeId>();
        known.history.given_up[node] = in.varint();
    }
    take_since(in, known.since);
    TRY_VOID(in.finish("layout history"));
    if (format != kFormat || !fits(known.since, known.history)) {
        return base::fail(base::Code::corrupted, base::Subject::config, "a layout history of unknown form");
    }
    return known;
}

std::string encode(const Greeting& greeting) {
    codec::Writer out;
    out.u8(kFormat).raw(greeting.node.view()).varint(greeting.boot).u64(greeting.life).varint(greeting.your_boot);
    return out.u64(greeting.your_life).bytes(greeting.history).take();
}

Result<Greeting> decode_greeting(std::string_view bytes) {
    codec::Reader in(bytes);
    Greeting greeting;
    const auto format = in.u8();
    greeting.node = in.id<NodeId>();
    greeting.boot = static_cast<std::uint32_t>(in.varint());
    greeting.life = in.u64();
    greeting.your_boot = static_cast<std::uint32_t>(in.varint());
    greeting.your_life = in.u64();
    greeting.history = in.bytes();
    TRY_VOID(in.finish("greeting"));
    if (format != kFormat)
        return base::fail(base::Code::corrupted, base::Subject::request, "a greeting of unknown form");
    return greeting;
}

}  // namespace larder::cluster
