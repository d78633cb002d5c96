#include "replication/cluster/layout_placement.h"

#include "replication/cluster/standing.h"

#include <algorithm>

namespace larder::cluster {

namespace {

quorum::Replicas set_of(const std::vector<layout::Quorum>& joint, Epoch epoch, const Numbers& numbers) {
    auto set = std::make_shared<quorum::ReplicaSet>();
    set->epoch = epoch;
    std::vector<base::NodeId> places;
    for (const auto& part : joint) {
        quorum::Quorum quorum;
        quorum.needed = part.needed;
        for (const auto& node : part.nodes) {
            auto place = std::ranges::find(places, node);
            if (place == places.end()) {
                set->nodes.push_back(numbers(node));
                place = places.insert(places.end(), node);
            }
            quorum.members.push_back(static_cast<std::uint32_t>(place - places.begin()));
        }
        set->quorums.push_back(std::move(quorum));
    }
    return set;
}

}  // namespace

LayoutPlacement::LayoutPlacement(const layout::History& history, const Numbers& numbers)
    : epoch_(history.live.rbegin()->first) {
    const auto partitions = history.live.rbegin()->second.partitions();
    sets_.reserve(partitions);
    for (quorum::Partition p = 0; p < partitions; ++p) {
        sets_.push_back(set_of(joint_quorums(history, p), epoch_, numbers));
    }
    everywhere_ = set_of(storing_quorums(history), epoch_, numbers);
}

}  // namespace larder::cluster
