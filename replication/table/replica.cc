#include "replication/table/replica.h"

#include "replication/table/change.h"

namespace larder::table {

using base::Code;
using base::Result;
using base::Subject;
using base::Tag;

namespace {

// The request in a message, unless it is a range.
Result<RowRequest> decode_request(const Envelope& envelope) {
    switch (envelope.operation) {
        case Operation::read:
            return decode_read(envelope.rest);
        case Operation::prepare:
            return decode_prepare(envelope.rest);
        case Operation::accept:
            return decode_accept(envelope.rest);
        case Operation::collect:
            return decode_collect(envelope.rest);
        case Operation::raise_low: {
            TRY(auto request, decode_collect(envelope.rest));
            return RaiseLowRequest{std::move(request)};
        }
        case Operation::range:
            break;
    }
    return base::fail(Code::unsupported, Subject::request, "an unknown table operation");
}

io::Task<Result<Reply>> ready(Result<Reply> reply) {
    co_return reply;
}

Reply plain_yes() {
    Reply reply;
    reply.ok = true;
    return reply;
}

// The row as it is here, with the partition's bound; a row never written reads as all zero.
Result<RowReply> look_up(RowAccess& rows, const RowKey& key) {
    RowReply reply;
    TRY(auto row, rows.get(key));
    if (row) reply.row = std::move(*row);
    TRY(reply.low, rows.low());
    return reply;
}

// What it promised or held is lost: it neither promises nor votes until a newer value stands there.
std::unexpected<base::Error> unreadable() {
    return base::fail(Code::corrupted, Subject::row, "the row is damaged on the disk");
}

// Rules 2 and 3 of ACCEPT for a tag that is not the one held: store it, call it superseded, or refuse.
enum class Verdict { same, store, superseded, refuse };
Verdict judge(const RowReply& held, Tag tag, AcceptKind kind, const Rules& rules) {
    if (!rules.refuses_older) return tag > held.row.acc ? Verdict::store : Verdict::superseded;
    if (tag == held.row.acc) return Verdict::same;
    const bool unfenced_write_back = kind == AcceptKind::write_back && !rules.write_back_obeys_fence;
    const Tag bound = unfenced_write_back ? Tag{} : held.bound();
    if (tag >= bound && tag > held.row.acc) return Verdict::store;
    const bool may_be_superseded = kind == AcceptKind::queried || kind == AcceptKind::write_back ||
                                   (kind == AcceptKind::optimistic && !rules.optimistic_is_not_superseded);
    const bool above_fence = tag >= bound || !rules.superseded_obeys_fence;
    if (may_be_superseded && tag < held.row.acc && above_fence) return Verdict::superseded;
    return Verdict::refuse;
}

}  // namespace

Result<RowReply> apply_prepare(RowAccess& rows, const RowKey& key, Tag ballot, const Rules& rules) {
    TRY(auto reply, look_up(rows, key));
    if (reply.row.damaged) return unreadable();
    if (ballot <= reply.row.acc || ballot <= reply.bound()) return reply;
    reply.ok = true;
    if (reply.row.has_value() && reply.row.body_size > 0) {
        TRY(reply.body, rows.body(reply.row));
    }
    if (!rules.fence) return reply;
    auto promised = reply.row;
    promised.fence = ballot;
    TRY_VOID(rows.put(key, promised, reply.body));
    return reply;
}

Result<RowReply> judge_accept(RowAccess& rows, const Proposal& proposal, const AcceptRequest& request, bool newest,
                              const Rules& rules) {
    TRY(auto reply, look_up(rows, proposal.key));
    auto verdict = judge(reply, request.tag, request.kind, rules);
    if (reply.row.damaged) verdict = newest ? Verdict::store : Verdict::refuse;
    reply.ok = verdict != Verdict::refuse;
    reply.superseded = verdict == Verdict::superseded;
    return reply;
}

Replica::Replica(io::Network& network, RowStore& store, const quorum::Placement& placement, quorum::TagSource& tags,
                 Rules rules)
    : store_(store), placement_(placement), tags_(tags), rules_(rules) {
    network.serve(kMethod,
                  [this](io::NodeNumber from, io::Message request) { return serve(from, std::move(request)); });
}

io::Task<Result<io::Message>> Replica::serve(io::NodeNumber from, io::Message request) {
    CO_TRY(const auto envelope, open_envelope(request.body));
    CO_TRY_VOID(co_await adopt_for(from, envelope.epoch));
    const Heading heading(envelope.table, envelope.epoch);
    if (envelope.operation == Operation::range) {
        CO_TRY(auto query, decode_range(envelope.rest));
        if (const auto refusal = refused(heading, query.partition_key)) {
            CO_TRY(const auto stale, *refusal);
            co_return io::Message{encode(stale), {}};
        }
        co_return co_await range(envelope.table, std::move(query));
    }
    CO_TRY(auto decoded, decode_request(envelope));
    CO_TRY(const auto reply, co_await answer(heading, std::move(decoded)));
    co_return io::Message{encode(reply), {}};
}

namespace {

const std::string* partition_key_of(const RowRequest& request) {
    if (const auto* read = std::get_if<ReadRequest>(&request)) return &read->key.partition_key;
    if (const auto* raise = std::get_if<RaiseLowRequest>(&request)) return &raise->key.partition_key;
    if (const auto* drop = std::get_if<CollectRequest>(&request)) return &drop->key.partition_key;
    if (const auto* prepare = std::get_if<PrepareRequest>(&request)) {
        return prepare->keys.empty() ? nullptr : &prepare->keys.front().partition_key;
    }
    const auto& accept = std::get<AcceptRequest>(request);
    return accept.proposals.empty() ? nullptr : &accept.proposals.front().key.partition_key;
}

}  // namespace

io::Task<Result<Reply>> Replica::answer(Heading heading, RowRequest request) {
    const auto* partition_key = partition_key_of(request);
    if (partition_key == nullptr) return ready(base::fail(Code::invalid_argument, Subject::request, "no row is named"));
    if (auto refusal = refused(heading, *partition_key)) return ready(std::move(*refusal));
    return answer_admitted(heading.table, std::move(request));
}

io::Task<Result<Reply>> Replica::answer_admitted(TableId table, RowRequest request) {
    if (auto* accept_request = std::get_if<AcceptRequest>(&request)) {
        return accept(table, std::move(*accept_request), {});
    }
    if (auto* prepare_request = std::get_if<PrepareRequest>(&request)) {
        return prepare(table, std::move(*prepare_request));
    }
    if (auto* raise = std::get_if<RaiseLowRequest>(&request)) return raise_low(table, std::move(*raise));
    if (auto* drop = std::get_if<CollectRequest>(&request)) return collect(table, std::move(*drop));
    return ready(read_admitted(table, std::get<ReadRequest>(request)));
}

Result<Reply> Replica::read(Heading heading, const ReadRequest& request) {
    if (auto refusal = refused(heading, request.key.partition_key)) return std::move(*refusal);
    return read_admitted(heading.table, request);
}

Result<Reply> Replica::read_admitted(TableId table, const ReadRequest& request) {
    const auto partition = placement_.partition_of(request.key.partition_key);
    Reply reply;
    auto& row = reply.rows.emplace_back();
    TRY(auto found, store_.get(table, partition, request.key));
    if (found) row.row = std::move(*found);
    TRY(row.low, store_.low(partition));
    if (request.with_body) {
        TRY(row.body, body_of(table, request.key, row.row));
    }
    row.ok = reply.ok = true;
    return reply;
}

// Row and body are read one after the other, and changes are committed meanwhile: a body that is gone with its version
// is no damage. Then the row is read anew.
Result<std::string> Replica::body_of(TableId table, const RowKey& key, StoredRow& row) {
    const auto partition = placement_.partition_of(key.partition_key);
    while (row.has_value() && row.body_size > 0) {
        auto body = store_.body(table, partition, row);
        if (body || !body.error().is(Code::corrupted)) return body;
        TRY(auto now, store_.get(table, partition, key));
        if (now && now->version == row.version) return body;
        row = now ? std::move(*now) : StoredRow{};
    }
    return std::string();
}

io::Task<Result<Reply>> Replica::prepare(TableId table, PrepareRequest request) {
    const Change change(*this);
    if (request.keys.empty() || tags_.too_far_ahead(request.ballot)) {
        co_return base::fail(Code::invalid_argument, Subject::request, "a ballot from too far in the future");
    }
    tags_.see(request.ballot);
    const auto partition = placement_.partition_of(request.keys.front().partition_key);
    auto reply = std::make_shared<Reply>();
    CO_TRY_VOID(co_await store_.apply(
        table, partition, [reply, request = std::move(request), rules = rules_](RowAccess& rows) -> Result<void> {
            *reply = {};
            reply->ok = true;
            // All or none: a promise for one row of a pair alone would only stand in others' way.
            for (const auto& key : request.keys) {
                TRY(const auto held, look_up(rows, key));
                if (held.row.damaged) return unreadable();
                if (request.ballot <= held.row.acc || request.ballot <= held.bound()) reply->ok = false;
                if (!reply->ok) reply->rows.push_back(held);
            }
            if (!reply->ok) return {};
            for (const auto& key : request.keys) {
                TRY(auto row, apply_prepare(rows, key, request.ballot, rules));
                reply->rows.push_back(std::move(row));
            }
            return {};
        }));
    co_return std::move(*reply);
}

io::Task<Result<Reply>> Replica::accept_unchanged(Heading heading, AcceptRequest request, std::vector<Tag> expected) {
    if (request.proposals.empty()) {
        return ready(base::fail(Code::invalid_argument, Subject::request, "no row is named"));
    }
    if (auto refusal = refused(heading, request.proposals.front().key.partition_key)) return ready(std::move(*refusal));
    return accept(heading.table, std::move(request), std::move(expected));
}

io::Task<Result<Reply>> Replica::accept(TableId table, AcceptRequest request, std::vector<Tag> expected) {
    const Change change(*this);
    if (request.proposals.empty() || tags_.too_far_ahead(request.tag)) {
        co_return base::fail(Code::invalid_argument, Subject::request, "a tag from too far in the future");
    }
    const bool newest = request.tag.time >= tags_.last();
    tags_.see(request.tag);
    const auto partition = placement_.partition_of(request.proposals.front().key.partition_key);
    auto reply = std::make_shared<Reply>();
    CO_TRY_VOID(
        co_await store_.apply(table, partition,
                              [reply, newest, table, request = std::move(request), expected = std::move(expected),
                               rules = rules_](RowAccess& rows) -> Result<void> {
                                  *reply = {};
                                  reply->ok = true;
                                  for (std::size_t i = 0; i < request.proposals.size(); ++i) {
                                      TRY(auto row, judge_accept(rows, request.proposals[i], request, newest, rules));
                                      if (!expected.empty() && (row.row.damaged || row.row.acc != expected[i]))
                                          row.ok = false;
                                      reply->ok = reply->ok && row.ok;
                                      reply->rows.push_back(std::move(row));
                                  }
                                  if (!reply->ok) return {};
                                  for (std::size_t i = 0; i < request.proposals.size(); ++i) {
                                      const auto& proposal = request.proposals[i];
                                      auto& held = reply->rows[i].row;
                                      if (reply->rows[i].superseded || held.acc == request.tag) continue;
                                      StoredRow next;
                                      next.acc = request.tag;
                                      next.version = proposal.version;
                                      next.tombstone = proposal.tombstone;
                                      next.fenced = request.kind == AcceptKind::fenced;
                                      next.fence = next.fenced ? std::max(held.fence, request.tag) : held.fence;
                                      next.row = proposal.value.row;
                                      next.body_size = static_cast<std::uint32_t>(proposal.value.body.size());
                                      if (next.body_size > 0) next.body_mark = body_mark_of(table, proposal.key);
                                      TRY_VOID(rows.put(proposal.key, next, proposal.value.body));
                                      held = std::move(next);
                                      held.row.clear();
                                  }
                                  return {};
                              }));
    co_return std::move(*reply);
}

io::Task<Result<Reply>> Replica::raise_low(TableId table, CollectRequest request) {
    const Change change(*this);
    const auto partition = placement_.partition_of(request.key.partition_key);
    CO_TRY_VOID(co_await store_.apply(table, partition, [low = request.tag](RowAccess& rows) -> Result<void> {
        TRY(const auto present, rows.low());
        if (low <= present) return {};
        return rows.raise_low(low);
    }));
    co_return plain_yes();
}

io::Task<Result<Reply>> Replica::collect(TableId table, CollectRequest request) {
    const Change change(*this);
    const auto partition = placement_.partition_of(request.key.partition_key);
    CO_TRY_VOID(co_await store_.apply(table, partition, [request](RowAccess& rows) -> Result<void> {
        TRY(const auto row, rows.get(request.key));
        if (!row || !row->tombstone || row->acc != request.tag || row->fence > request.tag) return {};
        return rows.erase(request.key);
    }));
    co_return plain_yes();
}

}  // namespace larder::table
