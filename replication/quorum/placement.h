// Which nodes hold a partition, and which of them must answer.
#pragma once

#include "replication/quorum/distances.h"
#include "src/io/network.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace larder::quorum {

using Partition = std::uint32_t;
using Epoch = std::uint64_t;  // number of a layout; a greater one fences all that are smaller

// Some members of a replica set, and how many of them are enough: more than half, so that any two meet.
struct Quorum {
    std::vector<std::uint32_t> members;  // places in ReplicaSet::nodes
    std::size_t needed = 1;
};

// The nodes of all live epochs, and the quorums that every read, write and promise must ALL reach: one in each live
// epoch; epochs that ask the same of the same nodes count once. One value for one state of the layout: an operation
// keeps the set it began with, and tells its epoch with every message.
struct ReplicaSet {
    Epoch epoch = 0;                    // the newest of the live ones
    std::vector<io::NodeNumber> nodes;  // each once; 0 stands for a member whose number is not known here yet
    std::vector<Quorum> quorums;        // at least one

    // Whether the nodes for which `has(place in nodes)` holds reach every quorum.
    template <typename Has>
    bool reached(const Has& has) const {
        for (const auto& quorum : quorums) {
            std::size_t count = 0;
            for (const auto member : quorum.members) count += has(member) ? 1 : 0;
            if (count < quorum.needed) return false;
        }
        return true;
    }
    bool has(io::NodeNumber node) const;
    // Places in nodes, the nearest first.
    std::vector<std::uint32_t> nearest_first(const Distances& distances) const;
};
using Replicas = std::shared_ptr<const ReplicaSet>;

// Every one of these nodes, more than half of which are enough.
Replicas majority_of(std::vector<io::NodeNumber> nodes, Epoch epoch = 0);

// Answers for the layouts known here. Engine thread.
class Placement {
 public:
    virtual ~Placement() = default;
    virtual std::uint32_t partitions() const = 0;  // 2^k, fixed at cluster creation
    virtual Replicas replicas(Partition partition) const = 0;
    // Of the tables that lie on every storing node.
    virtual Replicas everywhere() const = 0;
    virtual Epoch epoch() const = 0;

    // The partition of a partition key: the first bits of its hash, the same on every node for ever.
    Partition partition_of(std::string_view partition_key) const;
};

// Every partition on the nodes given, with majority quorums: a single node, and the simulator's clusters.
class FixedPlacement final : public Placement {
 public:
    explicit FixedPlacement(std::vector<io::NodeNumber> nodes, std::uint32_t partitions = 1024);
    std::uint32_t partitions() const override { return partitions_; }
    Replicas replicas(Partition) const override { return set_; }
    Replicas everywhere() const override { return set_; }
    Epoch epoch() const override { return 0; }

 private:
    Replicas set_;
    std::uint32_t partitions_;
};

}  // namespace larder::quorum
