#include "replication/spread/holders.h"

#include <algorithm>
#include <bit>

namespace larder::spread {

bool Holders::has(io::NodeNumber node) const {
    return std::ranges::find(nodes, node) != nodes.end();
}

bool Holders::reached(const Nodes& answered) const {
    return std::ranges::all_of(quorums, [&](const Quorum& quorum) {
        const auto count = std::ranges::count_if(quorum.nodes, [&](auto node) { return answered.contains(node); });
        return static_cast<std::size_t>(count) >= quorum.needed;
    });
}

Holding::Holding(const quorum::Placement& placement)
    : placement_(placement), bits_(std::countr_zero(placement.partitions())) {}

quorum::Partition Holding::partition_of(const base::Hash256& name) const {
    std::uint32_t first = 0;
    for (std::size_t i = 0; i < 4; ++i) first = first << 8 | name.bytes[i];
    return first >> (32 - bits_);
}

Holders Holding::of(quorum::Partition partition) const {
    const auto set = placement_.replicas(partition);
    Holders out;
    out.nodes = set->nodes;
    for (const auto& quorum : set->quorums) {
        auto& ours = out.quorums.emplace_back();
        ours.needed = quorum.needed;
        for (const auto member : quorum.members) ours.nodes.push_back(set->nodes[member]);
    }
    return out;
}

bool Holding::alone(io::NodeNumber node) const {
    for (quorum::Partition partition = 0; partition < partitions(); ++partition) {
        const auto holders = of(partition);
        if (holders.nodes.size() != 1 || holders.nodes.front() != node) return false;
    }
    return true;
}

}  // namespace larder::spread
