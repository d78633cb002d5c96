// The replica while layouts change: what it refuses, what it waits for, what it takes over from others, what it
// forgets.
#include "replication/table/change.h"

namespace larder::table {

using base::Code;
using base::Result;
using base::Subject;
using base::Tag;

namespace {

constexpr std::size_t kWipedAtOnce = 1000;

io::Task<Result<Reply>> ready(Result<Reply> reply) {
    co_return reply;
}

}  // namespace

void Replica::use_epochs(io::Executor& executor, quorum::Epochs& epochs, std::set<TableId> everywhere) {
    executor_ = &executor;
    epochs_ = &epochs;
    everywhere_ = std::move(everywhere);
}

io::Task<void> Replica::quiesce() {
    if (changes_->under_way == 0 || !rules_.adoption_waits) co_return;
    const auto quiet = changes_->waiting.emplace_back(*executor_);
    co_await quiet.future();
}

std::optional<Result<Reply>> Replica::refused(Heading heading, const std::string& partition_key) const {
    if (epochs_ == nullptr) return std::nullopt;
    return refused(heading.epoch, {placement_.partition_of(partition_key), is_everywhere(heading.table)});
}

std::optional<Result<Reply>> Replica::refused(quorum::Epoch epoch, quorum::Slot slot) const {
    const auto standing = epochs_->standing(slot);
    const bool behind = epoch < epochs_->fence() || standing == quorum::Standing::absent;
    if (behind && rules_.epochs_fence) {
        return Reply{.ok = false, .stale = true, .epoch = epochs_->fence(), .rows = {}};
    }
    if (standing != quorum::Standing::waits) return std::nullopt;
    return base::fail(Code::overloaded, Subject::node, "this replica is being brought up to date");
}

// Everything that is asked under a newer layout waits until that is adopted here.
io::Task<Result<void>> Replica::adopt_for(io::NodeNumber from, quorum::Epoch epoch) {
    if (epochs_ == nullptr || epoch <= epochs_->epoch()) co_return Result<void>();
    CO_TRY_VOID(co_await epochs_->catch_up(from));
    if (epoch <= epochs_->epoch()) co_return Result<void>();
    co_return base::fail(Code::overloaded, Subject::node, "a newer layout is not known here yet");
}

io::Task<std::optional<Result<Reply>>> Replica::refusal_of(io::NodeNumber from, quorum::Epoch epoch,
                                                           quorum::Slot slot) {
    if (epochs_ == nullptr) co_return std::nullopt;
    const auto adopted = co_await adopt_for(from, epoch);
    if (!adopted) co_return base::fail(adopted.error());
    co_return refused(epoch, slot);
}

Slice Replica::slice_of(quorum::Slot slot) const {
    return {slot.partition, [this, slot](TableId table, std::string_view partition_key) {
                return is_everywhere(table) == slot.everywhere &&
                       placement_.partition_of(partition_key) == slot.partition;
            }};
}

io::Task<Result<void>> Replica::wipe(quorum::Slot slot) {
    for (;;) {
        CO_TRY(const auto all, co_await store_.wipe(slice_of(slot), kWipedAtOnce));
        if (all) co_return Result<void>();
    }
}

// What has been taken over under an older layout may have been overtaken since.
io::Task<Result<Reply>> Replica::absorb(Heading heading, Tag tag, Proposal proposal, Tag fence, bool blind) {
    if (heading.epoch != epochs_->fence()) {
        return ready(Reply{.ok = false, .stale = true, .epoch = epochs_->fence(), .rows = {}});
    }
    auto rules = rules_;
    if (blind) rules.refuses_older = false;
    return absorb_now(heading.table, tag, std::move(proposal), fence, rules);
}

io::Task<Result<Reply>> Replica::absorb_now(TableId table, Tag tag, Proposal proposal, Tag fence, Rules rules) {
    const Change change(*this);
    const bool newest = tag.time >= tags_.last();
    tags_.see(std::max(tag, fence));
    const auto partition = placement_.partition_of(proposal.key.partition_key);
    auto reply = std::make_shared<Reply>();
    CO_TRY_VOID(
        co_await store_.apply(table, partition, [=, proposal = std::move(proposal)](RowAccess& rows) -> Result<void> {
            *reply = {};
            AcceptRequest request{AcceptKind::write_back, tag, {}};
            TRY(auto row, judge_accept(rows, proposal, request, newest, rules));
            reply->ok = row.ok;
            auto next = row.row;
            std::string body;
            if (row.ok && !row.superseded && (next.acc != tag || next.damaged)) {
                next = {};
                next.acc = tag;
                next.version = proposal.version;
                next.tombstone = proposal.tombstone;
                next.fence = row.row.fence;
                next.row = proposal.value.row;
                body = proposal.value.body;
                next.body_size = static_cast<std::uint32_t>(body.size());
                if (next.body_size > 0) next.body_mark = body_mark_of(table, proposal.key);
            } else if (next.has_value() && next.body_size > 0 && fence > next.fence) {
                TRY(body, rows.body(next));
            }
            const bool same = next.acc == row.row.acc && fence <= next.fence;
            next.fence = std::max(next.fence, fence);
            reply->rows.push_back(std::move(row));
            if (same || next.damaged) return {};
            return rows.put(proposal.key, next, body);
        }));
    co_return std::move(*reply);
}

io::Task<Result<Reply>> Replica::absorb_low(Heading heading, quorum::Partition partition, Tag low) {
    if (heading.epoch != epochs_->fence()) {
        co_return Reply{.ok = false, .stale = true, .epoch = epochs_->fence(), .rows = {}};
    }
    const Change change(*this);
    tags_.see(low);
    CO_TRY_VOID(co_await store_.apply(heading.table, partition, [low](RowAccess& rows) -> Result<void> {
        TRY(const auto present, rows.low());
        if (low <= present) return {};
        return rows.raise_low(low);
    }));
    co_return Reply{.ok = true, .rows = {}};
}

}  // namespace larder::table
