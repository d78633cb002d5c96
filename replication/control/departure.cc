#include "replication/control/scene.h"
#include "src/base/log.h"

#include <algorithm>

namespace larder::control {

using base::Code;
using base::Result;
using base::Subject;
using cluster::Loss;
using io::Task;
using model::MemberRow;
using model::MemberStage;

namespace {

constexpr int kAttempts = 10;

bool is_lost_race(const Result<void>& done) {
    return !done && done.error().is(Code::conflict, Subject::config);
}

bool holds_any(const layout::History& history, const base::NodeId& node) {
    return std::ranges::any_of(history.live, [&](const auto& live) { return partitions_on(live.second, node) > 0; });
}

layout::Staged without(const base::NodeId& node) {
    layout::Staged staged;
    staged.roles[node] = std::nullopt;
    return staged;
}

// What the layouts in force lose with the node, as if one without it came next.
Loss loss_with(const Scene& scene, const MemberRow& target) {
    Loss out;
    out.node = target.id;
    out.name = target.name;
    out.partitions = scene.newest().partitions();
    if (!holds_any(scene.history, target.id)) return out;
    auto supposed = scene.history;
    auto next = scene.newest();
    ++next.epoch;
    supposed.live.emplace(next.epoch, std::move(next));
    const auto loss = layout::loss_of(supposed, {target.id});
    out.partitions_lost = static_cast<std::uint32_t>(loss.lost.size());
    out.partitions_at_risk = static_cast<std::uint32_t>(loss.at_risk.size());
    for (const auto partition : loss.lost) {
        if (partition < scene.partition_bytes.size()) out.bytes_lost += scene.partition_bytes[partition];
    }
    return out;
}

std::string loss_text(const Loss& loss) {
    const auto of = " of " + counted(loss.partitions, "partition");
    std::string out;
    if (loss.partitions_lost > 0) {
        out = std::to_string(loss.partitions_lost) + of + " lie on " + loss.name +
              " alone: " + base::format_size(loss.bytes_lost) + " of content would be lost.";
    }
    if (loss.partitions_at_risk > 0) {
        out += (out.empty() ? "" : " ") + std::to_string(loss.partitions_at_risk) + of + " would be left with " +
               "fewer copies than a majority: their last writes may be missing.";
    }
    return out;
}

Result<void> judge_last(const Scene& scene, const MemberRow& target) {
    for (const auto& [node, role] : scene.newest().roles) {
        if (role.stores() && node != target.id) return {};
    }
    return base::fail(Code::precondition_failed, Subject::node,
                      target.name + " is the only machine that stores: nothing could take over what it holds.");
}

}  // namespace

// Idempotent, and made anew when another layout came first.
Task<Result<void>> ClusterControl::take_out(MemberRow target, std::string what, std::string by) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        CO_TRY(const auto scene, co_await look());
        if (!scene.newest().roles.contains(target.id)) co_return Result<void>();
        CO_TRY_VOID(judge_last(scene, target));
        CO_TRY(auto plan, co_await plan_of(scene.newest(), without(target.id), scene.partition_bytes));
        model::LayoutNote note;
        note.by = by;
        note.what = what;
        const auto made = co_await make(scene.seen, std::move(plan), std::move(note), false);
        if (!is_lost_race(made)) co_return made;
    }
    co_return base::fail(Code::conflict, Subject::config, "the layout is being changed by others: try again.");
}

Task<Result<void>> ClusterControl::drain(std::string name, std::string by) {
    CO_TRY(const auto rows, co_await read_members());
    CO_TRY(const auto target, member_named(rows, name));
    if (target.stage == MemberStage::gone) {
        co_return base::fail(Code::not_found, Subject::node, target.name + " is no member any more.");
    }
    CO_TRY_VOID(co_await take_out(target, target.name + " drained", std::move(by)));
    co_return co_await set_stage(target.number, MemberStage::leaving);
}

Task<Result<Loss>> ClusterControl::loss_of(std::string name) {
    CO_TRY(const auto scene, co_await look());
    CO_TRY(const auto target, member_named(scene.members, name));
    co_return loss_with(scene, target);
}

Task<Result<Loss>> ClusterControl::forget(std::string name, bool allow_loss, std::string by) {
    CO_TRY(const auto scene, co_await look());
    CO_TRY(const auto target, member_named(scene.members, name));
    const auto loss = loss_with(scene, target);
    if (target.stage == MemberStage::gone) co_return loss;
    const bool up = target.number == env_.network.self() || surroundings_.contact(target.number).up;
    if (up && holds_any(scene.history, target.id)) {
        co_return base::fail(
            Code::conflict, Subject::node,
            target.name + " is up and holds data: drain it first, or switch it off if it is to be given up.");
    }
    if (!loss.none() && !allow_loss) {
        co_return base::fail(Code::precondition_failed, Subject::node, loss_text(loss));
    }
    CO_TRY_VOID(co_await take_out(target, target.name + " forgotten", by));
    CO_TRY_VOID(co_await end_membership(target, allow_loss));
    base::log::warning("a member was removed for good",
                       {{"name", target.name}, {"by", by}, {"partitions_lost", loss.partitions_lost}});
    co_return loss;
}

Task<Result<void>> ClusterControl::end_membership(MemberRow target, bool allow_loss) {
    const auto history = surroundings_.history();
    // Only older layouts wait for it now; with one layout in force nothing does.
    if (history.live.size() > 1 && holds_any(history, target.id)) {
        CO_TRY_VOID(co_await surroundings_.give_up({target.id}, allow_loss));
    }
    const auto now = env_.clock.wall_now();
    const MemberBook::Edit edit = [now](MemberRow& row) -> Result<void> {
        row.stage = MemberStage::gone;
        row.changed = now;
        return {};
    };
    CO_TRY_VOID(co_await members_.change(target.number, edit));
    const LayoutBook::Edit unstage = [id = target.id](layout::Staged& staged) -> Result<void> {
        staged.roles.erase(id);
        return {};
    };
    CO_TRY_VOID(co_await layouts_.stage(unstage, {}, now));
    CO_TRY_VOID(co_await read_members());
    co_return Result<void>();
}

}  // namespace larder::control
