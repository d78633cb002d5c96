#include "replication/table/coordinator.h"

#include "replication/table/round.h"

#include <deque>
#include <set>

namespace larder::table {

using base::Code;
using base::Result;
using base::Subject;
using base::Tag;

namespace {

constexpr int kAttempts = 8;

std::unexpected<base::Error> no_quorum() {
    return base::fail(Code::quorum_not_reached, "too few replicas of the row answered");
}
std::unexpected<base::Error> unknown() {
    return base::fail(Code::unknown_outcome, "whether the write took effect is not known");
}

// Errors of a replica that changed nothing.
bool is_final(const base::Error& error) {
    return error.is(Code::no_space) || error.is(Code::corrupted) || error.is(Code::shutting_down);
}

std::vector<Proposal> one(Proposal proposal) {
    std::vector<Proposal> out;
    out.push_back(std::move(proposal));
    return out;
}

Proposal proposal_of(const RowKey& key, Tag version, std::optional<Value> value) {
    Proposal proposal{key, version, !value.has_value(), {}};
    if (value) proposal.value = std::move(*value);
    return proposal;
}

}  // namespace

Coordinator::Coordinator(io::Env& env, const quorum::Placement& placement, quorum::TagSource& tags,
                         TableOptions options)
    : env_(env), placement_(placement), tags_(tags), options_(options), asker_(env) {}

quorum::ReplicaSet Coordinator::set_of(const RowKey& key) const {
    return placement_.replicas(placement_.partition_of(key.partition_key));
}

io::Task<void> Coordinator::pause(int attempt) {
    const auto most = options_.retry_pause.count() * (2ll << attempt);
    return env_.clock.sleep_for(
        base::Duration(1 + static_cast<std::int64_t>(env_.random.below(static_cast<std::uint64_t>(most)))));
}

io::Task<Result<quorum::Answers>> Coordinator::ask(quorum::ReplicaSet set, std::string body,
                                                   std::function<bool(const quorum::Answers&)> enough) {
    const auto deadline = env_.clock.after(options_.call_timeout);
    io::Message request{std::move(body), {}};
    if (set.nodes.size() > 1) {
        co_return co_await asker_.ask(set, Replica::kMethod, std::move(request), deadline, std::move(enough));
    }
    // The word of the only replica is final, so its refusal is the answer: unless it leaves the outcome open.
    auto answer = co_await env_.network.call(set.nodes[0], Replica::kMethod, std::move(request), deadline);
    if (!answer && is_final(answer.error())) co_return base::fail(answer.error());
    quorum::Answers answers(1);
    if (answer) answers[0] = std::move(*answer);
    co_return answers;
}

// What a request to the only replica adds up to, as ask() has it.
Result<Coordinator::Round> Coordinator::round_of(Result<Reply> reply) {
    if (!reply && is_final(reply.error())) return base::fail(reply.error());
    Round round;
    round.replies.emplace_back();
    if (reply) round.replies.back() = std::move(*reply);
    tags_.see(round.greatest());
    return round;
}

io::Task<Result<Coordinator::Round>> Coordinator::send_here(RowRequest request) {
    co_return round_of(co_await local_.replica->answer(options_.table, std::move(request)));
}

io::Task<Result<Coordinator::Round>> Coordinator::send(RowKey place, RowRequest request, std::size_t needed) {
    const auto set = set_of(place);
    if (is_here(set)) co_return co_await send_here(std::move(request));
    const auto enough = [needed](const quorum::Answers& answers) {
        std::size_t oks = 0;
        for (const auto& answer : answers) {
            // The ok flag is the second byte of every reply.
            oks += answer && answer->body.size() > 1 && answer->body[1] == 1 ? 1 : 0;
        }
        return oks >= needed;
    };
    CO_TRY(auto answers, co_await ask(set, encode(options_.table, request), enough));
    Round round;
    for (auto& answer : answers) {
        round.replies.emplace_back();
        if (!answer) continue;
        auto reply = decode_reply(answer->body);
        if (reply) round.replies.back() = std::move(*reply);
    }
    tags_.see(round.greatest());
    co_return round;
}

io::Task<Result<Coordinator::Round>> Coordinator::accept(AcceptKind kind, Tag tag, std::vector<Proposal> proposals,
                                                         std::size_t needed) {
    AcceptRequest request{kind, tag, std::move(proposals)};
    if (is_here(set_of(request.proposals.front().key))) return send_here(std::move(request));
    auto place = request.proposals.front().key;
    return send(std::move(place), std::move(request), needed);
}

io::Task<Result<Row>> Coordinator::read(RowKey key, bool with_body) {
    const auto set = set_of(key);
    if (is_here(set)) {
        // What the only replica holds is what there is.
        CO_TRY(auto round, round_of(local_.replica->read(options_.table, {std::move(key), with_body})));
        if (round.oks() < set.read_quorum) co_return no_quorum();
        co_return row_of(std::move(round.replies.front()->rows.front()));
    }
    CO_TRY(const auto round, co_await send(key, ReadRequest{key, with_body}, set.read_quorum));
    if (round.oks() < set.read_quorum) co_return no_quorum();
    auto newest = round.newest(0);
    if (newest.holders >= set.read_quorum || !options_.rules.read_writes_back) co_return row_of(std::move(newest.row));
    if (!with_body && newest.row.row.body_size > 0) {
        // Completing the value needs all of it.
        co_return co_await read(key, true);
    }
    CO_TRY(const auto written, co_await accept(AcceptKind::write_back, newest.row.row.acc,
                                               {same_again(key, newest.row)}, set.write_quorum));
    if (written.oks() >= set.write_quorum) co_return row_of(std::move(newest.row));
    co_return co_await settle(key);
}

io::Task<Result<Tag>> Coordinator::write(RowKey key, std::optional<Value> value) {
    return write_made(std::move(key), [value = std::move(value)](Tag) { return value; });
}

io::Task<Result<Tag>> Coordinator::write_made(RowKey key, Make make) {
    const auto needed = write_quorum(key);
    const auto tag = tags_.next();
    CO_TRY(const auto round,
           co_await accept(AcceptKind::optimistic, tag, one(proposal_of(key, tag, make(tag))), needed));
    if (round.oks() >= needed) co_return tag;
    if (round.clean_refusal() || !options_.rules.ambiguous_is_not_resent) {
        co_return co_await write_after_read(key, make, round.greatest());
    }
    co_return co_await fate_of(key, tag);
}

// The two-phase form, taken when the optimistic one met something newer.
io::Task<Result<Tag>> Coordinator::write_after_read(RowKey key, Make make, Tag above) {
    const auto set = set_of(key);
    CO_TRY(const auto seen, co_await send(key, ReadRequest{key, false}, set.read_quorum));
    if (seen.oks() < set.read_quorum) co_return no_quorum();
    auto tag = tags_.next(std::max(above, seen.greatest()));
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        CO_TRY(const auto round,
               co_await accept(AcceptKind::queried, tag, one(proposal_of(key, tag, make(tag))), set.write_quorum));
        if (round.oks() >= set.write_quorum) co_return tag;
        if (!round.clean_refusal() && options_.rules.ambiguous_is_not_resent) co_return co_await fate_of(key, tag);
        co_await pause(attempt);
        tag = tags_.next(round.greatest());
    }
    co_return base::fail(Code::overloaded, "too many writers contend for the row");
}

// Some replicas took the write and some did not: settle the row and see whether it is ours.
io::Task<Result<Tag>> Coordinator::fate_of(RowKey key, Tag version) {
    const auto row = co_await settle(key);
    if (row && row->version == version) co_return version;
    co_return unknown();
}

io::Task<Result<Row>> Coordinator::settle(RowKey key) {
    std::vector<RowKey> keys{std::move(key)};
    CO_TRY(auto rows, co_await settle_rows(std::move(keys)));
    co_return std::move(rows.front());
}

io::Task<Result<Row>> Coordinator::confirm(RowKey key) {
    std::vector<RowKey> keys{std::move(key)};
    CO_TRY(auto rows, co_await settle_rows(std::move(keys), true));
    co_return std::move(rows.front());
}

// A ballot that proposes what is there already.
io::Task<Result<std::vector<Row>>> Coordinator::settle_rows(std::vector<RowKey> keys, bool anew) {
    const auto needed = write_quorum(keys.front());
    Tag above;
    for (int attempt = 0; attempt < kAttempts / 2; ++attempt) {
        const auto ballot = tags_.next(above);
        CO_TRY(const auto promised, co_await send(keys.front(), PrepareRequest{keys, ballot}, needed));
        above = promised.greatest();
        if (promised.oks() < needed) {
            co_await pause(attempt);
            continue;
        }
        auto present = present_in(promised, keys, needed);
        if (present.at_quorum && !anew) co_return std::move(present.rows);
        CO_TRY(const auto accepted, co_await accept(AcceptKind::fenced, ballot, std::move(present.proposals), needed));
        if (accepted.oks() >= needed) co_return std::move(present.rows);
        above = std::max(above, accepted.greatest());
        co_await pause(attempt);
    }
    co_return no_quorum();
}

// The turn of one conditional write on a row among those of this node.
class Coordinator::Turn {
 public:
    Turn(Coordinator& owner, RowKey key) : owner_(owner), key_(std::move(key)), row_(owner.turns_[key_]) {
        if (!row_) row_ = std::make_shared<io::Semaphore>(owner.env_.executor, 1);
        owner.turns_[key_] = row_;
    }
    ~Turn() {
        permit_.release();
        row_.reset();
        const auto held = owner_.turns_.find(key_);
        if (held != owner_.turns_.end() && held->second.use_count() == 1) owner_.turns_.erase(held);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    io::Task<void> wait() { permit_ = co_await row_->acquire(); }

 private:
    Coordinator& owner_;
    RowKey key_;
    std::shared_ptr<io::Semaphore> row_;
    io::Semaphore::Permit permit_;
};

io::Task<Result<Row>> Coordinator::update(RowKey key, Decide decide) {
    const DecideAll all = [decide = std::move(decide)](const std::vector<Row>& rows, Tag version) -> Result<Decided> {
        TRY(auto decision, decide(rows.front(), version));
        Decided values;
        values.push_back(std::move(decision.value));
        return values;
    };
    std::vector<RowKey> keys{std::move(key)};
    CO_TRY(auto rows, co_await update_rows(std::move(keys), all));
    co_return std::move(rows.front());
}

// Ballots of one node that duel for a row help nobody. All take their turns in the order of keys, so that none waits
// for one that waits for it.
io::Task<Result<std::vector<Row>>> Coordinator::update_rows(std::vector<RowKey> keys, DecideAll decide) {
    const std::set<RowKey> in_order(keys.begin(), keys.end());
    std::deque<Turn> turns;
    for (const auto& key : in_order) co_await turns.emplace_back(*this, key).wait();
    if (is_here(set_of(keys.front())) && options_.rules.conditional_promises) {
        CO_TRY(auto done, co_await update_here(keys, decide));
        if (done) co_return std::move(*done);
    }
    co_return co_await update_in_turn(std::move(keys), std::move(decide));
}

// What the only replica holds is what a PREPARE would tell, and the promise is worth as much when it is made together
// with the ACCEPT, provided that nothing came between: one durable change instead of two. Nothing is returned when
// something did, or when a row cannot be read; the long way judges that.
io::Task<Result<std::optional<std::vector<Row>>>> Coordinator::update_here(std::vector<RowKey> keys, DecideAll decide) {
    Round held;
    auto& reply = held.replies.emplace_back(Reply{true, {}});
    std::vector<Tag> expected;
    for (const auto& key : keys) {
        auto read = local_.replica->read(options_.table, {key, true});
        if (!read) co_return std::nullopt;
        expected.push_back(read->rows.front().row.acc);
        reply->rows.push_back(std::move(read->rows.front()));
    }
    tags_.see(held.greatest());
    const auto version = tags_.next(held.greatest());
    auto present = present_in(held, keys, 1);
    CO_TRY(auto decided, decide(present.rows, version));
    for (std::size_t i = 0; i < keys.size(); ++i) {
        present.rows[i] = Row{version, decided[i]};
        present.proposals[i] = proposal_of(keys[i], version, std::move(decided[i]));
    }
    const auto accepted = co_await local_.replica->accept_unchanged(
        options_.table, {AcceptKind::fenced, version, std::move(present.proposals)}, std::move(expected));
    if (!accepted && is_final(accepted.error())) co_return base::fail(accepted.error());
    if (!accepted) co_return unknown();
    if (!accepted->ok) co_return std::nullopt;
    co_return std::move(present.rows);
}

// CASPaxos with one identity for all attempts that may have taken effect: the version. After an ACCEPT of unknown fate
// a new attempt goes on only if the row is still exactly the one first judged and no bound has passed the first ballot;
// otherwise a second application could not be told from the first (the ABA case).
io::Task<Result<std::vector<Row>>> Coordinator::update_in_turn(std::vector<RowKey> keys, DecideAll decide) {
    const auto needed = write_quorum(keys.front());
    Tag above;
    Tag version;
    bool maybe_applied = false;
    bool reachable = true;
    std::vector<Tag> base_versions;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const auto ballot = tags_.next(above);
        if (!maybe_applied) version = ballot;
        RowRequest request = PrepareRequest{keys, ballot};
        if (!options_.rules.conditional_promises) request = ReadRequest{keys.front(), true};
        const auto asked = co_await send(keys.front(), std::move(request), needed);
        if (!asked && maybe_applied) co_return unknown();
        CO_TRY(const auto promised, asked);
        above = std::max(above, promised.greatest());
        reachable = promised.answers() >= needed;
        if (promised.oks() < needed) {
            co_await pause(attempt);
            continue;
        }
        auto present = present_in(promised, keys, needed);
        const bool mine = present.versions == std::vector<Tag>(keys.size(), version);
        if (mine && present.at_quorum) co_return std::move(present.rows);
        std::optional<base::Error> refusal;
        if (!mine) {
            const bool base_holds = !options_.rules.conditional_checks_base ||
                                    (present.versions == base_versions && promised.greatest_low() <= version);
            if (maybe_applied && !base_holds) co_return unknown();
            auto decided = decide(present.rows, version);
            if (decided) {
                base_versions = present.versions;
                for (std::size_t i = 0; i < keys.size(); ++i) {
                    present.rows[i] = Row{version, (*decided)[i]};
                    present.proposals[i] = proposal_of(keys[i], version, std::move((*decided)[i]));
                }
            } else {
                // Refused; but on a value that others may not see yet. It is completed before it is reported.
                refusal = decided.error();
                if (present.at_quorum) co_return base::fail(*refusal);
            }
        }
        const auto kind = options_.rules.conditional_promises ? AcceptKind::fenced : AcceptKind::queried;
        const auto taken = co_await accept(kind, ballot, std::move(present.proposals), needed);
        if (!taken && maybe_applied) co_return unknown();
        CO_TRY(const auto accepted, taken);
        if (accepted.oks() >= needed) {
            if (refusal) co_return base::fail(*refusal);
            co_return std::move(present.rows);
        }
        // What every replica refused, none will ever take.
        maybe_applied = maybe_applied || (!refusal && !accepted.clean_refusal());
        above = std::max(above, accepted.greatest());
        co_await pause(attempt);
    }
    if (maybe_applied) co_return unknown();
    if (!reachable) co_return no_quorum();
    co_return base::fail(Code::conflict, "other conditional writes kept winning the race");
}

io::Task<Result<bool>> Coordinator::collect(RowKey key) {
    const auto set = set_of(key);
    const auto all = options_.rules.collects_at_all ? set.nodes.size() : set.write_quorum;
    CO_TRY(const auto seen, co_await send(key, ReadRequest{key, false}, set.read_quorum));
    if (seen.oks() < set.read_quorum || seen.newest(0).row.row.has_value()) co_return false;
    const auto ballot = tags_.next(seen.greatest());
    std::vector<RowKey> keys{key};
    CO_TRY(const auto promised, co_await send(key, PrepareRequest{keys, ballot}, set.write_quorum));
    if (promised.oks() < set.write_quorum) co_return false;
    const auto newest = promised.newest(0);
    auto proposal = same_again(key, newest.row);
    if (proposal.version.is_zero()) proposal.version = ballot;
    const bool tombstone = proposal.tombstone;
    CO_TRY(const auto accepted, co_await accept(AcceptKind::fenced, ballot, one(std::move(proposal)), all));
    if (accepted.oks() < all || !tombstone) co_return false;
    if (options_.rules.raises_low_bound) {
        CO_TRY(const auto raised, co_await send(key, RaiseLowRequest{{key, ballot}}, all));
        if (raised.oks() < all) co_return false;
    }
    CO_TRY(const auto dropped, co_await send(key, CollectRequest{key, ballot}, set.nodes.size()));
    co_return dropped.oks() == set.nodes.size();
}

}  // namespace larder::table
