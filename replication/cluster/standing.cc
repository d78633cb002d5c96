#include "replication/cluster/standing.h"

#include "replication/cluster/keeper_messages.h"
#include "src/codec/codec.h"

#include <algorithm>

namespace larder::cluster {

using base::NodeId;
using base::Result;
using layout::History;
using layout::Quorum;
using quorum::Slot;

namespace {

constexpr std::uint8_t kFormat = 1;

bool is_given_up(const History& history, const NodeId& node, Epoch epoch) {
    const auto until = history.given_up.find(node);
    return until != history.given_up.end() && epoch < until->second;
}

std::vector<NodeId> members_of(const Layout& layout, Slot slot) {
    if (!slot.everywhere) return layout.replicas[slot.partition];
    std::vector<NodeId> all;
    for (const auto& [node, role] : layout.roles) {
        if (role.stores()) all.push_back(node);
    }
    return all;
}

// Since when the node is in the slot of a layout; 0: it is not.
Epoch since_when(const Since& since, const Layout& layout, Slot slot, const NodeId& node) {
    if (slot.everywhere) {
        const auto found = since.stores.find(node);
        return found == since.stores.end() ? 0 : found->second;
    }
    const auto& nodes = layout.replicas[slot.partition];
    const auto found = std::ranges::find(nodes, node);
    return found == nodes.end() ? 0 : since.replicas[slot.partition][static_cast<std::size_t>(found - nodes.begin())];
}

void put_slots(codec::Writer& out, const std::set<Slot>& slots) {
    out.varint(slots.size());
    for (const auto& slot : slots) out.varint(slot.partition).boolean(slot.everywhere);
}

std::set<Slot> take_slots(codec::Reader& in) {
    std::set<Slot> slots;
    for (auto left = in.count(2); left > 0; --left) {
        const auto partition = static_cast<quorum::Partition>(in.varint());
        slots.insert({partition, in.boolean()});
    }
    return slots;
}

}  // namespace

Since since_first(const Layout& layout) {
    Since since;
    for (const auto& nodes : layout.replicas) since.replicas.emplace_back(nodes.size(), layout.epoch);
    for (const auto& [node, role] : layout.roles) {
        if (role.stores()) since.stores[node] = layout.epoch;
    }
    return since;
}

Since since_next(const Since& since, const Layout& before, const Layout& next) {
    Since out = since_first(next);
    for (layout::Partition p = 0; p < next.partitions(); ++p) {
        for (std::size_t i = 0; i < next.replicas[p].size(); ++i) {
            const auto former = since_when(since, before, {p, false}, next.replicas[p][i]);
            if (former != 0) out.replicas[p][i] = former;
        }
    }
    for (auto& [node, epoch] : out.stores) {
        const auto former = since.stores.find(node);
        if (former != since.stores.end()) epoch = former->second;
    }
    return out;
}

bool stores(const Layout& layout, const NodeId& node) {
    const auto role = layout.roles.find(node);
    return role != layout.roles.end() && role->second.stores();
}

bool is_member(const Layout& layout, Slot slot, const NodeId& node) {
    return slot.everywhere ? stores(layout, node) : holds(layout, slot.partition, node);
}

bool is_member(const History& history, Slot slot, const NodeId& node) {
    return std::ranges::any_of(history.live, [&](const auto& live) { return is_member(live.second, slot, node); });
}

std::set<Slot> slots_of(const History& history, const NodeId& node) {
    std::set<Slot> out;
    const auto partitions = history.live.empty() ? 0 : history.live.begin()->second.partitions();
    for (quorum::Partition p = 0; p < partitions; ++p) {
        for (const Slot slot : {Slot{p, false}, Slot{p, true}}) {
            if (is_member(history, slot, node)) out.insert(slot);
        }
    }
    return out;
}

namespace {

// Whether what the node holds in the slot belongs to the oldest live layout that has the node in it.
bool still_holds(const Standing& next, Slot slot, const NodeId& self, Epoch adopted) {
    Since since = next.since;
    const Layout* before = nullptr;
    for (const auto& [epoch, layout] : next.history.live) {
        if (before != nullptr) since = since_next(since, *before, layout);
        before = &layout;
        if (is_member(layout, slot, self)) return since_when(since, layout, slot, self) <= adopted;
    }
    return false;
}

}  // namespace

std::set<Slot> wiped_by(const Standing& before, const Standing& next, const NodeId& self) {
    std::set<Slot> out;
    for (const auto& slot : slots_of(before.history, self)) {
        if (!still_holds(next, slot, self, before.newest())) out.insert(slot);
    }
    return out;
}

Result<void> join(Standing& into, const History& history, const Since& since) {
    const auto former = into.history;
    TRY_VOID(layout::merge(into.history, history));
    if (into.history.live.empty()) return {};
    const auto first = into.history.live.begin()->first;
    if (former.live.empty() || first > former.live.rbegin()->first) {
        into.since = since;
    } else {
        // Walk from the layout it was of to the one that is the oldest now.
        for (auto at = former.live.begin(); at->first < first; ++at) {
            into.since = since_next(into.since, at->second, std::next(at)->second);
        }
    }
    while (layout::may_retire_oldest(into.history)) {
        const auto oldest = into.history.live.begin();
        into.since = since_next(into.since, oldest->second, std::next(oldest)->second);
        into.history.live.erase(oldest);
    }
    return {};
}

std::vector<Quorum> storing_quorums(const History& history) {
    std::vector<Quorum> out;
    for (const auto& [epoch, layout] : history.live) {
        const auto all = members_of(layout, {0, true});
        Quorum quorum{epoch, {}, 0};
        for (const auto& node : all) {
            if (!is_given_up(history, node, epoch)) quorum.nodes.push_back(node);
        }
        quorum.needed = std::min(all.size() / 2 + 1, quorum.nodes.size());
        const auto same = [&](const Quorum& other) {
            return other.needed == quorum.needed && std::ranges::is_permutation(other.nodes, quorum.nodes);
        };
        if (quorum.needed > 0 && std::ranges::none_of(out, same)) out.push_back(std::move(quorum));
    }
    return out;
}

std::vector<Quorum> sources(const History& history, Slot slot, const NodeId& self, bool lost) {
    std::vector<Quorum> out;
    // The last layout that has the node in it, be it on its way out: what it says of itself counts for that one too.
    const auto last = std::find_if(history.live.rbegin(), history.live.rend(),
                                   [&](const auto& live) { return is_member(live.second, slot, self); });
    if (last == history.live.rend()) return out;
    const auto final_members = members_of(last->second, slot);
    for (const auto& [epoch, layout] : history.live) {
        const auto all = members_of(layout, slot);
        const bool mine = std::ranges::find(all, self) != all.end();
        Quorum quorum{epoch, {}, all.size() / 2 + 1};
        if (lost && mine) {
            // Of every quorum that this node was in, enough others to meet it.
            quorum.needed = all.size() - quorum.needed + 1;
        } else if (epoch >= last->first || std::ranges::is_permutation(all, final_members)) {
            continue;
        }
        for (const auto& node : all) {
            if (is_given_up(history, node, epoch) || (lost && node == self)) continue;
            quorum.nodes.push_back(node);
        }
        // Of one that has no others, nothing can be brought back.
        quorum.needed = std::min(quorum.needed, quorum.nodes.size());
        if (quorum.needed > 0) out.push_back(std::move(quorum));
    }
    return out;
}

std::string encode(const Standing& standing) {
    codec::Writer out;
    out.u8(kFormat).boolean(standing.fresh).bytes(encode_history(standing.history, standing.since, 0));
    put_slots(out, standing.wiping);
    put_slots(out, standing.recovering);
    out.varint(standing.boot).varint(standing.starts.size());
    for (const auto& [node, start] : standing.starts) out.raw(node.view()).varint(start.boot).u64(start.life);
    return out.take();
}

Result<Standing> decode_standing(std::string_view bytes) {
    codec::Reader in(bytes);
    Standing standing;
    const auto format = in.u8();
    standing.fresh = in.boolean();
    TRY(auto known, decode_history(in.bytes()));
    standing.history = std::move(known.history);
    standing.since = std::move(known.since);
    standing.wiping = take_slots(in);
    standing.recovering = take_slots(in);
    standing.boot = static_cast<std::uint32_t>(in.varint());
    for (auto left = in.count(NodeId::kSize + 9); left > 0; --left) {
        auto& start = standing.starts[in.id<NodeId>()];
        start.boot = static_cast<std::uint32_t>(in.varint());
        start.life = in.u64();
    }
    TRY_VOID(in.finish("standing"));
    if (format != kFormat) {
        return base::fail(base::Code::unsupported, base::Subject::config, "a newer Larder wrote what this node knows");
    }
    return standing;
}

}  // namespace larder::cluster
