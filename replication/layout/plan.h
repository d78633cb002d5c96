// What a staged change would do, told before it is applied. Pure; any thread.
#pragma once

#include "replication/layout/layout.h"

#include <map>
#include <optional>
#include <vector>

namespace larder::layout {

// Changes collected until they are applied or discarded.
struct Staged {
    std::map<base::NodeId, std::optional<Role>> roles;  // the new role; nullopt removes the node
    std::optional<Policy> policy;

    bool operator==(const Staged&) const = default;
    bool empty() const { return roles.empty() && !policy; }
};

struct NodeChange {
    std::uint64_t capacity_before = 0;
    std::uint64_t capacity_after = 0;
    std::uint32_t partitions_before = 0;
    std::uint32_t partitions_after = 0;
    std::uint32_t partitions_in = 0;
    std::uint32_t partitions_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;

    bool operator==(const NodeChange&) const = default;
};

// Whole zones that may be gone at once, whichever they are.
struct Tolerance {
    std::uint32_t zones_serving = 0;  // a quorum of every partition remains
    std::uint32_t zones_kept = 0;     // a copy of every partition remains

    bool operator==(const Tolerance&) const = default;
};

struct Plan {
    Layout next;
    std::map<base::NodeId, NodeChange> nodes;  // those of either layout
    std::uint64_t usable_before = 0;           // bytes of content, each counted once
    std::uint64_t usable_after = 0;
    Tolerance before;
    Tolerance after;
    std::uint64_t bytes_moved = 0;
    // Seconds, rounded up: the node that takes in most, at its bandwidth.
    std::uint64_t seconds = 0;
};

// What the layout survives. With no partitions: nothing.
Tolerance tolerance_of(const Layout& layout);

// Computes the layout after `current` and what lies between. `partition_bytes[p]` is what partition p holds now
// (missing ones hold nothing); `bandwidth` is bytes per second that one node takes in, above 0. Errors as place(), and
// invalid_argument when nothing is staged, when a node to remove is not there, and when what is stored is more than the
// new layout has room for.
base::Result<Plan> plan(const Layout& current, const Staged& staged, const std::vector<std::uint64_t>& partition_bytes,
                        std::uint64_t bandwidth);

}  // namespace larder::layout
