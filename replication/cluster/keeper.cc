#include "replication/cluster/keeper.h"

#include "src/base/log.h"

#include <algorithm>

namespace larder::cluster {

using base::Code;
using base::NodeId;
using base::Result;
using base::Subject;
using io::Task;
using quorum::Slot;

namespace {
constexpr const char* kMethod = "layout";
}

LayoutKeeper::LayoutKeeper(io::Env& env, KeeperStore& store, quorum::TagSource& tags, KeeperOptions options)
    : env_(env),
      store_(store),
      tags_(tags),
      options_(std::move(options)),
      life_(env.random.below(UINT64_MAX - 1) + 1),
      turn_(env.executor, 1),
      tasks_(env.executor) {}

Task<Result<void>> LayoutKeeper::open(quorum::Tenant& tenant, std::uint32_t boot) {
    tenant_ = &tenant;
    CO_TRY(const auto record, store_.load());
    if (record) {
        CO_TRY(standing_, decode_standing(*record));
    }
    standing_.boot = std::max(boot, standing_.boot + (record ? 1 : 0));
    tags_.use_boot(standing_.boot);
    // A lost record is replaced only when it is known what was lost with it.
    if (record) {
        CO_TRY_VOID(co_await store_.save(encode(standing_)));
    }
    epoch_ = fence_ = standing_.newest();
    publish();
    note(options_.self);
    env_.network.serve(kMethod,
                       [this](io::NodeNumber from, io::Message request) { return hear(from, std::move(request)); });
    tasks_.spawn(gossip());
    tasks_.spawn(wipe_all());
    co_return Result<void>();
}

Task<Result<void>> LayoutKeeper::found(layout::Layout first) {
    const auto permit = co_await turn_.acquire();
    if (standing_.newest() > 0) co_return base::fail(Code::already_exists, Subject::config, "A layout is in force.");
    auto next = standing_;
    CO_TRY_VOID(layout::append(next.history, std::move(first)));
    next.since = since_first(next.history.live.begin()->second);
    next.fresh = false;
    co_return co_await replace(std::move(next));
}

// Half of the storing nodes have been heard, so that one that was set back to an older state is told by those who
// remember a later one.
void LayoutKeeper::note(const NodeId& peer) {
    heard_.insert(peer);
    if (vouched_ || standing_.newest() == 0) return;
    const auto& newest = standing_.history.live.rbegin()->second;
    std::size_t storing = 0, heard = 0;
    for (const auto& [node, role] : newest.roles) {
        if (!role.stores()) continue;
        ++storing;
        heard += node != options_.self && heard_.contains(node) ? 1 : 0;
    }
    const auto others = storing - (stores(newest, options_.self) ? 1 : 0);
    if (heard < std::min(storing / 2, others)) return;
    vouched_ = true;
    publish();
}

Task<void> LayoutKeeper::ready() {
    for (std::uint64_t seen = 0; !is_ready();) seen = co_await changed(seen, options_.gossip_every);
}

quorum::Standing LayoutKeeper::standing(Slot slot) const {
    if (!cluster::is_member(standing_.history, slot, options_.self)) {
        return standing_.newest() == 0 ? quorum::Standing::waits : quorum::Standing::absent;
    }
    const bool clean = !standing_.wiping.contains(slot) && !standing_.recovering.contains(slot);
    return vouched_ && clean ? quorum::Standing::votes : quorum::Standing::waits;
}

bool LayoutKeeper::is_member(Slot slot) const {
    return cluster::is_member(standing_.history, slot, options_.self);
}

std::vector<LayoutKeeper::Source> LayoutKeeper::sources_of(Slot slot) const {
    std::vector<Source> out;
    if (standing_.newest() == 0) return out;
    for (const auto& part : sources(standing_.history, slot, options_.self, lost(slot))) {
        Source source{{}, part.needed};
        for (const auto& node : part.nodes) source.nodes.push_back(options_.numbers(node));
        out.push_back(std::move(source));
    }
    return out;
}

quorum::Epoch LayoutKeeper::settled_here() const {
    const auto mine = standing_.history.progress.find(options_.self);
    return mine == standing_.history.progress.end() ? 0 : mine->second.settled;
}

void LayoutKeeper::publish() {
    if (standing_.newest() > 0) {
        auto history = standing_.history;
        if (!options_.joint) history.live.erase(history.live.begin(), std::prev(history.live.end()));
        placement_ = std::make_unique<LayoutPlacement>(history, options_.numbers);
    }
    ++changes_;
    for (const auto& waiter : std::exchange(waiting_, {})) waiter.set(io::Done{});
}

Task<std::uint64_t> LayoutKeeper::changed(std::uint64_t seen, base::Duration at_most) {
    if (changes_ != seen) co_return changes_;
    io::Promise<io::Done> promise(env_.executor);
    waiting_.push_back(promise);
    const auto timer = env_.clock.call_at(env_.clock.after(at_most), [promise] { promise.set(io::Done{}); });
    co_await promise.future();
    env_.clock.cancel(timer);
    co_return changes_;
}

// The order is the rule: nothing more is begun under the older layout, what was begun is over, the new one is durable
// together with what it takes away, and only then is it told or answered under. Holding the turn.
Task<Result<void>> LayoutKeeper::replace(Standing next) {
    const auto newest = next.newest();
    const auto lost = wiped_by(standing_, next, options_.self);
    if (options_.wipes) next.wiping.insert(lost.begin(), lost.end());
    std::erase_if(next.recovering, [&](Slot slot) { return !cluster::is_member(next.history, slot, options_.self); });
    if (newest > epoch_) {
        fence_ = std::max(fence_, newest);
        if (tenant_ != nullptr) co_await tenant_->quiesce();
        CO_TRY_VOID(layout::advance(next.history, options_.self, {newest, 0, 0}));
    }
    const auto saved = co_await save_with(std::move(next));
    if (!saved && newest > epoch_) fence_ = epoch_;
    co_return saved;
}

Task<Result<void>> LayoutKeeper::save_with(Standing next) {
    if (next == standing_) co_return Result<void>();
    CO_TRY_VOID(co_await store_.save(encode(next)));
    const bool wipes = next.wiping != standing_.wiping;
    standing_ = std::move(next);
    epoch_ = standing_.newest();
    fence_ = std::max(fence_, epoch_);
    publish();
    note(options_.self);
    if (wipes && tenant_ != nullptr) tasks_.spawn(wipe_all());
    co_return Result<void>();
}

// Slots that wait to be wiped, one after the other; a restart goes on here.
Task<void> LayoutKeeper::wipe_all() {
    if (std::exchange(wiping_, true)) co_return;
    while (!standing_.wiping.empty()) {
        const auto slot = *standing_.wiping.begin();
        // What was begun before the slot was taken away is over first.
        co_await tenant_->quiesce();
        const auto wiped = co_await tenant_->wipe(slot);
        if (!wiped) {
            base::log::error("rows of an older layout cannot be removed", "check the disk's space and health",
                             {{"reason", wiped.error().message}});
            co_await env_.clock.sleep_for(options_.gossip_every);
            continue;
        }
        const auto permit = co_await turn_.acquire();
        auto next = standing_;
        next.wiping.erase(slot);
        const auto saved = co_await save_with(std::move(next));
        if (!saved) co_await env_.clock.sleep_for(options_.gossip_every);
    }
    wiping_ = false;
}

Task<Result<void>> LayoutKeeper::adopt(layout::Layout next) {
    const auto permit = co_await turn_.acquire();
    auto with = standing_;
    CO_TRY_VOID(layout::append(with.history, std::move(next)));
    co_return co_await replace(std::move(with));
}

Task<Result<void>> LayoutKeeper::give_up(std::vector<NodeId> dead, bool allow_loss) {
    const auto permit = co_await turn_.acquire();
    auto with = standing_;
    CO_TRY_VOID(layout::give_up(with.history, dead, allow_loss));
    CO_TRY_VOID(join(with, {}, {}));
    co_return co_await replace(std::move(with));
}

Task<Result<void>> LayoutKeeper::recovered(Slot slot) {
    const auto permit = co_await turn_.acquire();
    auto next = standing_;
    next.recovering.erase(slot);
    co_return co_await save_with(std::move(next));
}

Task<Result<void>> LayoutKeeper::settled(quorum::Epoch epoch) {
    const auto permit = co_await turn_.acquire();
    auto next = standing_;
    CO_TRY_VOID(layout::advance(next.history, options_.self, {epoch, epoch, epoch}));
    CO_TRY_VOID(join(next, {}, {}));
    co_return co_await replace(std::move(next));
}

}  // namespace larder::cluster
