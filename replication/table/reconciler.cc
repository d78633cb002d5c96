#include "replication/table/reconciler.h"

#include <algorithm>

namespace larder::table {

using base::Result;
using quorum::Slot;

Reconciler::Reconciler(io::Env& env, cluster::LayoutKeeper& keeper, Replica& replica, Sync& sync,
                       quorum::TagSource& tags, ReconcilerOptions options)
    : env_(env), keeper_(keeper), replica_(replica), sync_(sync), tags_(tags), options_(options) {}

io::Task<void> Reconciler::run() {
    for (;;) {
        // Nodes that started together compare at different times.
        const auto most = static_cast<std::uint64_t>(options_.every.count());
        co_await env_.clock.sleep_for(base::Duration(static_cast<std::int64_t>(most / 2 + env_.random.below(most))));
        co_await round();
    }
}

io::Task<void> Reconciler::round() {
    if (!keeper_.is_ready()) co_return;
    for (quorum::Partition p = 0; p < keeper_.partitions(); ++p) {
        for (const Slot slot : {Slot{p, true}, Slot{p, false}}) {
            // While layouts change, the move brings what is missing.
            const bool mine = keeper_.history().live.size() == 1 && keeper_.standing(slot) == quorum::Standing::votes;
            if (!mine) continue;
            const auto set = slot.everywhere ? keeper_.everywhere() : keeper_.replicas(p);
            for (const auto peer : set->nodes) {
                if (peer == 0 || peer == env_.network.self()) continue;
                const auto done = co_await reconcile(slot, peer);
                progress_.failed += done ? 0 : 1;
            }
            if (options_.pause.count() > 0) co_await env_.clock.sleep_for(options_.pause);
        }
    }
    ++progress_.rounds;
}

io::Task<Result<void>> Reconciler::reconcile(Slot slot, io::NodeNumber peer) {
    const auto epoch = keeper_.epoch();
    CO_TRY(const auto theirs, co_await sync_.digest_of(peer, epoch, slot, options_.bits));
    CO_TRY(const auto mine, sync_.digest(slot, options_.bits));
    ++progress_.compared;
    std::vector<std::uint32_t> leaves;
    for (std::uint32_t i = 0; i < mine.leaves.size() && i < theirs.leaves.size(); ++i) {
        if (mine.leaves[i] != theirs.leaves[i]) leaves.push_back(i);
    }
    if (leaves.empty()) co_return Result<void>();
    ++progress_.differed;
    CO_TRY(const auto rows, co_await differing(slot, peer, epoch, std::move(leaves)));
    std::vector<std::string> wanted;
    for (const auto& [place, accs] : rows) {
        if (accs.first < accs.second) wanted.push_back(place);
    }
    if (!wanted.empty()) CO_TRY_VOID(co_await pull(slot, peer, epoch, std::move(wanted)));
    for (const auto& [place, accs] : rows) {
        if (accs.first > accs.second) CO_TRY_VOID(co_await push(peer, epoch, place));
    }
    co_return Result<void>();
}

io::Task<Result<Reconciler::Differing>> Reconciler::differing(Slot slot, io::NodeNumber peer, quorum::Epoch epoch,
                                                              std::vector<std::uint32_t> leaves) {
    Differing out;
    ListQuery query{{}, options_.page_rows, options_.bits, std::move(leaves)};
    for (bool more = true; more;) {
        CO_TRY(const auto theirs, co_await sync_.list_of(peer, epoch, slot, query));
        CO_TRY(const auto mine, sync_.list(slot, query));
        // Up to where both have been heard.
        std::string end;
        more = false;
        for (const auto* listing : {&theirs, &mine}) {
            if (!listing->more) continue;
            auto next = listing->rows.back().place + '\0';
            if (!more || next < end) end = std::move(next);
            more = true;
        }
        for (const auto& row : mine.rows) {
            if (!more || row.place < end) out[row.place].first = row.acc;
        }
        for (const auto& row : theirs.rows) {
            if (!more || row.place < end) out[row.place].second = row.acc;
        }
        query.from = std::move(end);
    }
    std::erase_if(out, [](const auto& item) { return item.second.first == item.second.second; });
    co_return out;
}

io::Task<Result<void>> Reconciler::pull(Slot slot, io::NodeNumber peer, quorum::Epoch epoch,
                                        std::vector<std::string> places) {
    while (!places.empty()) {
        CO_TRY(auto rows, co_await sync_.fetch(peer, epoch, slot, places));
        if (rows.empty()) co_return Result<void>();
        for (auto& row : rows) {
            std::erase(places, row.place);
            const Heading heading(read_place(row.place)->table, epoch);
            const auto tag = row.row.acc;
            CO_TRY(const auto taken, co_await replica_.absorb(heading, tag, row.proposal(), {}, options_.blind));
            if (taken.stale) co_return base::fail(base::Code::conflict, "layouts have changed");
            ++progress_.pulled;
            if (!taken.ok) co_await settle(row.place);
        }
    }
    co_return Result<void>();
}

io::Task<Result<void>> Reconciler::push(io::NodeNumber peer, quorum::Epoch epoch, std::string place) {
    CO_TRY(auto row, sync_.row_at(place));
    AcceptRequest request{AcceptKind::write_back, row.row.acc, {}};
    request.proposals.push_back(row.proposal());
    const Heading heading(read_place(place)->table, epoch);
    const auto deadline = env_.clock.after(options_.call_timeout);
    io::Message message{encode(heading, request), {}};
    CO_TRY(const auto answer, co_await env_.network.call(peer, Replica::kMethod, std::move(message), deadline));
    CO_TRY(const auto reply, decode_reply(answer.body));
    if (reply.stale) co_return base::fail(base::Code::conflict, "layouts have changed");
    ++progress_.pushed;
    if (!reply.ok) co_await settle(std::move(place));
    co_return Result<void>();
}

io::Task<void> Reconciler::settle(std::string place) {
    const auto at = read_place(place);
    auto& rows = coordinators_[at->table];
    if (!rows) {
        const TableOptions options{.table = at->table,
                                   .everywhere = replica_.is_everywhere(at->table),
                                   .call_timeout = options_.call_timeout,
                                   .rules = options_.rules};
        rows = std::make_unique<Coordinator>(env_, keeper_, tags_, options);
        rows->use_epochs(keeper_);
    }
    ++progress_.settled;
    // What cannot be settled now is met again in the next round.
    (void)co_await rows->settle(at->key());
}

}  // namespace larder::table
