#include "tests/sim/cluster.h"

#include "src/io/real_env.h"

#include <algorithm>

namespace larder::sim {

namespace {

constexpr table::TableId kTable = 1;
constexpr std::uint64_t kStepsMax = 4'000'000;

table::RowKey key_of(std::size_t index) {
    return {"p", "k" + std::to_string(index)};
}

std::uint64_t value_of(const table::Row& row) {
    return row.value ? std::stoull(row.value->row) : 0;
}
std::optional<table::Value> value_from(std::uint64_t value) {
    if (value == 0) return std::nullopt;
    return table::Value{std::to_string(value), {}};
}

// One life of a node: everything that a crash destroys.
struct Life {
    Life(World& world, Links& links, Place place, std::uint32_t boot, std::int64_t offset_ms, DurableRows& rows,
         const quorum::Placement& placement, const table::TableOptions& options, io::Disk& disk)
        : executor(world, place),
          clock(world, place),
          random(world),
          blocking(executor),
          network(links, executor, clock, place),
          env{executor, clock, random, disk, network, blocking},
          store(world, env, rows),
          tags(clock, place, boot),
          replica(network, store, placement, tags, options.rules),
          coordinator(env, placement, tags, options),
          tasks(executor) {
        clock.offset_ms = offset_ms;
    }
    ~Life() { tasks.stop(); }

    SimExecutor executor;
    SimClock clock;
    SimRandom random;
    SimBlocking blocking;
    SimNetwork network;
    io::Env env;
    MemoryRowStore store;
    quorum::TagSource tags;
    table::Replica replica;
    table::Coordinator coordinator;
    io::TaskGroup tasks;
};

struct Answer {
    Operation::Fate fate = Operation::Fate::unknown;
    std::uint64_t seen = 0;
    bool refused = false;
};

Operation::Fate fate_of(const base::Error& error) {
    return error.code == base::Code::unknown_outcome ? Operation::Fate::unknown : Operation::Fate::no_effect;
}

class Cluster {
 public:
    explicit Cluster(const Options& options)
        : options_(options),
          world_(options.seed),
          links_(world_),
          placement_(nodes(options.replicas), 2),
          disk_(io::make_real_disk()),
          histories_(options.keys),
          rows_(options.replicas),
          lives_(options.replicas),
          boots_(options.replicas, 0),
          offsets_(options.replicas, 0),
          outside_(world_, 0),
          outside_clock_(world_, 0),
          tasks_(outside_) {
        auto& dice = world_.dice;
        links_.loss = dice.chance(0.5) ? 0 : 0.05 * dice.uniform();
        links_.duplication = dice.chance(0.5) ? 0 : 0.05 * dice.uniform();
        links_.latency_ns = dice.chance(0.5) ? 1'000'000 : 20'000'000;
        table_options_.table = kTable;
        table_options_.call_timeout = base::Duration(links_.latency_ns * 30);
        table_options_.retry_pause = base::Duration(links_.latency_ns);
        table_options_.rules = options.rules;
        for (std::size_t i = 0; i < options.replicas; ++i) start(i);
    }
    ~Cluster() {
        tasks_.stop();
        for (std::size_t i = 0; i < lives_.size(); ++i) stop(i);
    }

    Outcome run() {
        tasks_.spawn(nemesis());
        tasks_.spawn(collector());
        for (std::size_t i = 0; i < options_.clients; ++i) tasks_.spawn(client(i));
        while (finished_ < options_.clients && world_.steps < kStepsMax && world_.step()) {
        }
        Outcome out;
        out.stuck = finished_ < options_.clients;
        for (const auto& history : histories_) {
            for (const auto& op : history) {
                out.ok += op.fate == Operation::Fate::ok;
                out.no_effect += op.fate == Operation::Fate::no_effect;
                out.unknown += op.fate == Operation::Fate::unknown;
            }
            const auto verdict = check(history);
            if (verdict == Verdict::violated || out.verdict == Verdict::linearizable) out.verdict = verdict;
        }
        out.trace = world_.trace;
        out.steps = world_.steps;
        out.faults = faults_;
        out.collected = collected_;
        out.messages = links_.messages;
        out.virtual_seconds = static_cast<double>(world_.now) / 1e9;
        return out;
    }

 private:
    static std::vector<io::NodeNumber> nodes(std::size_t count) {
        std::vector<io::NodeNumber> out;
        for (std::size_t i = 1; i <= count; ++i) out.push_back(static_cast<io::NodeNumber>(i));
        return out;
    }

    void start(std::size_t node) {
        const auto place = static_cast<Place>(node + 1);
        lives_[node] = std::make_unique<Life>(world_, links_, place, ++boots_[node], offsets_[node], rows_[node],
                                              placement_, table_options_, *disk_);
    }
    void stop(std::size_t node) {
        if (!lives_[node]) return;
        lives_[node].reset();
        world_.kill(static_cast<Place>(node + 1));
        if (!options_.fences_survive) {
            for (auto& [place, cell] : rows_[node].rows) cell.row.fence = {};
        }
        if (!options_.disk_survives) rows_[node] = {};
    }

    io::Task<void> sleep(std::uint64_t latencies) {
        return outside_clock_.sleep_for(base::Duration(links_.latency_ns * static_cast<std::int64_t>(latencies)));
    }

    // One operation at a node; a node that dies on the way never answers.
    io::Task<void> serve(table::Coordinator& rows, Operation op, table::RowKey key, io::Promise<Answer> out) {
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

    Operation draw(const std::vector<Operation>& history) {
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

    io::Task<void> client(std::size_t number) {
        auto gateway = number % lives_.size();
        for (int i = 0; i < options_.operations; ++i) {
            auto& dice = world_.dice;
            const auto key = dice.below(histories_.size());
            auto op = draw(histories_[key]);
            op.invoked = world_.steps * 4 + 1;
            const auto place = histories_[key].size();
            histories_[key].push_back(op);
            io::Promise<Answer> answer(outside_);
            if (lives_[gateway]) {
                auto& life = *lives_[gateway];
                life.tasks.spawn(serve(life.coordinator, op, key_of(key), answer));
            } else {
                answer.set({Operation::Fate::no_effect, 0, false});
            }
            const auto timer =
                outside_clock_.call_at({world_.now + links_.latency_ns * 200}, [answer] { answer.set({}); });
            const auto got = co_await answer.future();
            outside_clock_.cancel(timer);
            auto& entry = histories_[key][place];
            entry.fate = got.fate;
            entry.seen = got.seen;
            entry.refused = got.refused;
            if (entry.kind == Operation::Kind::read && got.fate == Operation::Fate::unknown)
                entry.fate = Operation::Fate::no_effect;
            entry.answered = got.fate == Operation::Fate::ok ? world_.steps * 4 + 2 : 0;
            co_await outside_clock_.sleep_for(base::Duration(
                1 + static_cast<std::int64_t>(dice.below(static_cast<std::uint64_t>(links_.latency_ns * 6)))));
            if (dice.chance(0.2)) gateway = dice.below(lives_.size());
        }
        ++finished_;
    }

    io::Task<void> collect_at(Life& life, table::RowKey key) {
        const auto done = co_await life.coordinator.collect(std::move(key));
        if (done && *done) ++collected_;
    }

    io::Task<void> collector() {
        for (;;) {
            co_await sleep(5 + world_.dice.below(30));
            const auto node = world_.dice.below(lives_.size());
            if (!lives_[node]) continue;
            lives_[node]->tasks.spawn(collect_at(*lives_[node], key_of(world_.dice.below(histories_.size()))));
        }
    }

    io::Task<void> nemesis() {
        for (;;) {
            auto& dice = world_.dice;
            co_await sleep(1 + dice.below(40));
            ++faults_;
            const auto node = dice.below(lives_.size());
            const auto place = static_cast<Place>(node + 1);
            switch (dice.below(8)) {
                case 0:  // one node cut off
                    for (Place other = 1; other <= lives_.size(); ++other) {
                        if (other == place) continue;
                        links_.cut.insert({place, other});
                        links_.cut.insert({other, place});
                    }
                    break;
                case 1:
                    links_.cut.insert({place, static_cast<Place>(dice.below(lives_.size()) + 1)});
                    break;
                case 2:
                case 3:
                    links_.cut.clear();
                    break;
                case 4:
                    offsets_[node] = static_cast<std::int64_t>(dice.below(20'000)) - 10'000;
                    if (lives_[node]) lives_[node]->clock.offset_ms = offsets_[node];
                    break;
                case 5:
                    if (lives_[node]) {
                        stop(node);
                    } else {
                        start(node);
                    }
                    break;
                case 6:
                    for (std::size_t i = 0; i < lives_.size(); ++i) {
                        if (!lives_[i]) start(i);
                    }
                    break;
                default:  // down and up at once: what was promised and what was in flight meet the new life
                    if (lives_[node]) {
                        stop(node);
                        start(node);
                    }
            }
        }
    }

    Options options_;
    World world_;
    Links links_;
    quorum::FixedPlacement placement_;
    std::unique_ptr<io::Disk> disk_;
    table::TableOptions table_options_;
    std::vector<std::vector<Operation>> histories_;
    std::vector<DurableRows> rows_;
    std::vector<std::unique_ptr<Life>> lives_;
    std::vector<std::uint32_t> boots_;
    std::vector<std::int64_t> offsets_;
    SimExecutor outside_;
    SimClock outside_clock_;
    std::uint64_t values_ = 0;
    std::uint64_t faults_ = 0;
    std::uint64_t collected_ = 0;
    std::size_t finished_ = 0;
    io::TaskGroup tasks_;
};

}  // namespace

Outcome run(const Options& options) {
    return Cluster(options).run();
}

}  // namespace larder::sim
