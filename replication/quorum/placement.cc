#include "replication/quorum/placement.h"

#include "src/base/assert.h"
#include "src/base/crc.h"

#include <bit>

namespace larder::quorum {

Partition Placement::partition_of(std::string_view partition_key) const {
    // CRC-64 spreads keys evenly and costs nanoseconds; nobody gains by aiming at one partition, since buckets and
    // uploads are named by this system's own random ids.
    const auto bits = std::countr_zero(partitions());
    return static_cast<Partition>(base::crc64nvme(partition_key) >> (64 - bits) & (partitions() - 1));
}

FixedPlacement::FixedPlacement(std::vector<io::NodeNumber> nodes, std::uint32_t partitions) : partitions_(partitions) {
    ENSURE(!nodes.empty() && std::has_single_bit(partitions) && partitions > 1);
    const std::size_t majority = nodes.size() / 2 + 1;
    set_ = ReplicaSet{std::move(nodes), majority, majority};
}

}  // namespace larder::quorum
