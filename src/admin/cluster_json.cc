#include "src/admin/cluster_json.h"

#include <algorithm>

namespace larder::admin {

namespace json = boost::json;

namespace {

using Members = std::vector<cluster::Member>;

json::array texts(const std::vector<std::string>& list) {
    return json::array(list.begin(), list.end());
}

// "maximum", or the number.
json::value zones_json(std::uint8_t zone_redundancy) {
    if (zone_redundancy == layout::Policy::kMaximum) return "maximum";
    return zone_redundancy;
}

json::object tolerance_json(const layout::Tolerance& tolerance) {
    return {{"places_serving", tolerance.zones_serving}, {"places_kept", tolerance.zones_kept}};
}

json::object named(const base::NodeId& node, const Members& members) {
    const auto found = std::ranges::find(members, node, &cluster::Member::id);
    return {{"node", node.hex()}, {"name", found == members.end() ? node.hex().substr(0, 8) : found->name}};
}

void add_role(json::object& out, const layout::Role& role) {
    out["place"] = role.zone;
    out["capacity_bytes"] = role.capacity;
    out["gateway"] = role.gateway;
    out["tags"] = texts(role.tags);
}

std::uint32_t partitions_on(const layout::Layout& layout, const base::NodeId& node) {
    return static_cast<std::uint32_t>(std::ranges::count_if(
        layout.replicas, [&](const auto& replicas) { return std::ranges::find(replicas, node) != replicas.end(); }));
}

json::object staged_json(const layout::Staged& staged, const Members& members) {
    json::array nodes;
    for (const auto& [node, role] : staged.roles) {
        auto entry = named(node, members);
        entry["removed"] = !role.has_value();
        if (role) add_role(entry, *role);
        nodes.push_back(std::move(entry));
    }
    json::object out{{"nodes", std::move(nodes)}};
    if (staged.policy) {
        out["copies"] = staged.policy->copies;
        out["zone_redundancy"] = zones_json(staged.policy->zone_redundancy);
    }
    return out;
}

std::string place_of(const layout::Layout& layout, const base::NodeId& node) {
    const auto role = layout.roles.find(node);
    return role == layout.roles.end() ? std::string() : role->second.zone;
}

}  // namespace

json::object member_json(const cluster::Member& member) {
    json::object out;
    out["number"] = member.number;
    out["node"] = member.id.hex();
    out["name"] = member.name;
    out["self"] = member.self;
    out["state"] = std::string(cluster::name_of(member.state));
    out["place"] = member.zone;
    out["capacity_bytes"] = member.capacity;
    out["gateway"] = member.gateway;
    out["tags"] = texts(member.tags);
    out["in_layout"] = member.in_layout;
    out["partitions"] = member.partitions;
    out["used_bytes"] = member.used_bytes;
    out["addresses"] = texts(member.addresses);
    out["version"] = member.release;
    out["joined"] = base::format_iso8601(member.joined);
    if (member.last_seen) out["last_seen"] = base::format_iso8601(*member.last_seen);
    if (member.rtt) out["rtt_ms"] = std::chrono::duration<double, std::milli>(*member.rtt).count();
    if (member.catching_up) {
        json::object progress{{"share", member.catching_up->share}};
        if (member.catching_up->seconds_left) progress["seconds_left"] = *member.catching_up->seconds_left;
        out["catching_up"] = std::move(progress);
    }
    return out;
}

json::array members_json(const Members& members) {
    json::array out;
    for (const auto& member : members) out.push_back(member_json(member));
    return out;
}

json::object health_json(const cluster::Health& health) {
    json::object out;
    out["machines"] = health.machines;
    out["places"] = health.zones;
    out["copies"] = health.copies;
    out["may_fail"] = tolerance_json(health.tolerance);
    out["may_fail_now"] = tolerance_json(health.now);
    out["serving"] = health.serving;
    out["all_reachable"] = health.all_reachable;
    out["catching_up"] = health.catching_up;
    out["usable_bytes"] = health.usable_bytes;
    out["used_bytes"] = health.used_bytes;
    return out;
}

json::object loss_json(const cluster::Loss& loss) {
    return {{"node", loss.node.hex()},
            {"name", loss.name},
            {"partitions", loss.partitions},
            {"partitions_lost", loss.partitions_lost},
            {"partitions_at_risk", loss.partitions_at_risk},
            {"bytes_lost", loss.bytes_lost}};
}

json::object invitation_json(const cluster::Invitation& invitation) {
    return {{"id", invitation.id},
            {"made_by", invitation.made_by},
            {"made", base::format_iso8601(invitation.made)},
            {"expires", base::format_iso8601(invitation.expires)},
            {"uses_max", invitation.uses_max},
            {"used_by", texts(invitation.used_by)},
            {"revoked", invitation.revoked}};
}

json::object layout_json(const cluster::LayoutState& state, const Members& members) {
    const auto& layout = state.current;
    json::object out;
    out["epoch"] = layout.epoch;
    out["live"] = json::array(state.live.begin(), state.live.end());
    out["copies"] = layout.policy.copies;
    out["zone_redundancy"] = zones_json(layout.policy.zone_redundancy);
    out["in_force"] = json::object{{"copies", state.redundancy.copies}, {"places", state.redundancy.zones}};
    out["may_fail"] = tolerance_json(state.tolerance);
    out["partitions"] = layout.partitions();
    out["partition_bytes"] = layout.partition_bytes;
    out["usable_bytes"] = layout.usable_bytes();
    json::array nodes;
    for (const auto& [node, role] : layout.roles) {
        auto entry = named(node, members);
        add_role(entry, role);
        entry["partitions"] = partitions_on(layout, node);
        nodes.push_back(std::move(entry));
    }
    out["nodes"] = std::move(nodes);
    if (!state.staged.empty()) {
        out["staged"] = staged_json(state.staged, members);
        out["staged_by"] = state.staged_by;
    }
    return out;
}

json::object plan_json(const cluster::LayoutPlan& wanted, const Members& members) {
    const auto& plan = wanted.plan;
    json::object out;
    out["current"] = wanted.current.epoch;
    out["next"] = plan.next.epoch;
    out["staged"] = wanted.staged;
    json::array nodes;
    for (const auto& [node, change] : plan.nodes) {
        auto entry = named(node, members);
        entry["place_before"] = place_of(wanted.current, node);
        entry["place_after"] = place_of(plan.next, node);
        entry["capacity_before"] = change.capacity_before;
        entry["capacity_after"] = change.capacity_after;
        entry["partitions_before"] = change.partitions_before;
        entry["partitions_after"] = change.partitions_after;
        entry["partitions_in"] = change.partitions_in;
        entry["partitions_out"] = change.partitions_out;
        entry["bytes_in"] = change.bytes_in;
        entry["bytes_out"] = change.bytes_out;
        nodes.push_back(std::move(entry));
    }
    out["nodes"] = std::move(nodes);
    out["usable_before"] = plan.usable_before;
    out["usable_after"] = plan.usable_after;
    out["may_fail_before"] = tolerance_json(plan.before);
    out["may_fail_after"] = tolerance_json(plan.after);
    out["bytes_moved"] = plan.bytes_moved;
    out["seconds"] = plan.seconds;
    out["notes"] = texts(wanted.notes);
    return out;
}

json::object version_json(const cluster::LayoutVersion& version) {
    return {{"epoch", version.epoch}, {"when", base::format_iso8601(version.when)}, {"by", version.by},
            {"what", version.what},   {"copies_moved", version.copies_moved},       {"live", version.live}};
}

}  // namespace larder::admin
