#include "replication/quorum/placement.h"

#include "src/base/assert.h"
#include "src/base/crc.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace larder::quorum {

bool ReplicaSet::has(io::NodeNumber node) const {
    return std::ranges::find(nodes, node) != nodes.end();
}

std::vector<std::uint32_t> ReplicaSet::nearest_first(const Distances& distances) const {
    std::vector<std::uint32_t> order(nodes.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [&](std::uint32_t place) { return std::pair(distances.rtt(nodes[place]), place); });
    return order;
}

Replicas majority_of(std::vector<io::NodeNumber> nodes, Epoch epoch) {
    auto set = std::make_shared<ReplicaSet>();
    Quorum quorum;
    quorum.members.resize(nodes.size());
    std::iota(quorum.members.begin(), quorum.members.end(), 0);
    quorum.needed = nodes.size() / 2 + 1;
    set->epoch = epoch;
    set->nodes = std::move(nodes);
    set->quorums.push_back(std::move(quorum));
    return set;
}

Partition Placement::partition_of(std::string_view partition_key) const {
    // CRC-64 spreads keys evenly and costs nanoseconds; nobody gains by aiming at one partition, since buckets and
    // uploads are named by this system's own random ids.
    const auto bits = std::countr_zero(partitions());
    return static_cast<Partition>(base::crc64nvme(partition_key) >> (64 - bits) & (partitions() - 1));
}

FixedPlacement::FixedPlacement(std::vector<io::NodeNumber> nodes, std::uint32_t partitions) : partitions_(partitions) {
    ENSURE(!nodes.empty() && std::has_single_bit(partitions) && partitions > 1);
    set_ = majority_of(std::move(nodes));
}

}  // namespace larder::quorum
