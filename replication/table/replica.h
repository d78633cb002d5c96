// The replica's side of the register protocol: what it promises, accepts and refuses. Every answer is sent only when
// what it says is durable.
#pragma once

#include "replication/quorum/epochs.h"
#include "replication/quorum/tag_source.h"
#include "replication/table/messages.h"
#include "replication/table/rules.h"
#include "src/io/future.h"

#include <set>

namespace larder::table {

// A row as it was before and is after a change, on this replica.
struct RowTransition {
    const RowKey& key;
    const std::optional<StoredRow>& before;
    const StoredRow& after;
};

// Serves all tables of a node under the method "table". Engine thread.
class Replica final : public quorum::Tenant {
 public:
    // All outlive it; nothing may be under way when it dies.
    Replica(io::Network& network, RowStore& store, const quorum::Placement& placement, quorum::TagSource& tags,
            Rules rules = {});

    // Where layouts change: what it is asked under an older one than this node knows is answered stale, and a newer one
    // is adopted first. `everywhere`: the tables that lie on every storing node. Outlives this.
    void use_epochs(io::Executor& executor, quorum::Epochs& epochs, std::set<TableId> everywhere);

    io::Task<base::Result<io::Message>> serve(io::NodeNumber from, io::Message request);
    // The same for a request of this node itself, which needs no message.
    io::Task<base::Result<Reply>> answer(Heading heading, RowRequest request);
    // An ACCEPT that changes nothing unless each row still holds the value accepted under the tag expected of it.
    io::Task<base::Result<Reply>> accept_unchanged(Heading heading, AcceptRequest request,
                                                   std::vector<base::Tag> expected);
    // A read alone: it waits for nothing.
    base::Result<Reply> read(Heading heading, const ReadRequest& request);
    // A value that others hold, taken as its ACCEPT sent once more, and the greatest promise that they made: also while
    // this node does not vote. Not ok where the value is below what is promised here: then the row is to be settled.
    // `blind` is the simulator's: promises are not looked at.
    io::Task<base::Result<Reply>> absorb(Heading heading, base::Tag tag, Proposal proposal, base::Tag fence,
                                         bool blind = false);
    // The bound of a partition, as others have it.
    io::Task<base::Result<Reply>> absorb_low(Heading heading, quorum::Partition partition, base::Tag low);
    // Why a request on a slot may not be served; nothing when it may. A newer layout is adopted first.
    io::Task<std::optional<base::Result<Reply>>> refusal_of(io::NodeNumber from, quorum::Epoch epoch,
                                                            quorum::Slot slot);
    // A row with its body as it is here, whatever this node may say of it to others.
    base::Result<Reply> read_plainly(TableId table, RowKey key) { return read_admitted(table, {std::move(key), true}); }
    // The rows that belong to a slot.
    Slice slice_of(quorum::Slot slot) const;
    bool is_everywhere(TableId table) const { return everywhere_.contains(table); }

    io::Task<void> quiesce() override;
    io::Task<base::Result<void>> wipe(quorum::Slot slot) override;

    static constexpr const char* kMethod = "table";

 private:
    class Change;
    // Empty: the request may be served. A stale reply, or an error: it is answered so.
    std::optional<base::Result<Reply>> refused(Heading heading, const std::string& partition_key) const;
    std::optional<base::Result<Reply>> refused(quorum::Epoch epoch, quorum::Slot slot) const;
    io::Task<base::Result<void>> adopt_for(io::NodeNumber from, quorum::Epoch epoch);
    io::Task<base::Result<Reply>> answer_admitted(TableId table, RowRequest request);
    base::Result<std::string> body_of(TableId table, const RowKey& key, StoredRow& row);
    io::Task<base::Result<Reply>> prepare(TableId table, PrepareRequest request);
    io::Task<base::Result<Reply>> accept(TableId table, AcceptRequest request, std::vector<base::Tag> expected);
    io::Task<base::Result<Reply>> absorb_now(TableId table, base::Tag tag, Proposal proposal, base::Tag fence,
                                             Rules rules);
    base::Result<Reply> read_admitted(TableId table, const ReadRequest& request);
    io::Task<base::Result<io::Message>> range(TableId table, RangeQuery query);
    io::Task<base::Result<Reply>> raise_low(TableId table, CollectRequest request);
    io::Task<base::Result<Reply>> collect(TableId table, CollectRequest request);

    RowStore& store_;
    const quorum::Placement& placement_;
    quorum::TagSource& tags_;
    quorum::Epochs* epochs_ = nullptr;
    std::set<TableId> everywhere_;
    Rules rules_;
    io::Executor* executor_ = nullptr;
    struct Changes {
        std::size_t under_way = 0;
        std::vector<io::Promise<io::Done>> waiting;  // for none to be
    };
    std::shared_ptr<Changes> changes_ = std::make_shared<Changes>();
};

// The rules themselves, on one row inside one change (reliability of each: docs/protocol.md). Pure but for `rows`.
base::Result<RowReply> apply_prepare(RowAccess& rows, const RowKey& key, base::Tag ballot, const Rules& rules);
// Whether the proposal may be stored (or counts as superseded); stores nothing. `newest`: this node has never seen a
// greater tag than the request's, so it cannot have promised one for a row that it can no longer read.
base::Result<RowReply> judge_accept(RowAccess& rows, const Proposal& proposal, const AcceptRequest& request,
                                    bool newest, const Rules& rules);

}  // namespace larder::table
