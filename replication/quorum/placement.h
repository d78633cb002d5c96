// Which nodes hold a partition, and how many of them make a quorum.
#pragma once

#include "src/io/network.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace larder::quorum {

using Partition = std::uint32_t;

// The members that hold a partition, and the answers needed. read_quorum + write_quorum > nodes.size().
struct ReplicaSet {
    std::vector<io::NodeNumber> nodes;
    std::size_t read_quorum = 1;
    std::size_t write_quorum = 1;
};

// Answers for the layout known here. One node: every partition is on it.
class Placement {
 public:
    virtual ~Placement() = default;
    virtual std::uint32_t partitions() const = 0;  // 2^k, fixed at cluster creation
    virtual ReplicaSet replicas(Partition partition) const = 0;

    // The partition of a partition key: the first bits of its hash, the same on every node for ever.
    Partition partition_of(std::string_view partition_key) const;
};

// Every partition on the nodes given, with majority quorums: a single node, and the simulator's clusters.
class FixedPlacement final : public Placement {
 public:
    explicit FixedPlacement(std::vector<io::NodeNumber> nodes, std::uint32_t partitions = 1024);
    std::uint32_t partitions() const override { return partitions_; }
    ReplicaSet replicas(Partition) const override { return set_; }

 private:
    ReplicaSet set_;
    std::uint32_t partitions_;
};

}  // namespace larder::quorum
