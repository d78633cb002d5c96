#include "tests/sim/cluster.h"

#include "src/io/real_env.h"
#include "tests/sim/workload.h"

#include <algorithm>

namespace larder::sim {

namespace {

constexpr table::TableId kTable = 1;
constexpr std::uint64_t kStepsMax = 4'000'000;

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

class Cluster final : public Gateways {
 public:
    explicit Cluster(const Options& options)
        : options_(options),
          world_(options.seed),
          links_(world_),
          placement_(nodes(options.replicas), 2),
          disk_(io::make_real_disk()),
          rows_(options.replicas),
          lives_(options.replicas),
          boots_(options.replicas, 0),
          offsets_(options.replicas, 0),
          outside_(world_, 0),
          outside_clock_(world_, 0),
          workload_(world_, links_, options_, *this),
          tasks_(outside_) {
        auto& dice = world_.dice;
        links_.carries_out_twice = options.carries_out_twice;
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
        workload_.start(tasks_);
        while (!workload_.finished() && world_.steps < kStepsMax && world_.step()) {
        }
        Outcome out;
        out.stuck = !workload_.finished();
        workload_.judge(out);
        out.trace = world_.trace;
        out.steps = world_.steps;
        out.faults = faults_;
        out.collected = collected_;
        out.messages = links_.messages;
        out.virtual_seconds = static_cast<double>(world_.now) / 1e9;
        return out;
    }

    std::size_t size() const override { return lives_.size(); }
    table::Coordinator* rows_at(std::size_t node, std::size_t) override {
        return lives_[node] ? &lives_[node]->coordinator : nullptr;
    }
    io::TaskGroup& tasks_of(std::size_t node) override { return lives_[node]->tasks; }

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

    io::Task<void> collect_at(Life& life, table::RowKey key) {
        const auto done = co_await life.coordinator.collect(std::move(key));
        if (done && *done) ++collected_;
    }

    io::Task<void> collector() {
        for (;;) {
            co_await sleep(5 + world_.dice.below(30));
            const auto node = world_.dice.below(lives_.size());
            if (!lives_[node]) continue;
            lives_[node]->tasks.spawn(collect_at(*lives_[node], Workload::key_of(world_.dice.below(options_.keys))));
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
    std::vector<DurableRows> rows_;
    std::vector<std::unique_ptr<Life>> lives_;
    std::vector<std::uint32_t> boots_;
    std::vector<std::int64_t> offsets_;
    SimExecutor outside_;
    SimClock outside_clock_;
    Workload workload_;
    std::uint64_t faults_ = 0;
    std::uint64_t collected_ = 0;
    io::TaskGroup tasks_;
};

}  // namespace

Outcome run(const Options& options) {
    return options.nodes > 0 ? run_changing(options) : Cluster(options).run();
}

}  // namespace larder::sim
