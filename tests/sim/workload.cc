#include "tests/sim/workload.h"

#include <algorithm>

namespace larder::sim {

namespace {

std::uint64_t value_of(const table::Row& row) {
    return row.value ? std::stoull(row.value->row) : 0;
}
std::optional<table::Value> value_from(std::uint64_t value) {
    if (value == 0) return std::nullopt;
    return table::Value{std::to_string(value), {}};
}

Operation::Fate fate_of(const base::Error& error) {
    return error.code == base::Code::unknown_outcome ? Operation::Fate::unknown : Operation::Fate::no_effect;
}

}  // namespace

Workload::Workload(World& world, Links& links, const Options& options, Gateways& gateways)
    : world_(world),
      links_(links),
      options_(options),
      gateways_(gateways),
      outside_(world, 0),
      clock_(world, 0),
      histories_(options.keys) {}

table::RowKey Workload::key_of(std::size_t index) {
    return {"p", "k" + std::to_string(index)};
}

void Workload::start(io::TaskGroup& tasks) {
    for (std::size_t i = 0; i < options_.clients; ++i) tasks.spawn(client(i));
}

void Workload::judge(Outcome& out) const {
    for (const auto& history : histories_) {
        for (const auto& op : history) {
            out.ok += op.fate == Operation::Fate::ok;
            out.no_effect += op.fate == Operation::Fate::no_effect;
            out.unknown += op.fate == Operation::Fate::unknown;
        }
        const auto verdict = check(history);
        if (verdict == Verdict::violated || out.verdict == Verdict::linearizable) out.verdict = verdict;
    }
}

// One operation at a node; a node that dies on the way never answers.
io::Task<void> Workload::serve(table::Coordinator& rows, Operation op, table::RowKey key, io::Promise<Answer> out) {
    Answer answer;
    if (op.kind == Operation::Kind::read) {
        const auto row = co_await rows.read(key, true);
        answer.fate = row ? Operation::Fate::ok : Operation::Fate::no_effect;
        if (row) answer.seen = value_of(*row);
    } else if (op.kind == Operation::Kind::write) {
        const auto done = co_await rows.write(key, value_from(op.argument));
        answer.fate = done ? Operation::Fate::ok : fate_of(done.error());
    } else {
        std::uint64_t seen = 0;
        const auto decide = [&seen, op](const table::Row& row, base::Tag) -> base::Result<table::Decision> {
            seen = value_of(row);
            if (seen != op.expected) return base::fail(base::Code::precondition_failed, "another value");
            return table::Decision{value_from(op.argument)};
        };
        const auto done = co_await rows.update(key, decide);
        answer.refused = !done && done.error().code == base::Code::precondition_failed;
        answer.fate = done || answer.refused ? Operation::Fate::ok : fate_of(done.error());
        answer.seen = seen;
    }
    out.set(answer);
}

Operation Workload::draw(const std::vector<Operation>& history) {
    auto& dice = world_.dice;
    Operation op;
    const double x = dice.uniform();
    op.kind = x < 0.35                                    ? Operation::Kind::read
              : x < 1 - options_.conditional_share * 0.65 ? Operation::Kind::write
                                                          : Operation::Kind::conditional;
    op.argument = ++values_;
    if (op.kind == Operation::Kind::write && dice.chance(options_.delete_share)) op.argument = 0;
    if (op.kind == Operation::Kind::conditional && !dice.chance(0.1)) {
        // Expect what was seen last.
        for (auto it = history.rbegin(); it != history.rend(); ++it) {
            if (it->fate != Operation::Fate::ok || it->answered == 0) continue;
            const bool shows = it->kind == Operation::Kind::read || it->refused;
            op.expected = shows ? it->seen : it->argument;
            break;
        }
    }
    return op;
}

io::Task<void> Workload::client(std::size_t number) {
    auto gateway = number % gateways_.size();
    for (int i = 0; i < options_.operations; ++i) {
        auto& dice = world_.dice;
        const auto key = dice.below(histories_.size());
        auto op = draw(histories_[key]);
        op.invoked = world_.steps * 4 + 1;
        const auto place = histories_[key].size();
        histories_[key].push_back(op);
        io::Promise<Answer> answer(outside_);
        if (auto* rows = gateways_.rows_at(gateway, key)) {
            gateways_.tasks_of(gateway).spawn(serve(*rows, op, key_of(key), answer));
        } else {
            answer.set({Operation::Fate::no_effect, 0, false});
        }
        const auto timer = clock_.call_at({world_.now + links_.latency_ns * 200}, [answer] { answer.set({}); });
        const auto got = co_await answer.future();
        clock_.cancel(timer);
        auto& entry = histories_[key][place];
        entry.fate = got.fate;
        entry.seen = got.seen;
        entry.refused = got.refused;
        if (entry.kind == Operation::Kind::read && got.fate == Operation::Fate::unknown)
            entry.fate = Operation::Fate::no_effect;
        entry.answered = got.fate == Operation::Fate::ok ? world_.steps * 4 + 2 : 0;
        co_await clock_.sleep_for(base::Duration(
            1 + static_cast<std::int64_t>(dice.below(static_cast<std::uint64_t>(links_.latency_ns * 6)))));
        if (dice.chance(0.2)) gateway = dice.below(gateways_.size());
    }
    ++finished_;
}

}  // namespace larder::sim
