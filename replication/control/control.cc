#include "replication/control/control.h"

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

constexpr std::int64_t kLongestInvitationMs = 30LL * 86'400'000;
constexpr std::uint32_t kInvitationUsesMax = 1000;

bool is_present(const MemberRow& row) {
    return row.stage != MemberStage::gone;
}

}  // namespace

ClusterControl::ClusterControl(io::Env& env, Tables tables, Surroundings& surroundings, Identity identity)
    : env_(env),
      members_(tables.members),
      invitations_(tables.invitations),
      layouts_(tables.layouts),
      surroundings_(surroundings),
      identity_(std::move(identity)) {}

Task<Result<std::vector<MemberRow>>> ClusterControl::read_members() {
    CO_TRY(auto rows, co_await members_.all());
    if (rows != known_) {
        known_ = rows;
        std::vector<MemberRow> present;
        std::ranges::copy_if(rows, std::back_inserter(present), is_present);
        surroundings_.members_are(present);
    }
    co_return rows;
}

Task<Result<Scene>> ClusterControl::look() {
    Scene scene;
    CO_TRY(scene.members, co_await read_members());
    CO_TRY(scene.seen, co_await layouts_.read());
    scene.history = surroundings_.history();
    if (scene.history.live.empty() || scene.history.live.rbegin()->first < scene.newest().epoch) {
        const auto adopted = co_await surroundings_.adopt(scene.newest());
        scene.history = surroundings_.history();
        if (!adopted && scene.history.live.empty()) co_return base::fail(adopted.error());
    }
    CO_TRY(scene.partition_bytes, co_await surroundings_.partition_bytes());
    co_return scene;
}

Task<Result<void>> ClusterControl::refresh() {
    CO_TRY(const auto scene, co_await look());
    co_return Result<void>();
}

Task<Result<void>> ClusterControl::found(Machine machine, std::optional<layout::Layout> first) {
    MemberRow row;
    row.id = identity_.id;
    row.name = machine.name;
    row.zone = machine.zone;
    row.capacity = machine.capacity;
    row.addresses = machine.addresses;
    row.release = machine.release;
    row.joined = row.changed = env_.clock.wall_now();
    CO_TRY(const auto member, co_await members_.add(std::move(row)));
    if (!first) {
        const layout::Roles roles{{identity_.id, layout::Role{member.zone, member.capacity, false, {}}}};
        CO_TRY(first, layout::place(layout::Layout(), layout::Policy(), roles));
    }
    model::LayoutNote note;
    note.when = env_.clock.wall_now();
    note.by = member.name;
    note.what = member.name + " alone";
    CO_TRY_VOID(co_await layouts_.found(std::move(*first), std::move(note)));
    co_return co_await refresh();
}

std::string ClusterControl::self_name() const {
    return name_of(known_, identity_.id);
}

Task<Result<cluster::NewInvitation>> ClusterControl::invite(cluster::InvitationWish wish) {
    if (!can_invite()) {
        co_return base::fail(Code::unsupported, Subject::token,
                             "this machine has no address that others could reach: give it one with --advertise.");
    }
    const auto valid = std::chrono::duration_cast<std::chrono::milliseconds>(wish.valid).count();
    if (valid <= 0 || valid > kLongestInvitationMs || wish.uses < 1 || wish.uses > kInvitationUsesMax) {
        co_return base::fail(Code::invalid_argument, Subject::token,
                             "an invitation is valid for at most 30 days and 1000 machines.");
    }
    model::InvitationRow row;
    row.made_by = wish.by;
    row.made = env_.clock.wall_now();
    row.expires.ms = row.made.ms + valid;
    row.uses_max = wish.uses;
    CO_TRY(const auto token, surroundings_.make_token(row.expires));
    row.name = token.name;
    row.key = token.key;
    CO_TRY_VOID(co_await invitations_.add(row));
    base::log::info("invitation made", {{"invitation", row.name.hex()}, {"by", wish.by}});
    cluster::NewInvitation out;
    out.token = token.text;
    CO_TRY(out.invitation, co_await show(std::move(row)));
    co_return out;
}

Task<Result<cluster::Invitation>> ClusterControl::show(model::InvitationRow row) {
    if (!row.uses.empty()) CO_TRY_VOID(co_await read_members());
    cluster::Invitation out;
    out.id = row.name.hex();
    out.made_by = row.made_by;
    out.made = row.made;
    out.expires = row.expires;
    out.uses_max = row.uses_max;
    out.revoked = row.revoked;
    for (const auto& use : row.uses) out.used_by.push_back(name_of(known_, use.node));
    co_return out;
}

Task<Result<std::vector<cluster::Invitation>>> ClusterControl::invitations() {
    CO_TRY(auto rows, co_await invitations_.all());
    std::vector<cluster::Invitation> out;
    for (auto& row : rows) {
        CO_TRY(auto shown, co_await show(std::move(row)));
        out.push_back(std::move(shown));
    }
    co_return out;
}

Task<Result<cluster::Invitation>> ClusterControl::revoke(std::string id) {
    CO_TRY(auto row, co_await invitations_.revoke(std::move(id)));
    base::log::info("invitation withdrawn", {{"invitation", row.name.hex()}});
    co_return co_await show(std::move(row));
}

}  // namespace larder::control
