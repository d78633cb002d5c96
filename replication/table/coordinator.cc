#include "replication/table/coordinator.h"

#include "replication/table/round.h"

namespace larder::table {

using base::Code;
using base::Result;
using base::Subject;
using base::Tag;

namespace {

// When the answers to a request will do: a promise or a value must reach every quorum, or every member.
class Sufficient {
 public:
    Sufficient(quorum::Replicas set, bool all, bool may_have_taken)
        : set_(std::move(set)), all_(all), may_have_taken_(may_have_taken) {}

    quorum::Enough operator()(const quorum::Answers& answers) const {
        const auto says = [&](std::size_t member, Word word) {
            return answers[member] && word_of(answers[member]->body) == word;
        };
        bool stale = false;
        std::size_t oks = 0;
        for (std::size_t i = 0; i < answers.size(); ++i) {
            stale = stale || says(i, Word::stale);
            oks += says(i, Word::yes) ? 1 : 0;
        }
        const bool reached = set_->reached([&](std::size_t member) { return says(member, Word::yes); });
        if (all_ ? oks == answers.size() : reached) return quorum::Enough::yes;
        if (!stale) return quorum::Enough::no;
        // Nothing is lost by asking anew under the newer layouts, unless somebody may have taken a value: then the
        // more is known of that the better.
        return may_have_taken_ ? quorum::Enough::soon : quorum::Enough::yes;
    }

 private:
    quorum::Replicas set_;
    bool all_;
    bool may_have_taken_;
};

io::Task<bool> ready_no() {
    co_return false;
}

}  // namespace

Coordinator::Coordinator(io::Env& env, const quorum::Placement& placement, quorum::TagSource& tags,
                         TableOptions options)
    : env_(env), placement_(placement), tags_(tags), options_(options), asker_(env) {}

quorum::Replicas Coordinator::set_of(std::string_view partition_key) const {
    if (options_.everywhere) return placement_.everywhere();
    return placement_.replicas(placement_.partition_of(partition_key));
}

io::Task<void> Coordinator::pause(int attempt) {
    const auto most = options_.retry_pause.count() * (2ll << attempt);
    return env_.clock.sleep_for(
        base::Duration(1 + static_cast<std::int64_t>(env_.random.below(static_cast<std::uint64_t>(most)))));
}

io::Task<Result<quorum::Answers>> Coordinator::ask(quorum::Replicas set, std::string body, bool nearest,
                                                   quorum::Judge judge) {
    const auto deadline = env_.clock.after(options_.call_timeout);
    io::Message request{std::move(body), {}};
    if (set->nodes.size() > 1 && nearest) {
        co_return co_await asker_.ask_nearest(set, Replica::kMethod, std::move(request), deadline, std::move(judge));
    }
    if (set->nodes.size() > 1) {
        co_return co_await asker_.ask(set, Replica::kMethod, std::move(request), deadline, std::move(judge));
    }
    // The word of the only replica is final, so its refusal is the answer: unless it leaves the outcome open.
    auto answer = co_await env_.network.call(set->nodes[0], Replica::kMethod, std::move(request), deadline);
    if (!answer && is_final(answer.error())) co_return base::fail(answer.error());
    quorum::Answers answers(1);
    if (answer) answers[0] = std::move(*answer);
    co_return answers;
}

// What a request to the only replica adds up to, as ask() has it.
Result<Coordinator::Round> Coordinator::round_of(quorum::Replicas set, Result<Reply> reply) {
    if (!reply && is_final(reply.error())) return base::fail(reply.error());
    Round round{std::move(set), {}};
    round.replies.emplace_back();
    if (reply) round.replies.back() = std::move(*reply);
    tags_.see(round.greatest());
    return round;
}

io::Task<Result<Coordinator::Round>> Coordinator::send_here(quorum::Replicas set, RowRequest request) {
    const auto head = heading(*set);
    co_return round_of(std::move(set), co_await local_.replica->answer(head, std::move(request)));
}

io::Task<Result<Coordinator::Round>> Coordinator::send(quorum::Replicas set, RowRequest request, Want want) {
    if (is_here(*set)) co_return co_await send_here(std::move(set), std::move(request));
    const bool reads = std::holds_alternative<ReadRequest>(request);
    const bool may_take = std::holds_alternative<AcceptRequest>(request);
    CO_TRY(auto answers, co_await ask(set, encode(heading(*set), request), reads && want == Want::quorum,
                                      Sufficient(set, want == Want::all, may_take)));
    Round round{std::move(set), {}};
    for (auto& answer : answers) {
        round.replies.emplace_back();
        if (!answer) continue;
        auto reply = decode_reply(answer->body);
        if (reply) round.replies.back() = std::move(*reply);
    }
    tags_.see(round.greatest());
    co_return round;
}

io::Task<Result<Coordinator::Round>> Coordinator::accept(quorum::Replicas set, AcceptKind kind, Tag tag,
                                                         std::vector<Proposal> proposals, Want want) {
    AcceptRequest request{kind, tag, std::move(proposals)};
    if (is_here(*set)) return send_here(std::move(set), std::move(request));
    return send(std::move(set), std::move(request), want);
}

// Whether it is worth beginning anew: a member knew newer layouts, and so does this node by now.
io::Task<bool> Coordinator::caught_up(const Round& round) {
    const auto node = round.ahead();
    if (node == 0) return ready_no();
    return catch_up_with(node, round.set);
}

io::Task<bool> Coordinator::catch_up_with(io::NodeNumber node, quorum::Replicas set) {
    if (epochs_ == nullptr) co_return false;
    // It may have come in between by itself.
    if (placement_.epoch() > set->epoch) co_return true;
    const auto done = co_await epochs_->catch_up(node);
    co_return done.has_value();
}

io::Task<Result<Row>> Coordinator::read_here(quorum::Replicas set, RowKey key, bool with_body) {
    // What the only replica holds is what there is.
    const auto head = heading(*set);
    CO_TRY(auto round, round_of(std::move(set), local_.replica->read(head, {std::move(key), with_body})));
    if (!round.reached()) co_return no_quorum();
    co_return row_of(std::move(round.replies.front()->rows.front()));
}

io::Task<Result<Row>> Coordinator::read(RowKey key, bool with_body) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        auto set = set_of(key);
        if (is_here(*set)) co_return co_await read_here(std::move(set), std::move(key), with_body);
        CO_TRY(const auto round, co_await send(set, ReadRequest{key, with_body}));
        if (!round.reached()) {
            if (co_await caught_up(round)) continue;
            co_return no_quorum();
        }
        auto newest = round.newest(0);
        if (newest.at_quorum || !options_.rules.read_writes_back) co_return row_of(std::move(newest.row));
        if (!with_body && newest.row.row.body_size > 0) {
            // Completing the value needs all of it.
            with_body = true;
            continue;
        }
        std::vector<Proposal> again;
        again.push_back(same_again(key, newest.row));
        CO_TRY(const auto written,
               co_await accept(std::move(set), AcceptKind::write_back, newest.row.row.acc, std::move(again)));
        if (written.stored() || (written.reached() && !options_.rules.read_rejects_superseded)) {
            co_return row_of(std::move(newest.row));
        }
        // Superseded somewhere: a newer value is there. One that has not read before it wrote may lie below a write
        // that had ended before it began, so it is no answer; what is newer is.
        if (!written.reached()) co_return co_await settle(std::move(key));
    }
    co_return co_await settle(std::move(key));
}

io::Task<Result<Tag>> Coordinator::write(RowKey key, std::optional<Value> value) {
    return write_made(std::move(key), [value = std::move(value)](Tag) { return value; });
}

io::Task<Result<Tag>> Coordinator::write_made(RowKey key, Make make) {
    const auto tag = tags_.next();
    CO_TRY(const auto round,
           co_await accept(set_of(key), AcceptKind::optimistic, tag, one(proposal_of(key, tag, make(tag)))));
    if (round.reached()) co_return tag;
    if (round.clean_refusal() || !options_.rules.ambiguous_is_not_resent) {
        const auto above = round.greatest();
        co_await caught_up(round);
        co_return co_await write_after_read(std::move(key), make, above);
    }
    co_await caught_up(round);
    co_return co_await fate_of(std::move(key), tag);
}

// The two-phase form, taken when the optimistic one met something newer, or newer layouts.
io::Task<Result<Tag>> Coordinator::write_after_read(RowKey key, Make make, Tag above) {
    quorum::Replicas set;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        if (!set) {
            set = set_of(key);
            CO_TRY(const auto seen, co_await send(set, ReadRequest{key, false}));
            above = std::max(above, seen.greatest());
            if (!seen.reached()) {
                set = {};
                if (co_await caught_up(seen)) continue;
                co_return no_quorum();
            }
        }
        const auto tag = tags_.next(above);
        CO_TRY(const auto round, co_await accept(set, AcceptKind::queried, tag, one(proposal_of(key, tag, make(tag)))));
        if (round.reached()) co_return tag;
        const bool newer = co_await caught_up(round);
        if (!round.clean_refusal() && options_.rules.ambiguous_is_not_resent) co_return co_await fate_of(key, tag);
        // Under other layouts "above all that a quorum held" is to be found out anew.
        if (newer) set = {};
        if (!newer) co_await pause(attempt);
        above = std::max(above, round.greatest());
    }
    co_return base::fail(Code::overloaded, "too many writers contend for the row");
}

// Some replicas took the write and some did not: settle the row and see whether it is ours.
io::Task<Result<Tag>> Coordinator::fate_of(RowKey key, Tag version) {
    const auto row = co_await settle(key);
    if (row && row->version == version) co_return version;
    co_return unknown();
}

}  // namespace larder::table
