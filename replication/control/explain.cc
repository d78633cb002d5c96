#include "replication/control/scene.h"

#include <algorithm>

namespace larder::control {

using base::Result;
using io::Task;
using layout::Layout;
using Lines = std::vector<std::string>;

namespace {

struct ZoneFacts {
    std::uint32_t machines = 0;
    std::uint64_t capacity = 0;
    std::uint64_t copies = 0;         // of partitions, held
    std::uint64_t copies_larger = 0;  // that would fit if a partition were a byte larger
};

std::map<std::string, ZoneFacts> zones_of(const Layout& layout) {
    std::map<std::string, ZoneFacts> zones;
    for (const auto& [node, role] : layout.roles) {
        if (!role.stores()) continue;
        auto& zone = zones[role.zone];
        ++zone.machines;
        zone.capacity += role.capacity;
        zone.copies += partitions_on(layout, node);
        zone.copies_larger +=
            std::min<std::uint64_t>(role.capacity / (layout.partition_bytes + 1), layout.partitions());
    }
    return zones;
}

std::string role_text(const layout::Role& role) {
    return role.gateway ? "a gateway in " + role.zone : base::format_size(role.capacity) + " in " + role.zone;
}

std::string capacity_text(std::uint64_t before, std::uint64_t after) {
    return base::format_size(before) + " to " + base::format_size(after);
}

std::string policy_text(const Layout& layout) {
    const auto redundancy = layout::redundancy_of(layout.policy, layout.roles);
    if (!redundancy) return {};
    const auto places = redundancy->zones == redundancy->copies ? std::string("as many places")
                                                                : "at least " + counted(redundancy->zones, "place");
    auto text = counted(layout.partitions(), "partition") + ", " + counted(redundancy->copies, "copy") + " of each";
    if (redundancy->copies > 1) text += ", in " + places;
    if (redundancy->copies < layout.policy.copies) {
        text += "; the policy asks for " + std::to_string(layout.policy.copies) +
                ", and each copy wants a place of its own";
    }
    return text + ".";
}

}  // namespace

Lines full_zones(const Layout& layout) {
    Lines out;
    for (const auto& [name, zone] : zones_of(layout)) {
        if (zone.copies > 0 && zone.copies_larger < zone.copies) out.push_back(name);
    }
    return out;
}

std::string change_text(const layout::Staged& staged, const Layout& current, const Members& members) {
    std::string out;
    const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
    for (const auto& [node, role] : staged.roles) {
        const auto name = name_of(members, node);
        const auto before = current.roles.find(node);
        if (!role) {
            add(name + " taken out");
        } else if (before == current.roles.end()) {
            add(name + ": " + role_text(*role));
        } else {
            const auto& old = before->second;
            if (old.capacity != role->capacity) add(name + " from " + capacity_text(old.capacity, role->capacity));
            if (old.zone != role->zone) add(name + " moved to " + role->zone);
            if (old.gateway != role->gateway) add(name + (role->gateway ? " a gateway" : " stores"));
            if (old.tags != role->tags) add("tags of " + name);
        }
    }
    if (staged.policy) {
        add(counted(staged.policy->copies, "copy") + " in " +
            (staged.policy->zone_redundancy == layout::Policy::kMaximum
                 ? "as many places as there are"
                 : "at least " + counted(staged.policy->zone_redundancy, "place")));
    }
    return out;
}

Lines notes_on(const layout::Plan& plan, const Layout& current, const Members& members) {
    Lines notes;
    if (plan.bytes_moved == 0 && layout::copies_moved(current, plan.next) == 0) notes.push_back("Nothing moves.");
    if (plan.after.zones_kept < plan.before.zones_kept) {
        notes.push_back(plan.after.zones_kept == 0
                            ? "Afterwards the loss of one place loses data."
                            : "Afterwards data survives the loss of " + counted(plan.after.zones_kept, "place") +
                                  ", no longer of " + std::to_string(plan.before.zones_kept) + ".");
    }
    if (plan.after.zones_serving < plan.before.zones_serving) {
        notes.push_back(plan.after.zones_serving == 0 ? "Afterwards no place may be away without requests failing."
                                                      : "Afterwards fewer places may be away at once.");
    }
    std::string grown;
    for (const auto& [node, change] : plan.nodes) {
        if (change.capacity_before > 0 && change.capacity_after > change.capacity_before) {
            grown = name_of(members, node);
        }
    }
    const auto full = full_zones(plan.next);
    if (!grown.empty() && plan.usable_after <= plan.usable_before && !full.empty()) {
        notes.push_back("More room in " + grown + " does not help while " + joined_text(full) +
                        (full.size() == 1 ? " is the limit: more room there," : " are the limit: more room there,") +
                        " or a machine in a further place, would.");
    }
    return notes;
}

Task<Result<Lines>> ClusterControl::explain() {
    CO_TRY(const auto scene, co_await look());
    const auto& newest = scene.newest();
    Lines out;
    out.push_back("Layout " + std::to_string(newest.epoch) + ": " + policy_text(newest));
    for (const auto& [name, zone] : zones_of(newest)) {
        out.push_back(name + ": " + counted(zone.machines, "machine") + ", " + base::format_size(zone.capacity) + ", " +
                      std::to_string(zone.copies) + " copies of partitions.");
    }
    const auto full = full_zones(newest);
    if (!full.empty()) {
        out.push_back("There is room for " + base::format_size(newest.usable_bytes()) + " of content, because " +
                      joined_text(full) + (full.size() == 1 ? " is then full." : " are then full."));
    }
    for (const auto& [name, zone] : zones_of(newest)) {
        const auto used = zone.copies * newest.partition_bytes;
        if (full.empty() || std::ranges::find(full, name) != full.end() || zone.capacity < used + zone.capacity / 20)
            continue;
        out.push_back(base::format_size(zone.capacity - used) + " in " + name +
                      " stays unused while that is the limit.");
    }
    co_return out;
}

Task<Result<Lines>> ClusterControl::explain_member(std::string name) {
    CO_TRY(const auto scene, co_await look());
    CO_TRY(const auto target, member_named(scene.members, name));
    const auto& newest = scene.newest();
    const auto role = newest.roles.find(target.id);
    Lines out;
    if (role == newest.roles.end()) {
        out.push_back(target.name + " is not in layout " + std::to_string(newest.epoch) + ": it stores nothing.");
        co_return out;
    }
    if (role->second.gateway) {
        out.push_back(target.name + " is a gateway in " + role->second.zone +
                      ": it serves requests and stores nothing.");
        co_return out;
    }
    const auto held = partitions_on(newest, target.id);
    out.push_back(target.name + " (" + role->second.zone + ", " + base::format_size(role->second.capacity) +
                  ") holds " + std::to_string(held) + " of " + counted(newest.partitions(), "partition") +
                  ", each of which may grow to " + base::format_size(newest.partition_bytes) + ".");
    if (held == newest.partitions()) {
        out.push_back("That is a copy of everything: more room helps only when it is the smallest place.");
    } else if (role->second.capacity / newest.partition_bytes <= held) {
        out.push_back("More do not fit on it.");
    } else {
        out.push_back("More would fit; the other copies lie on machines that hold them already, so that little moves.");
    }
    co_return out;
}

Task<Result<Lines>> ClusterControl::explain_partition(layout::Partition partition) {
    CO_TRY(const auto scene, co_await look());
    const auto& newest = scene.newest();
    if (partition >= newest.partitions()) {
        co_return base::fail(base::Code::not_found, base::Subject::config,
                             "there is no partition " + std::to_string(partition) + ": they are 0 to " +
                                 std::to_string(newest.partitions() - 1) + ".");
    }
    Lines out;
    for (const auto& [epoch, layout] : scene.history.live) {
        Lines places;
        for (const auto& node : layout.replicas[partition]) {
            places.push_back(name_of(scene.members, node) + " (" + layout.roles.at(node).zone + ")");
        }
        out.push_back("Layout " + std::to_string(epoch) + ": partition " + std::to_string(partition) + " lies on " +
                      joined_text(places) + ".");
    }
    if (scene.history.live.size() > 1) {
        out.push_back(
            "These layouts are in force together until the data has moved: reads and writes reach a majority in each.");
    }
    out.push_back(
        "Copies stay where they are while room and places allow it; what must move goes where there is room.");
    co_return out;
}

}  // namespace larder::control
