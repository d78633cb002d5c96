#include "replication/control/scene.h"
#include "src/base/log.h"

namespace larder::control {

using base::Code;
using base::Result;
using base::Subject;
using cluster::LayoutState;
using io::Task;
using layout::Layout;
using layout::Role;
using model::MemberRow;
using model::MemberStage;

namespace {

// What holds of a role by itself is what redundancy_of refuses when nothing else can be wrong.
Result<void> check_role(const base::NodeId& node, const Role& role) {
    layout::Roles roles;
    roles[base::NodeId()] = Role{"other", 1, false, {}};
    roles[node] = role;
    TRY_VOID(layout::redundancy_of(layout::Policy{1, 1}, roles));
    return {};
}

Result<void> check_policy(const layout::Policy& policy) {
    layout::Roles roles;
    for (std::uint8_t i = 0; i < layout::kMaxCopies; ++i) {
        base::NodeId node;
        node.bytes[0] = i;
        roles[node] = Role{"zone " + std::to_string(i), 1, false, {}};
    }
    TRY_VOID(layout::redundancy_of(policy, roles));
    return {};
}

// What the node has if nothing is said: as staged, as in force, as when it joined.
Role base_role(const layout::Staged& staged, const Layout& newest, const MemberRow& member) {
    if (const auto found = staged.roles.find(member.id); found != staged.roles.end() && found->second) {
        return *found->second;
    }
    if (const auto found = newest.roles.find(member.id); found != newest.roles.end()) return found->second;
    return Role{member.zone, member.gateway ? 0 : member.capacity, member.gateway, {}};
}

Role wished_role(Role role, const cluster::RoleWish& wish, const MemberRow& member) {
    if (wish.zone) role.zone = *wish.zone;
    if (wish.tags) role.tags = *wish.tags;
    if (wish.capacity) {
        role.capacity = *wish.capacity;
        role.gateway = false;
    }
    if (wish.gateway) {
        role.gateway = *wish.gateway;
        if (role.gateway) role.capacity = 0;
        if (!role.gateway && role.capacity == 0) role.capacity = member.capacity;
    }
    return role;
}

Result<void> stage_role(layout::Staged& staged, const Layout& newest, const MemberRow& member,
                        const cluster::RoleWish& wish) {
    const auto present = newest.roles.find(member.id);
    if (wish.remove) {
        if (present != newest.roles.end()) {
            staged.roles[member.id] = std::nullopt;
        } else if (staged.roles.erase(member.id) == 0) {
            return base::fail(Code::invalid_argument, Subject::config,
                              member.name + " is not in the layout: nothing to take out.");
        }
        return {};
    }
    const auto role = wished_role(base_role(staged, newest, member), wish, member);
    TRY_VOID(check_role(member.id, role));
    if (present != newest.roles.end() && present->second == role) {
        staged.roles.erase(member.id);
    } else {
        staged.roles[member.id] = role;
    }
    return {};
}

LayoutState state_of(const Scene& scene) {
    LayoutState out;
    out.current = scene.newest();
    if (scene.seen.staged) {
        out.staged = scene.seen.staged->changes;
        out.staged_by = scene.seen.staged->by;
    }
    for (const auto& [epoch, layout] : scene.history.live) out.live.push_back(epoch);
    const auto redundancy = layout::redundancy_of(out.current.policy, out.current.roles);
    if (redundancy) out.redundancy = *redundancy;
    out.tolerance = layout::tolerance_of(out.current);
    return out;
}

std::unexpected<base::Error> nothing_staged() {
    return base::fail(Code::not_found, Subject::config, "nothing is staged.");
}

}  // namespace

Task<Result<LayoutState>> ClusterControl::layout() {
    CO_TRY(const auto scene, co_await look());
    co_return state_of(scene);
}

Task<Result<LayoutState>> ClusterControl::stage(cluster::RoleWish wish) {
    CO_TRY(const auto scene, co_await look());
    CO_TRY(const auto member, member_named(scene.members, wish.node));
    if (member.stage == MemberStage::gone) {
        co_return base::fail(Code::not_found, Subject::node, member.name + " is no member any more.");
    }
    const LayoutBook::Edit edit = [newest = scene.newest(), member, wish](layout::Staged& staged) {
        return stage_role(staged, newest, member, wish);
    };
    CO_TRY_VOID(co_await layouts_.stage(edit, wish.by, env_.clock.wall_now()));
    co_return co_await layout();
}

Task<Result<LayoutState>> ClusterControl::stage(cluster::PolicyWish wish) {
    CO_TRY(const auto scene, co_await look());
    const LayoutBook::Edit edit = [in_force = scene.newest().policy, wish](layout::Staged& staged) -> Result<void> {
        auto policy = staged.policy.value_or(in_force);
        if (wish.copies) policy.copies = *wish.copies;
        if (wish.zone_redundancy) policy.zone_redundancy = *wish.zone_redundancy;
        TRY_VOID(check_policy(policy));
        staged.policy = policy == in_force ? std::nullopt : std::optional(policy);
        return {};
    };
    CO_TRY_VOID(co_await layouts_.stage(edit, wish.by, env_.clock.wall_now()));
    co_return co_await layout();
}

Task<Result<LayoutState>> ClusterControl::discard() {
    const LayoutBook::Edit edit = [](layout::Staged& staged) -> Result<void> {
        staged = {};
        return {};
    };
    CO_TRY_VOID(co_await layouts_.stage(edit, {}, env_.clock.wall_now()));
    co_return co_await layout();
}

// Placing takes a second for a thousand nodes: not on the engine's thread.
Task<Result<layout::Plan>> ClusterControl::plan_of(Layout current, layout::Staged staged,
                                                   std::vector<std::uint64_t> partition_bytes) {
    const auto bandwidth = surroundings_.bandwidth();
    co_return co_await env_.blocking.run([current = std::move(current), staged = std::move(staged),
                                          bytes = std::move(partition_bytes),
                                          bandwidth] { return layout::plan(current, staged, bytes, bandwidth); });
}

Task<Result<cluster::LayoutPlan>> ClusterControl::plan() {
    CO_TRY(const auto scene, co_await look());
    if (!scene.seen.staged) co_return nothing_staged();
    cluster::LayoutPlan out;
    CO_TRY(out.plan, co_await plan_of(scene.newest(), scene.seen.staged->changes, scene.partition_bytes));
    out.current = scene.newest();
    out.staged = scene.seen.staged_name();
    out.notes = notes_on(out.plan, out.current, scene.members);
    co_return out;
}

Task<Result<Layout>> ClusterControl::apply(cluster::ApplyWish wish) {
    CO_TRY(const auto scene, co_await look());
    if (wish.current != scene.newest().epoch) {
        co_return base::fail(Code::conflict, Subject::config,
                             "layout " + std::to_string(scene.newest().epoch) +
                                 " is in force by now, and the plan was made from " + std::to_string(wish.current) +
                                 ": look at the plan again.");
    }
    if (!scene.seen.staged) co_return nothing_staged();
    if (!wish.staged.empty() && wish.staged != scene.seen.staged_name()) {
        co_return base::fail(Code::conflict, Subject::config,
                             "what is staged has been changed meanwhile: look at the plan again.");
    }
    const auto changes = scene.seen.staged->changes;
    CO_TRY(auto plan, co_await plan_of(scene.newest(), changes, scene.partition_bytes));
    model::LayoutNote note;
    note.by = wish.by;
    note.what = change_text(changes, scene.newest(), scene.members);
    const auto next = plan.next;
    CO_TRY_VOID(co_await make(scene.seen, std::move(plan), std::move(note), true));
    for (const auto& member : scene.members) {
        const auto staged = changes.roles.find(member.id);
        if (staged == changes.roles.end() || member.stage == MemberStage::gone) continue;
        const auto stage = staged->second ? MemberStage::member : MemberStage::leaving;
        if (member.stage != stage) CO_TRY_VOID(co_await set_stage(member.number, stage));
    }
    co_return next;
}

Task<Result<void>> ClusterControl::make(LayoutSeen seen, layout::Plan plan, model::LayoutNote note, bool take_staged) {
    note.when = env_.clock.wall_now();
    note.copies_moved = layout::copies_moved(seen.newest(), plan.next);
    const auto what = note.what;
    CO_TRY_VOID(co_await layouts_.append(std::move(seen), plan.next, std::move(note), take_staged));
    base::log::info("a new layout is decided",
                    {{"layout", plan.next.epoch}, {"what", what}, {"bytes", plan.bytes_moved}});
    // It is decided, whether or not it could be taken over here: refresh() goes on with it.
    const auto adopted = co_await surroundings_.adopt(plan.next);
    if (!adopted) {
        base::log::warning("the new layout is not in force here yet", {{"reason", adopted.error().message}});
    }
    co_return Result<void>();
}

Task<Result<void>> ClusterControl::set_stage(io::NodeNumber number, MemberStage stage) {
    const auto now = env_.clock.wall_now();
    const MemberBook::Edit edit = [stage, now](MemberRow& row) -> Result<void> {
        if (row.stage == MemberStage::gone) return {};
        row.stage = stage;
        row.changed = now;
        return {};
    };
    CO_TRY_VOID(co_await members_.change(number, edit));
    CO_TRY_VOID(co_await read_members());
    co_return Result<void>();
}

Task<Result<std::vector<cluster::LayoutVersion>>> ClusterControl::history() {
    CO_TRY(const auto scene, co_await look());
    std::vector<cluster::LayoutVersion> out;
    const auto& notes = scene.seen.layout.notes;
    for (auto note = notes.rbegin(); note != notes.rend(); ++note) {
        out.push_back({note->epoch, note->when, note->by, note->what, note->copies_moved,
                       scene.history.live.contains(note->epoch)});
    }
    co_return out;
}

}  // namespace larder::control
