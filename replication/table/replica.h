// The replica's side of the register protocol: what it promises, accepts and refuses. Every answer is sent only when
// what it says is durable.
#pragma once

#include "replication/quorum/tag_source.h"
#include "replication/table/messages.h"
#include "replication/table/rules.h"

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

    io::Task<base::Result<io::Message>> serve(io::Message request);
    // The same for a request of this node itself, which needs no message.
    io::Task<base::Result<Reply>> answer(TableId table, RowRequest request);
    // An ACCEPT that changes nothing unless each row still holds the value accepted under the tag expected of it.
    io::Task<base::Result<Reply>> accept_unchanged(TableId table, AcceptRequest request,
                                                   std::vector<base::Tag> expected);
    // A read alone: it waits for nothing.
    base::Result<Reply> read(TableId table, const ReadRequest& request);

    static constexpr const char* kMethod = "table";

 private:
    base::Result<std::string> body_of(TableId table, const RowKey& key, StoredRow& row);
    io::Task<base::Result<Reply>> prepare(TableId table, PrepareRequest request);
    io::Task<base::Result<Reply>> accept(TableId table, AcceptRequest request);
    io::Task<base::Result<io::Message>> range(TableId table, RangeQuery query);
    io::Task<base::Result<Reply>> raise_low(TableId table, CollectRequest request);
    io::Task<base::Result<Reply>> collect(TableId table, CollectRequest request);

    RowStore& store_;
    const quorum::Placement& placement_;
    quorum::TagSource& tags_;
    Rules rules_;
};

// The rules themselves, on one row inside one change (reliability of each: docs/protocol.md). Pure but for `rows`.
base::Result<RowReply> apply_prepare(RowAccess& rows, const RowKey& key, base::Tag ballot, const Rules& rules);
// Whether the proposal may be stored (or counts as superseded); stores nothing. `newest`: this node has never seen a
// greater tag than the request's, so it cannot have promised one for a row that it can no longer read.
base::Result<RowReply> judge_accept(RowAccess& rows, const Proposal& proposal, const AcceptRequest& request,
                                    bool newest, const Rules& rules);

}  // namespace larder::table
