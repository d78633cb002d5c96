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
class Replica {
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
    // Ends when no change is under way. None begins meanwhile if the fence has been raised.
    io::Task<void> quiesce();

    static constexpr const char* kMethod = "table";

 private:
    class Change;
    // Empty: the request may be served. A stale reply, or an error: it is answered so.
    std::optional<base::Result<Reply>> refused(Heading heading, const std::string& partition_key) const;
    io::Task<base::Result<void>> adopt_for(io::NodeNumber from, quorum::Epoch epoch);
    io::Task<base::Result<Reply>> answer_admitted(TableId table, RowRequest request);
    base::Result<std::string> body_of(TableId table, const RowKey& key, StoredRow& row);
    io::Task<base::Result<Reply>> prepare(TableId table, PrepareRequest request);
    io::Task<base::Result<Reply>> accept(TableId table, AcceptRequest request, std::vector<base::Tag> expected);
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
    std::size_t changes_ = 0;  // under way
    std::vector<io::Promise<io::Done>> quiet_;
};

// The rules themselves, on one row inside one change (reliability of each: docs/protocol.md). Pure but for `rows`.
base::Result<RowReply> apply_prepare(RowAccess& rows, const RowKey& key, base::Tag ballot, const Rules& rules);
// Whether the proposal may be stored (or counts as superseded); stores nothing. `newest`: this node has never seen a
// greater tag than the request's, so it cannot have promised one for a row that it can no longer read.
base::Result<RowReply> judge_accept(RowAccess& rows, const Proposal& proposal, const AcceptRequest& request,
                                    bool newest, const Rules& rules);

}  // namespace larder::table
