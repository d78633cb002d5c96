#include "replication/control/scene.h"
#include "src/base/log.h"

#include <algorithm>

namespace larder::control {

using base::Code;
using base::Result;
using base::Subject;
using io::Task;
using model::MemberRow;
using model::MemberStage;

namespace {

constexpr int kAttempts = 20;
constexpr std::size_t kShownDigits = 8;

Result<void> judge_clock(base::WallTime joiners, base::WallTime ours) {
    const auto ahead = joiners.ms - ours.ms;
    if (std::abs(ahead) <= kClockSkewMaxMs) return {};
    return base::fail(Code::precondition_failed, Subject::clock,
                      "this machine's clock is " + model::span_text(std::abs(ahead)) +
                          (ahead > 0 ? " ahead of" : " behind") + " the cluster's.");
}

Result<void> judge_machine(const Machine& machine) {
    if (!model::is_member_name(machine.name)) {
        return base::fail(Code::invalid_argument, Subject::node, "a machine's name is 1 to 64 bytes of visible text.");
    }
    const auto fits = [](const std::string& address) {
        return !address.empty() && address.size() <= model::kMemberAddressBytesMax;
    };
    if (machine.addresses.size() > model::kMemberAddressesMax || !std::ranges::all_of(machine.addresses, fits)) {
        return base::fail(Code::invalid_argument, Subject::node, "a machine has at most 16 addresses.");
    }
    return {};
}

Result<void> judge_zone(const Members& members, const layout::Layout& newest, const MemberRow& row) {
    std::vector<std::string> others;
    for (const auto& [node, role] : newest.roles) {
        if (role.stores() && role.zone == row.zone) others.push_back(name_of(members, node));
    }
    if (others.empty() || row.gateway) return {};
    return base::fail(Code::precondition_failed, Subject::zone,
                      row.zone + " already has " + joined_text(others) + ". Another machine there adds room for " +
                          row.zone + ", but not a further copy. For safety against fire or theft use another --place.");
}

// A name that nobody present has: with a number behind it if need be.
std::string free_name(const Members& members, const std::string& wanted) {
    const auto taken = [&](const std::string& name) {
        return std::ranges::any_of(
            members, [&](const MemberRow& row) { return row.name == name && row.stage != MemberStage::gone; });
    };
    std::string name = wanted;
    for (int i = 2; taken(name); ++i) {
        const auto suffix = "-" + std::to_string(i);
        name = wanted.substr(0, model::kMemberNameBytesMax - suffix.size()) + suffix;
    }
    return name;
}

layout::Staged with(const MemberRow& row) {
    layout::Staged staged;
    staged.roles[row.id] = layout::Role{row.zone, row.gateway ? 0 : row.capacity, row.gateway, {}};
    return staged;
}

}  // namespace

Task<Result<model::Welcome>> ClusterControl::admit(model::InvitationName invitation, Joiner joiner) {
    auto judged = co_await judge_joiner(invitation, joiner);
    if (!judged) {
        base::log::warning("a machine was not let in", {{"node", joiner.id.hex().substr(0, kShownDigits)},
                                                        {"invitation", invitation.hex()},
                                                        {"reason", judged.error().message}});
        co_return base::fail(judged.error());
    }
    CO_TRY_VOID(co_await invitations_.use(invitation, joiner.id, env_.clock.wall_now()));
    CO_TRY(const auto row, co_await members_.add(std::move(*judged)));
    CO_TRY(auto welcome, co_await place_joiner(row));
    base::log::info("a machine joined", {{"name", row.name},
                                         {"number", row.number},
                                         {"node", row.id.hex().substr(0, kShownDigits)},
                                         {"invitation", row.invitation}});
    co_return welcome;
}

Task<Result<model::InvitationRow>> ClusterControl::open_invitation(model::InvitationName invitation) {
    CO_TRY(auto row, co_await invitations_.find(invitation));
    if (row.revoked) co_return base::fail(Code::not_found, Subject::token, "this invitation was withdrawn.");
    co_return row;
}

// Everything that can be refused is refused before a use of the invitation is taken.
Task<Result<MemberRow>> ClusterControl::judge_joiner(model::InvitationName invitation, Joiner joiner) {
    const auto now = env_.clock.wall_now();
    CO_TRY_VOID(co_await invitations_.check(invitation, joiner.id, now));
    CO_TRY_VOID(judge_clock(joiner.clock, now));
    CO_TRY_VOID(judge_machine(joiner.machine));
    CO_TRY(const auto scene, co_await look());
    const auto shown = invitation.hex();
    const auto known = std::ranges::find(scene.members, joiner.id, &MemberRow::id);
    if (known != scene.members.end()) {
        if (known->stage == MemberStage::gone) {
            co_return base::fail(
                Code::permission_denied, Subject::node,
                "this machine was removed from the cluster as " + known->name + " and cannot come back under its key.");
        }
        if (known->invitation == shown) co_return *known;
        co_return base::fail(
            Code::already_exists, Subject::node,
            "this machine already belongs to cluster \"" + identity_.cluster_name + "\" as " + known->name + ".");
    }
    auto& machine = joiner.machine;
    MemberRow row;
    row.id = joiner.id;
    row.name = free_name(scene.members, machine.name);
    row.zone = std::move(machine.zone);
    row.capacity = machine.capacity;
    row.gateway = machine.gateway;
    row.addresses = std::move(machine.addresses);
    row.release = std::move(machine.release);
    row.joined = row.changed = now;
    row.invitation = shown;
    if (!joiner.zone_agreed) CO_TRY_VOID(judge_zone(scene.members, scene.newest(), row));
    CO_TRY_VOID(co_await plan_of(scene.newest(), with(row), scene.partition_bytes));
    co_return row;
}

// A new layout with it, unless there is one already; made anew when another came first. One that is not up yet gets its
// place when it is (place_waiting): a layout that counts on it would only stand in the way until then.
Task<Result<model::Welcome>> ClusterControl::place_joiner(MemberRow row) {
    model::Welcome welcome;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        CO_TRY(auto scene, co_await look());
        const bool placed = scene.newest().roles.contains(row.id);
        layout::Plan plan;
        if (!placed) {
            CO_TRY(plan, co_await plan_of(scene.newest(), with(row), scene.partition_bytes));
            welcome.bytes_to_copy = plan.nodes[row.id].bytes_in;
            welcome.seconds = plan.seconds;
        }
        if (placed || !surroundings_.contact(row.number).up) {
            auto& membership = welcome.membership;
            membership.cluster_name = identity_.cluster_name;
            membership.self = row.number;
            std::ranges::copy_if(scene.members, std::back_inserter(membership.members),
                                 [](const MemberRow& member) { return member.stage != MemberStage::gone; });
            membership.live = std::move(scene.history.live);
            membership.given_up = std::move(scene.history.given_up);
            co_return welcome;
        }
        model::LayoutNote note;
        note.by = row.name;
        note.what = row.name + " joined";
        const auto made = co_await make(scene.seen, std::move(plan), std::move(note), false);
        if (!made && !made.error().is(Code::conflict, Subject::config)) co_return base::fail(made.error());
    }
    co_return base::fail(Code::conflict, Subject::config, "too many changes of the layout at once: try again.");
}

Task<Result<void>> ClusterControl::place_waiting() {
    CO_TRY(const auto scene, co_await look());
    const auto& roles = scene.newest().roles;
    const auto is_up = [this](const MemberRow& row) { return surroundings_.contact(row.number).up; };
    const auto is_placed = [&](const MemberRow& row) { return roles.contains(row.id); };
    const auto first = std::ranges::find_if(
        scene.members, [&](const MemberRow& row) { return is_placed(row) && is_up(row); });
    if (first == scene.members.end() || first->id != identity_.id) co_return Result<void>();
    for (const auto& row : scene.members) {
        if (row.stage != MemberStage::member || is_placed(row) || !is_up(row)) continue;
        CO_TRY_VOID(co_await place_joiner(row));
    }
    co_return Result<void>();
}

}  // namespace larder::control
