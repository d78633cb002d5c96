// Conditional writes, settling and collection: everything that promises before it decides.
#include "replication/table/round.h"

#include <deque>
#include <set>

namespace larder::table {

using base::Code;
using base::Result;
using base::Tag;

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
    Tag above;
    for (int attempt = 0; attempt < kAttempts / 2; ++attempt) {
        const auto set = set_of(keys.front());
        const auto ballot = tags_.next(above);
        CO_TRY(const auto promised, co_await send(set, PrepareRequest{keys, ballot}));
        above = promised.greatest();
        if (!promised.reached()) {
            if (!co_await caught_up(promised)) co_await pause(attempt);
            continue;
        }
        auto present = present_in(promised, keys);
        if (present.at_quorum && !anew) co_return std::move(present.rows);
        CO_TRY(const auto accepted, co_await accept(set, AcceptKind::fenced, ballot, std::move(present.proposals)));
        if (accepted.reached()) co_return std::move(present.rows);
        above = std::max(above, accepted.greatest());
        if (!co_await caught_up(accepted)) co_await pause(attempt);
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
    auto set = set_of(keys.front());
    if (is_here(*set) && options_.rules.conditional_promises) {
        CO_TRY(auto done, co_await update_here(std::move(set), keys, decide));
        if (done) co_return std::move(*done);
    }
    co_return co_await update_in_turn(std::move(keys), std::move(decide));
}

// What the only replica holds is what a PREPARE would tell, and the promise is worth as much when it is made together
// with the ACCEPT, provided that nothing came between: one durable change instead of two. Nothing is returned when
// something did, or when a row cannot be read; the long way judges that.
io::Task<Result<std::optional<std::vector<Row>>>> Coordinator::update_here(quorum::Replicas set,
                                                                           std::vector<RowKey> keys, DecideAll decide) {
    const auto head = heading(*set);
    Round held{std::move(set), {}};
    auto& reply = held.replies.emplace_back(Reply{.ok = true, .rows = {}});
    std::vector<Tag> expected;
    for (const auto& key : keys) {
        auto read = local_.replica->read(head, {key, true});
        if (!read || !read->ok) co_return std::nullopt;
        expected.push_back(read->rows.front().row.acc);
        reply->rows.push_back(std::move(read->rows.front()));
    }
    tags_.see(held.greatest());
    const auto version = tags_.next(held.greatest());
    auto present = present_in(held, keys);
    CO_TRY(auto decided, decide(present.rows, version));
    for (std::size_t i = 0; i < keys.size(); ++i) {
        present.rows[i] = Row{version, decided[i]};
        present.proposals[i] = proposal_of(keys[i], version, std::move(decided[i]));
    }
    const auto accepted = co_await local_.replica->accept_unchanged(
        head, {AcceptKind::fenced, version, std::move(present.proposals)}, std::move(expected));
    if (!accepted && is_final(accepted.error())) co_return base::fail(accepted.error());
    if (!accepted) co_return unknown();
    if (!accepted->ok) co_return std::nullopt;
    co_return std::move(present.rows);
}

// CASPaxos with one identity for all attempts that may have taken effect: the version. After an ACCEPT of unknown fate
// a new attempt goes on only if the row is still exactly the one first judged and no bound has passed the first ballot;
// otherwise a second application could not be told from the first (the ABA case).
io::Task<Result<std::vector<Row>>> Coordinator::update_in_turn(std::vector<RowKey> keys, DecideAll decide) {
    Tag above;
    Tag version;
    bool maybe_applied = false;
    bool reachable = true;
    std::vector<Tag> base_versions;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const auto set = set_of(keys.front());
        const auto ballot = tags_.next(above);
        if (!maybe_applied) version = ballot;
        RowRequest request = PrepareRequest{keys, ballot};
        if (!options_.rules.conditional_promises) request = ReadRequest{keys.front(), true};
        const auto asked = co_await send(set, std::move(request));
        if (!asked && maybe_applied) co_return unknown();
        CO_TRY(const auto promised, asked);
        above = std::max(above, promised.greatest());
        reachable = promised.answered();
        if (!promised.reached()) {
            if (!co_await caught_up(promised)) co_await pause(attempt);
            continue;
        }
        auto present = present_in(promised, keys);
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
        const auto taken = co_await accept(set, kind, ballot, std::move(present.proposals));
        if (!taken && maybe_applied) co_return unknown();
        CO_TRY(const auto accepted, taken);
        if (accepted.reached()) {
            if (refusal) co_return base::fail(*refusal);
            co_return std::move(present.rows);
        }
        // What every replica refused, none will ever take.
        maybe_applied = maybe_applied || (!refusal && !accepted.clean_refusal());
        above = std::max(above, accepted.greatest());
        if (!co_await caught_up(accepted)) co_await pause(attempt);
    }
    if (maybe_applied) co_return unknown();
    if (!reachable) co_return no_quorum();
    co_return base::fail(Code::conflict, "other conditional writes kept winning the race");
}

// All steps go by one set of replicas: once one of them knows newer layouts, nothing more is dropped.
io::Task<Result<bool>> Coordinator::collect(RowKey key) {
    const auto set = set_of(key);
    const auto want = options_.rules.collects_at_all ? Want::all : Want::quorum;
    const auto heard = [want](const Round& round) { return want == Want::all ? round.all() : round.reached(); };
    CO_TRY(const auto seen, co_await send(set, ReadRequest{key, false}));
    if (!seen.reached()) {
        co_await caught_up(seen);
        co_return false;
    }
    if (seen.newest(0).row.row.has_value()) co_return false;
    const auto ballot = tags_.next(seen.greatest());
    std::vector<RowKey> keys{key};
    CO_TRY(const auto promised, co_await send(set, PrepareRequest{keys, ballot}));
    if (!promised.reached()) co_return false;
    const auto newest = promised.newest(0);
    auto proposal = same_again(key, newest.row);
    if (proposal.version.is_zero()) proposal.version = ballot;
    const bool tombstone = proposal.tombstone;
    CO_TRY(const auto accepted, co_await accept(set, AcceptKind::fenced, ballot, one(std::move(proposal)), want));
    if (!heard(accepted) || !tombstone) co_return false;
    if (options_.rules.raises_low_bound) {
        CO_TRY(const auto raised, co_await send(set, RaiseLowRequest{{key, ballot}}, want));
        if (!heard(raised)) co_return false;
    }
    CO_TRY(const auto dropped, co_await send(set, CollectRequest{key, ballot}, Want::all));
    co_return dropped.all();
}

}  // namespace larder::table
