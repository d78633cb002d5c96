#include "replication/table/mover.h"

#include <algorithm>

namespace larder::table {

using base::Code;
using base::Result;
using base::Subject;
using base::Tag;
using quorum::Slot;

namespace {

// Slots worked on at a time. Most hold little, so that one after another would take their number of round trips.
constexpr int kSlotsAtOnce = 16;

}  // namespace

// Slots that several tasks share out among themselves.
struct Mover::Work {
    quorum::Epoch epoch;
    std::vector<Slot> slots;
    std::size_t next = 0;
    bool all = true;  // none failed
};

// What the sources say of one place.
struct Mover::Seen {
    Tag acc, fence;
    io::NodeNumber holder = 0;  // of the value accepted under acc
    std::uint64_t bytes = 0;
};

// A stretch of places on which all sources have been heard.
struct Mover::Page {
    std::map<std::string, Seen> rows;
    Tag low;
    std::string next;  // where the following one begins
    bool more = false;
};

Mover::Mover(io::Env& env, cluster::LayoutKeeper& keeper, Replica& replica, Sync& sync, quorum::TagSource& tags,
             MoverOptions options)
    : env_(env), keeper_(keeper), replica_(replica), sync_(sync), tags_(tags), options_(options) {}

io::Task<void> Mover::run() {
    for (std::uint64_t seen = 0;;) {
        seen = co_await keeper_.changed(seen, options_.look_every);
        const auto epoch = keeper_.epoch();
        if (!keeper_.is_ready()) continue;
        while (!co_await bring_all(epoch)) {
            ++attempts_;
            co_await env_.clock.sleep_for(options_.retry);
            if (keeper_.epoch() != epoch) break;
        }
    }
}

std::vector<Slot> Mover::slots_to_bring() const {
    std::vector<Slot> slots;
    const auto epoch = keeper_.epoch();
    for (quorum::Partition p = 0; p < keeper_.partitions(); ++p) {
        for (const Slot slot : {Slot{p, true}, Slot{p, false}}) {
            const auto done = done_.find(slot);
            const bool brought = done != done_.end() && done->second == epoch;
            const bool wanted = keeper_.lost(slot) || (keeper_.is_member(slot) && !brought);
            if (wanted && !keeper_.sources_of(slot).empty()) slots.push_back(slot);
        }
    }
    return slots;
}

io::Task<bool> Mover::bring_all(quorum::Epoch epoch) {
    const auto slots = options_.rules.transfers ? slots_to_bring() : std::vector<Slot>{};
    if (progress_.epoch != epoch) {
        progress_ = {.epoch = epoch, .taken = progress_.taken};
        co_await measure(epoch, slots);
    }
    progress_.idle = slots.empty();
    const auto work = std::make_shared<Work>(Work{epoch, slots});
    io::TaskGroup tasks(env_.executor);
    for (int i = 0; i < kSlotsAtOnce; ++i) tasks.spawn(bring_some(work));
    co_await tasks.join();
    if (!work->all || keeper_.epoch() != epoch) co_return false;
    // What was lost where there are no others to ask, nobody has.
    for (const auto slot : keeper_.to_recover()) {
        if (!keeper_.is_wiping(slot) && keeper_.sources_of(slot).empty()) (void)co_await keeper_.recovered(slot);
    }
    if (keeper_.settled_here() >= epoch) co_return true;
    const auto told = co_await keeper_.settled(epoch);
    co_return told.has_value();
}

io::Task<void> Mover::bring_some(std::shared_ptr<Work> work) {
    while (work->next < work->slots.size() && keeper_.epoch() == work->epoch) {
        const auto slot = work->slots[work->next++];
        const auto brought = keeper_.is_wiping(slot) ? base::fail(Code::overloaded, "still being wiped")
                                                     : co_await bring(slot, work->epoch);
        if (!brought) work->all = false;
        if (!brought || keeper_.epoch() != work->epoch) continue;
        ++progress_.slots_done;
        done_[slot] = work->epoch;
        if (!keeper_.lost(slot)) continue;
        const auto noted = co_await keeper_.recovered(slot);
        if (!noted) work->all = false;
    }
}

// How much there is to bring, as the first source of each slot has it.
io::Task<void> Mover::measure(quorum::Epoch epoch, std::vector<Slot> slots) {
    progress_.slots_total = slots.size();
    const auto work = std::make_shared<Work>(Work{epoch, std::move(slots)});
    io::TaskGroup tasks(env_.executor);
    for (int i = 0; i < kSlotsAtOnce; ++i) tasks.spawn(measure_some(work));
    co_await tasks.join();
}

io::Task<void> Mover::measure_some(std::shared_ptr<Work> work) {
    while (work->next < work->slots.size() && progress_.epoch == work->epoch) {
        const auto slot = work->slots[work->next++];
        const auto nodes = asked_of(slot);
        if (nodes.empty()) continue;
        const auto size = co_await sync_.digest_of(nodes.front(), work->epoch, slot, 0);
        if (!size || progress_.epoch != work->epoch) continue;
        progress_.keys_total += size->rows;
        progress_.bytes_total += size->bytes;
    }
}

// Enough nodes of every source, another choice at each attempt.
std::vector<io::NodeNumber> Mover::asked_of(Slot slot) const {
    std::vector<io::NodeNumber> out;
    for (const auto& source : keeper_.sources_of(slot)) {
        for (std::size_t i = 0; i < source.needed; ++i) {
            const auto node = source.nodes[(attempts_ + i) % source.nodes.size()];
            if (std::ranges::find(out, node) == out.end()) out.push_back(node);
        }
    }
    return out;
}

io::Task<Result<void>> Mover::bring(Slot slot, quorum::Epoch epoch) {
    const auto nodes = asked_of(slot);
    if (nodes.empty()) co_return base::fail(Code::conflict, "layouts have changed");
    std::string from;
    for (int again = 0;;) {
        CO_TRY(auto page, co_await next_page(slot, epoch, nodes, from));
        if (page.low > Tag{} && options_.rules.transfer_takes_bounds) {
            CO_TRY(const auto raised, co_await replica_.absorb_low({0, epoch}, slot.partition, page.low));
            if (!raised.ok) co_return base::fail(Code::conflict, "layouts have changed");
        }
        const bool more = page.more;
        auto next = page.next;
        CO_TRY(const auto complete, co_await take_page(slot, epoch, std::move(page)));
        if (!complete) {
            if (++again == 5) co_return base::fail(Code::overloaded, "rows stay in dispute");
            continue;
        }
        again = 0;
        if (!more) co_return Result<void>();
        from = std::move(next);
        if (options_.pause.count() > 0) co_await env_.clock.sleep_for(options_.pause);
    }
}

namespace {

struct Asked {
    explicit Asked(io::Executor& executor) : over(executor) {}
    std::vector<std::optional<Result<Listing>>> answers;
    std::size_t left = 0;
    io::Promise<io::Done> over;
};

io::Task<void> ask_into(Sync& sync, std::shared_ptr<Asked> asked, std::size_t place, io::NodeNumber node,
                        quorum::Epoch epoch, Slot slot, ListQuery query) {
    asked->answers[place] = co_await sync.list_of(node, epoch, slot, std::move(query));
    if (--asked->left == 0) asked->over.set(io::Done{});
}

}  // namespace

io::Task<Result<Mover::Page>> Mover::next_page(Slot slot, quorum::Epoch epoch, std::vector<io::NodeNumber> nodes,
                                               std::string from) {
    auto asked = std::make_shared<Asked>(env_.executor);
    asked->answers.resize(nodes.size());
    asked->left = nodes.size();
    io::TaskGroup calls(env_.executor);
    const ListQuery query{from, options_.page_rows, 0, {}};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        calls.spawn(ask_into(sync_, asked, i, nodes[i], epoch, slot, query));
    }
    co_await asked->over.future();
    Page page;
    for (auto& answer : asked->answers) {
        if (!*answer) co_return base::fail(answer->error());
        const auto& listing = **answer;
        page.low = std::max(page.low, listing.low);
        if (!listing.more) continue;
        const auto end = listing.rows.back().place + '\0';
        if (!page.more || end < page.next) page.next = end;
        page.more = true;
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        for (auto& row : (*asked->answers[i])->rows) {
            if (page.more && row.place >= page.next) break;
            auto& seen = page.rows[row.place];
            seen.fence = std::max(seen.fence, row.fence);
            if (seen.holder != 0 && row.acc <= seen.acc) continue;
            seen.acc = row.acc;
            seen.holder = nodes[i];
            seen.bytes = row.bytes;
        }
    }
    co_return page;
}

// False: rows were settled by others, and are to be looked at once more.
io::Task<Result<bool>> Mover::take_page(Slot slot, quorum::Epoch epoch, const Page page) {
    std::map<io::NodeNumber, std::map<std::string, Tag>> wanted;
    bool disputed = false;
    for (const auto& [place, seen] : page.rows) {
        ++progress_.keys_done;
        progress_.bytes_done += seen.bytes;
        const auto fence = options_.rules.transfer_takes_promises ? seen.fence : Tag{};
        if (seen.fence > seen.acc && options_.rules.transfer_settles_disputes) {
            // A promise above the value: whoever has it may yet decide otherwise, so nothing is copied.
            CO_TRY_VOID(co_await settle(place));
            disputed = true;
            continue;
        }
        const auto here = sync_.row_at(place);
        const bool same = here && here->row.acc >= seen.acc && here->row.fence >= fence;
        if (!same) wanted[seen.holder][place] = fence;
    }
    for (auto& [holder, fences] : wanted) CO_TRY_VOID(co_await take_from(slot, epoch, holder, std::move(fences)));
    co_return !(disputed && keeper_.lost(slot));
}

io::Task<Result<void>> Mover::take_from(Slot slot, quorum::Epoch epoch, io::NodeNumber holder,
                                        std::map<std::string, Tag> fences) {
    while (!fences.empty()) {
        std::vector<std::string> places;
        for (const auto& [place, fence] : fences) places.push_back(place);
        std::vector<Fetched> rows;
        if (holder == env_.network.self()) {
            CO_TRY(auto row, sync_.row_at(places.front()));
            rows.push_back(std::move(row));
        } else {
            CO_TRY(rows, co_await sync_.fetch(holder, epoch, slot, std::move(places)));
        }
        if (rows.empty()) co_return base::fail(Code::corrupted, Subject::row, "rows cannot be read at their holder");
        for (auto& row : rows) {
            const auto fence = fences.extract(row.place).mapped();
            // Promised on since it was listed: in dispute now.
            const bool disputed = row.row.fence > row.row.acc && options_.rules.transfer_settles_disputes;
            const Heading heading(read_place(row.place)->table, epoch);
            if (!disputed) {
                const auto tag = row.row.acc;
                CO_TRY(const auto taken,
                       co_await replica_.absorb(
                           heading, tag, row.proposal(),
                           std::max(fence, options_.rules.transfer_takes_promises ? row.row.fence : Tag{})));
                if (taken.stale) co_return base::fail(Code::conflict, "layouts have changed");
                ++progress_.taken;
                if (taken.ok) continue;
            }
            CO_TRY_VOID(co_await settle(row.place));
        }
    }
    co_return Result<void>();
}

io::Task<Result<void>> Mover::settle(std::string place) {
    const auto at = read_place(place);
    if (!at) co_return base::fail(Code::corrupted, Subject::row, "a row has a malformed key");
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
    // Anew, so that nothing is in dispute afterwards.
    CO_TRY_VOID(co_await rows->confirm(at->key()));
    co_return Result<void>();
}

}  // namespace larder::table
