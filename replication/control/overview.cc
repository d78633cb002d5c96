#include "replication/control/scene.h"

#include <algorithm>

namespace larder::cluster {

std::string_view name_of(State state) {
    switch (state) {
        case State::up:
            return "up";
        case State::down:
            return "down";
        case State::draining:
            return "draining";
        case State::drained:
            return "drained";
        case State::gone:
            return "gone";
    }
    return "gone";
}

}  // namespace larder::cluster

namespace larder::control {

using base::Result;
using cluster::Health;
using cluster::Member;
using cluster::State;
using io::Task;
using model::MemberRow;
using model::MemberStage;

namespace {

// Whether a layout in force puts something there.
bool holds_any(const layout::History& history, const base::NodeId& node) {
    return std::ranges::any_of(history.live, [&](const auto& live) { return partitions_on(live.second, node) > 0; });
}

State state_of(const MemberRow& row, const layout::History& history, bool in_layout, bool up) {
    if (row.stage == MemberStage::gone) return State::gone;
    if (!up) return State::down;
    if (in_layout) return State::up;
    return holds_any(history, row.id) ? State::draining : State::drained;
}

void take_role(Member& out, const MemberRow& row, const layout::Layout& newest) {
    out.zone = row.zone;
    out.capacity = row.capacity;
    out.gateway = row.gateway;
    const auto role = newest.roles.find(row.id);
    if (role == newest.roles.end()) return;
    out.in_layout = true;
    out.zone = role->second.zone;
    out.capacity = role->second.capacity;
    out.gateway = role->second.gateway;
    out.tags = role->second.tags;
}

Member member_of(const MemberRow& row, const Scene& scene, const Surroundings& surroundings, io::NodeNumber self) {
    Member out;
    out.number = row.number;
    out.id = row.id;
    out.name = row.name;
    out.self = row.number == self;
    out.addresses = row.addresses;
    out.release = row.release;
    out.joined = row.joined;
    take_role(out, row, scene.newest());
    out.partitions = partitions_on(scene.newest(), row.id);
    out.used_bytes = bytes_on(scene.newest(), row.id, scene.partition_bytes);
    const auto contact = out.self ? Contact{true, {}, {}} : surroundings.contact(row.number);
    out.state = state_of(row, scene.history, out.in_layout, contact.up);
    out.last_seen = contact.last_seen;
    out.rtt = contact.rtt;
    if (row.stage != MemberStage::gone) out.catching_up = surroundings.catching_up(row.number);
    return out;
}

std::string down_text(const Member& member, base::WallTime now) {
    std::string out = member.name + " does not answer";
    if (member.last_seen) out += " since " + model::span_text(now.ms - member.last_seen->ms);
    return out + ": see to the machine and its line, or, if it is lost, \"larder node forget " + member.name + "\".";
}

void judge_standing(Health& health, const Scene& scene, const std::set<base::NodeId>& up) {
    const auto standing = standing_of(scene.history, up);
    health.now = standing.now;
    health.serving = standing.without_quorum == 0;
    health.all_reachable = standing.without_copy == 0;
    const auto partitions = counted(scene.newest().partitions(), "partition");
    if (!health.all_reachable) {
        health.problems.push_back("Of " + std::to_string(standing.without_copy) + " of " + partitions +
                                  " no copy is up: what lies there cannot be read. Bring the missing machines back.");
    } else if (!health.serving) {
        health.problems.push_back("Of " + std::to_string(standing.without_quorum) + " of " + partitions +
                                  " too few copies are up for reads and writes. Bring a missing machine back.");
    }
}

Health health_of(const Scene& scene, const std::vector<Member>& members, base::WallTime now) {
    Health health;
    const auto& newest = scene.newest();
    std::set<std::string_view> zones;
    for (const auto& [node, role] : newest.roles) {
        if (!role.stores()) continue;
        ++health.machines;
        zones.insert(role.zone);
    }
    health.zones = static_cast<std::uint32_t>(zones.size());
    const auto redundancy = layout::redundancy_of(newest.policy, newest.roles);
    health.copies = redundancy ? redundancy->copies : 0;
    health.tolerance = layout::tolerance_of(newest);
    health.usable_bytes = newest.usable_bytes();
    for (const auto bytes : scene.partition_bytes) health.used_bytes += bytes;
    std::set<base::NodeId> up;
    for (const auto& member : members) {
        if (member.state == State::down) {
            health.problems.push_back(down_text(member, now));
        } else {
            up.insert(member.id);
        }
        health.catching_up = health.catching_up || member.catching_up || member.state == State::draining;
    }
    judge_standing(health, scene, up);
    return health;
}

}  // namespace

Task<Result<cluster::Overview>> ClusterControl::overview() {
    CO_TRY(const auto scene, co_await look());
    cluster::Overview out;
    for (const auto& row : scene.members) {
        if (row.stage == MemberStage::gone) continue;
        out.members.push_back(member_of(row, scene, surroundings_, env_.network.self()));
    }
    std::ranges::sort(out.members, [](const Member& a, const Member& b) {
        return std::tie(a.zone, a.name, a.number) < std::tie(b.zone, b.name, b.number);
    });
    out.health = health_of(scene, out.members, env_.clock.wall_now());
    out.health.cluster_name = identity_.cluster_name;
    co_return out;
}

Task<Result<Member>> ClusterControl::member(std::string name) {
    CO_TRY(const auto scene, co_await look());
    CO_TRY(const auto row, member_named(scene.members, name));
    co_return member_of(row, scene, surroundings_, env_.network.self());
}

}  // namespace larder::control
