#include "replication/control/scene.h"

#include <algorithm>

namespace larder::control {

namespace {

// How many zones may go, those with most copies first, until fewer than `needed` of these copies are left.
std::uint32_t zones_to_spare(const std::map<std::string_view, std::size_t>& copies, std::size_t needed) {
    std::vector<std::size_t> most;
    std::size_t left = 0;
    for (const auto& [zone, count] : copies) {
        most.push_back(count);
        left += count;
    }
    std::ranges::sort(most, std::greater<>());
    std::uint32_t zones = 0;
    for (const auto count : most) {
        if (left < needed + count) break;
        left -= count;
        ++zones;
    }
    return zones;
}

}  // namespace

Standing standing_of(const layout::History& history, const std::set<base::NodeId>& up) {
    Standing out{{UINT32_MAX, UINT32_MAX}, 0, 0};
    if (history.live.empty()) return {};
    const auto partitions = history.live.rbegin()->second.partitions();
    for (layout::Partition p = 0; p < partitions; ++p) {
        bool quorum = true;
        bool copy = false;
        for (const auto& [epoch, layout] : history.live) {
            std::map<std::string_view, std::size_t> copies;
            std::size_t present = 0;
            for (const auto& node : layout.replicas[p]) {
                if (!up.contains(node)) continue;
                ++present;
                ++copies[layout.roles.at(node).zone];
            }
            const auto needed = layout.replicas[p].size() / 2 + 1;
            quorum = quorum && present >= needed;
            copy = copy || present > 0;
            const auto serving = present >= needed ? zones_to_spare(copies, needed) : 0;
            const auto kept = present >= 1 ? zones_to_spare(copies, 1) : 0;
            out.now.zones_serving = std::min(out.now.zones_serving, serving);
            out.now.zones_kept = std::min(out.now.zones_kept, kept);
        }
        out.without_quorum += !quorum;
        out.without_copy += !copy;
    }
    return out;
}

std::uint32_t partitions_on(const layout::Layout& layout, const base::NodeId& node) {
    std::uint32_t count = 0;
    for (layout::Partition p = 0; p < layout.partitions(); ++p) count += layout::holds(layout, p, node);
    return count;
}

std::uint64_t bytes_on(const layout::Layout& layout, const base::NodeId& node,
                       const std::vector<std::uint64_t>& partition_bytes) {
    std::uint64_t bytes = 0;
    for (layout::Partition p = 0; p < layout.partitions() && p < partition_bytes.size(); ++p) {
        if (layout::holds(layout, p, node)) bytes += partition_bytes[p];
    }
    return bytes;
}

std::string name_of(const Members& members, const base::NodeId& id) {
    const auto found = std::ranges::find(members, id, &model::MemberRow::id);
    return found == members.end() ? id.hex().substr(0, 8) : found->name;
}

std::string counted(std::uint64_t count, std::string_view word) {
    std::string out = std::to_string(count) + " ";
    if (count == 1) return out.append(word);
    if (word == "copy") return out + "copies";
    return out.append(word) + "s";
}

std::string joined_text(const std::vector<std::string>& words) {
    std::string out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) out += i + 1 == words.size() ? " and " : ", ";
        out += words[i];
    }
    return out;
}

}  // namespace larder::control
