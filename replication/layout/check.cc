#include "replication/layout/layout.h"

#include <algorithm>
#include <bit>
#include <set>

namespace larder::layout {

namespace {

using base::Code;
using base::Subject;

std::string counted(std::size_t n, std::string_view word) {
    return std::to_string(n) + " " + std::string(word) + (n == 1 ? "" : "s");
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kMaxNameBytes &&
           std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

base::Result<void> refuse(std::string message) {
    return base::fail(Code::invalid_argument, Subject::config, std::move(message));
}

base::Result<void> check_role(const base::NodeId& node, const Role& role) {
    const std::string who = "Node " + node.hex().substr(0, 8);
    if (!is_name(role.zone)) return refuse(who + " has no valid zone: name the place it stands in, in 1 to 64 bytes.");
    if (role.gateway && role.capacity != 0) {
        return refuse(who + " is a gateway and has a capacity: take away one of the two.");
    }
    if (!role.gateway && role.capacity == 0) {
        return refuse(who + " has capacity zero: give it a capacity, make it a gateway, or remove it.");
    }
    if (role.capacity > kMaxCapacity) return refuse(who + " has more than 2 PiB: give it a smaller capacity.");
    if (role.tags.size() > kMaxTags || !std::ranges::all_of(role.tags, is_name)) {
        return refuse(who + " may have at most 32 tags of 1 to 64 bytes.");
    }
    return {};
}

base::Result<void> broken(std::string message) {
    return base::fail(Code::corrupted, Subject::config, "The layout contradicts itself: " + std::move(message) + ".");
}

// Each partition has its copies, on storing nodes, in enough zones; counts them by node.
base::Result<std::map<base::NodeId, std::uint64_t>> count_copies(const Layout& layout, const Redundancy& wanted) {
    std::map<base::NodeId, std::uint64_t> held;
    for (const auto& nodes : layout.replicas) {
        std::set<base::NodeId> different;
        std::set<std::string_view> zones;
        for (const auto& node : nodes) {
            const auto role = layout.roles.find(node);
            if (role == layout.roles.end() || !role->second.stores()) {
                return base::fail(broken("a copy lies on a node that does not store").error());
            }
            different.insert(node);
            zones.insert(role->second.zone);
            ++held[node];
        }
        if (nodes.size() != wanted.copies || different.size() != nodes.size()) {
            return base::fail(broken("a partition has another number of copies than the policy says").error());
        }
        if (zones.size() < wanted.zones) return base::fail(broken("a partition is in too few zones").error());
    }
    return held;
}

}  // namespace

base::Result<Redundancy> redundancy_of(const Policy& policy, const Roles& roles) {
    const auto no = [](std::string message) { return base::fail(refuse(std::move(message)).error()); };
    if (policy.copies < 1 || policy.copies > kMaxCopies) {
        return no("The number of copies must be 1 to 7, not " + std::to_string(policy.copies) + ".");
    }
    if (policy.zone_redundancy > policy.copies) {
        return no(std::to_string(policy.copies) + (policy.copies == 1 ? " copy" : " copies") + " cannot lie in " +
                  counted(policy.zone_redundancy, "zone") + ": ask for fewer zones or more copies.");
    }
    if (roles.size() > kMaxNodes) return no("A cluster has at most 4096 nodes.");
    std::set<std::string_view> zones;
    std::size_t nodes = 0;
    for (const auto& [node, role] : roles) {
        TRY_VOID(check_role(node, role));
        if (!role.stores()) continue;
        ++nodes;
        zones.insert(role.zone);
    }
    if (nodes == 0) return no("No node stores anything: give at least one a capacity.");
    if (policy.zone_redundancy == Policy::kMaximum) {
        const auto copies = static_cast<std::uint8_t>(std::min<std::size_t>(policy.copies, zones.size()));
        return Redundancy{copies, copies};
    }
    if (nodes < policy.copies) {
        return no(std::to_string(policy.copies) + " copies need as many storing nodes, and there " +
                  (nodes == 1 ? "is 1" : "are " + std::to_string(nodes)) + ": add nodes or ask for fewer copies.");
    }
    if (zones.size() < policy.zone_redundancy) {
        return no("Copies must lie in " + counted(policy.zone_redundancy, "zone") + ", and nodes store in " +
                  std::to_string(zones.size()) + ": add a node in another zone or ask for fewer zones.");
    }
    return Redundancy{policy.copies, policy.zone_redundancy};
}

base::Result<void> check(const Layout& layout) {
    const auto wanted = redundancy_of(layout.policy, layout.roles);
    if (!wanted) return broken(wanted.error().message);
    const std::size_t partitions = layout.replicas.size();
    if (!std::has_single_bit(partitions) || partitions > kMaxPartitions) {
        return broken("the number of partitions is no power of two up to 65536");
    }
    if (layout.epoch == 0) return broken("there is no epoch 0");
    if (layout.partition_bytes == 0 || layout.partition_bytes > kMaxCapacity) {
        return broken("the size of a partition is out of range");
    }
    TRY(const auto held, count_copies(layout, *wanted));
    for (const auto& [node, copies] : held) {
        if (copies > layout.roles.at(node).capacity / layout.partition_bytes) {
            return broken("a node has more partitions than fit on it");
        }
    }
    return {};
}

bool holds(const Layout& layout, Partition partition, const base::NodeId& node) {
    if (partition >= layout.replicas.size()) return false;
    const auto& nodes = layout.replicas[partition];
    return std::ranges::find(nodes, node) != nodes.end();
}

std::uint64_t copies_moved(const Layout& former, const Layout& next) {
    std::uint64_t moved = 0;
    for (Partition p = 0; p < next.partitions(); ++p) {
        for (const auto& node : next.replicas[p]) moved += !holds(former, p, node);
    }
    return moved;
}

}  // namespace larder::layout
