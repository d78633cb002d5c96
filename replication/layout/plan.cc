#include "replication/layout/plan.h"

#include "src/base/assert.h"

#include <algorithm>
#include <functional>

namespace larder::layout {

namespace {

base::Result<void> refuse(std::string message) {
    return base::fail(base::Code::invalid_argument, base::Subject::config, std::move(message));
}

base::Result<Roles> roles_after(const Layout& current, const Staged& staged) {
    if (staged.empty()) return base::fail(refuse("Nothing is staged: set a role or the policy first.").error());
    Roles roles = current.roles;
    for (const auto& [node, role] : staged.roles) {
        if (role) {
            roles[node] = *role;
        } else if (roles.erase(node) == 0) {
            return base::fail(
                refuse("Node " + node.hex().substr(0, 8) + " is not in the layout: nothing to remove.").error());
        }
    }
    return roles;
}

std::uint64_t size_of(const std::vector<std::uint64_t>& partition_bytes, Partition partition) {
    return partition < partition_bytes.size() ? partition_bytes[partition] : 0;
}

void count_moves(Plan& out, const Layout& current, const std::vector<std::uint64_t>& partition_bytes) {
    for (const auto& [node, role] : current.roles) out.nodes[node].capacity_before = role.capacity;
    for (const auto& [node, role] : out.next.roles) out.nodes[node].capacity_after = role.capacity;
    for (Partition p = 0; p < out.next.partitions(); ++p) {
        const std::uint64_t bytes = size_of(partition_bytes, p);
        for (const auto& node : out.next.replicas[p]) {
            NodeChange& change = out.nodes[node];
            ++change.partitions_after;
            if (holds(current, p, node)) continue;
            ++change.partitions_in;
            change.bytes_in += bytes;
            out.bytes_moved += bytes;
        }
        if (p >= current.partitions()) continue;
        for (const auto& node : current.replicas[p]) {
            NodeChange& change = out.nodes[node];
            ++change.partitions_before;
            if (holds(out.next, p, node)) continue;
            ++change.partitions_out;
            change.bytes_out += bytes;
        }
    }
}

// The fewest zones whose loss leaves fewer than `needed` copies: the zones with most copies first.
std::uint32_t zones_until(const Layout& layout, Partition partition, std::size_t needed) {
    std::map<std::string_view, std::size_t> copies;
    for (const auto& node : layout.replicas[partition]) ++copies[layout.roles.at(node).zone];
    std::vector<std::size_t> most;
    for (const auto& [zone, count] : copies) most.push_back(count);
    std::ranges::sort(most, std::greater<>());
    std::size_t left = layout.replicas[partition].size();
    std::uint32_t zones = 0;
    while (left >= needed && zones < most.size()) left -= most[zones++];
    return zones;
}

}  // namespace

Tolerance tolerance_of(const Layout& layout) {
    if (layout.replicas.empty()) return {};
    std::uint32_t serving = kMaxCopies + 1;
    std::uint32_t kept = kMaxCopies + 1;
    for (Partition p = 0; p < layout.partitions(); ++p) {
        if (layout.replicas[p].empty()) return {};
        serving = std::min(serving, zones_until(layout, p, layout.replicas[p].size() / 2 + 1));
        kept = std::min(kept, zones_until(layout, p, 1));
    }
    return {serving - 1, kept - 1};
}

base::Result<Plan> plan(const Layout& current, const Staged& staged, const std::vector<std::uint64_t>& partition_bytes,
                        std::uint64_t bandwidth) {
    ENSURE(bandwidth > 0);
    TRY(const Roles roles, roles_after(current, staged));
    Plan out;
    TRY(out.next, place(current, staged.policy.value_or(current.policy), roles));
    const auto largest = std::ranges::max_element(partition_bytes);
    if (largest != partition_bytes.end() && *largest > out.next.partition_bytes) {
        return base::fail(refuse("What is stored does not fit: a partition holds " + std::to_string(*largest) +
                                 " bytes and would have room for " + std::to_string(out.next.partition_bytes) +
                                 ": add capacity or ask for fewer copies.")
                              .error());
    }
    count_moves(out, current, partition_bytes);
    out.usable_before = current.usable_bytes();
    out.usable_after = out.next.usable_bytes();
    out.before = tolerance_of(current);
    out.after = tolerance_of(out.next);
    std::uint64_t most = 0;
    for (const auto& [node, change] : out.nodes) most = std::max(most, change.bytes_in);
    out.seconds = most / bandwidth + (most % bandwidth != 0);
    return out;
}

}  // namespace larder::layout
