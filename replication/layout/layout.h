// Who stores which partition. A Layout is one numbered decision: the roles of the nodes, the policy, and the replicas
// of each partition. Pure values and functions: the same input gives the same bytes on every node. Any thread.
#pragma once

#include "src/base/error.h"
#include "src/base/id.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace larder::layout {

using Epoch = std::uint64_t;      // number of a layout; 0 stands before the first
using Partition = std::uint32_t;  // slice of the hash space, 0 .. partitions - 1

inline constexpr std::uint32_t kDefaultPartitions = 1024;
inline constexpr std::uint32_t kMaxPartitions = 1U << 16;
inline constexpr std::uint8_t kMaxCopies = 7;
inline constexpr std::size_t kMaxNodes = 4096;
inline constexpr std::size_t kMaxNameBytes = 64;  // of a zone or a tag
inline constexpr std::size_t kMaxTags = 32;       // of a node
// 2 PiB for each node: the sum over all nodes fits into 64 bits.
inline constexpr std::uint64_t kMaxCapacity = 1ULL << 51;

// What the operator says of a node.
struct Role {
    std::string zone;            // machines of one zone can fail together
    std::uint64_t capacity = 0;  // bytes; 0 exactly for a gateway
    bool gateway = false;        // serves requests, stores nothing
    std::vector<std::string> tags;

    bool operator==(const Role&) const = default;
    bool stores() const { return !gateway; }
};

using Roles = std::map<base::NodeId, Role>;

struct Policy {
    // Zone redundancy that asks for as many zones as there are.
    static constexpr std::uint8_t kMaximum = 0;

    std::uint8_t copies = 3;  // 1 .. kMaxCopies
    // The least number of zones that hold a copy of a partition, 1 .. copies; or kMaximum: each copy in a zone of its
    // own, and fewer copies while there are fewer zones than copies.
    std::uint8_t zone_redundancy = kMaximum;

    bool operator==(const Policy&) const = default;
};

// What the policy comes to for the zones that store.
struct Redundancy {
    std::uint8_t copies = 0;
    std::uint8_t zones = 0;

    bool operator==(const Redundancy&) const = default;
};

struct Layout {
    Epoch epoch = 0;
    Policy policy;
    Roles roles;
    std::uint64_t partition_bytes = 0;  // the greatest size of a partition for which all nodes have room
    // By partition: the nodes that hold it. Copies that stay keep their order; new ones follow, by node id.
    std::vector<std::vector<base::NodeId>> replicas;

    bool operator==(const Layout&) const = default;
    std::uint32_t partitions() const { return static_cast<std::uint32_t>(replicas.size()); }
    // Bytes of content that fit, each counted once.
    std::uint64_t usable_bytes() const { return partition_bytes * replicas.size(); }
};

// The copies and zones that `policy` comes to for these roles. Fails with invalid_argument and a sentence that says
// what to do: no node stores, fewer nodes than copies, fewer zones than asked for, a number out of its range, a role
// with no zone, a storing node with capacity zero, a gateway with a capacity.
base::Result<Redundancy> redundancy_of(const Policy& policy, const Roles& roles);

// Whether the layout keeps its own policy: the number of partitions is a power of two, each has the copies and the
// zones asked for on different storing nodes, and no node has more than its capacity. Fails with corrupted.
base::Result<void> check(const Layout& layout);

// docs/formats.md, "Layout". Decoding fails with corrupted for anything that check() refuses too.
std::string encode(const Layout& layout);
base::Result<Layout> decode(std::string_view bytes);

// Computes epoch former.epoch + 1 (docs/decisions/0020): of all placements that satisfy roles and policy, those with
// the greatest partition size; of these, one that copies the fewest partitions to nodes that do not hold them in
// `former`. `former` with no partitions (a new cluster) is followed by a layout of kDefaultPartitions; else the number
// stays. Errors as redundancy_of, and invalid_argument when the room does not give a byte to each partition. Time is
// about one second for 1 000 nodes and 1024 partitions.
base::Result<Layout> place(const Layout& former, const Policy& policy, const Roles& roles);

// Whether the node holds the partition; false for a partition that the layout does not have.
bool holds(const Layout& layout, Partition partition, const base::NodeId& node);

// The copies that `next` puts on nodes that do not hold them in `former`.
std::uint64_t copies_moved(const Layout& former, const Layout& next);

}  // namespace larder::layout
