// Nodes of which some are replicas, under layouts that change all the time: nodes join, leave, come back with what they
// once held or with nothing, while clients work and everything that cluster.cc does to nodes and links goes on.
#include "src/io/real_env.h"
#include "tests/sim/changing_node.h"
#include "tests/sim/workload.h"

#include <algorithm>

namespace larder::sim {

namespace {

constexpr std::uint64_t kStepsMax = 12'000'000;

class ChangingCluster final : public Gateways {
 public:
    explicit ChangingCluster(const Options& options)
        : options_(options),
          world_(options.seed),
          links_(world_),
          disk_(io::make_real_disk()),
          setting_{options, {}, {}, {}, {}, {}, 0},
          durable_(options.nodes),
          lives_(options.nodes),
          offsets_(options.nodes, 0),
          outside_(world_, 0),
          clock_(world_, 0),
          workload_(world_, links_, options_, *this),
          tasks_(outside_) {
        auto& dice = world_.dice;
        links_.carries_out_twice = options.carries_out_twice;
        links_.loss = dice.chance(0.5) ? 0 : 0.05 * dice.uniform();
        links_.duplication = dice.chance(0.5) ? 0 : 0.05 * dice.uniform();
        links_.latency_ns = dice.chance(0.5) ? 1'000'000 : 20'000'000;
        in_control_ = dice.chance(0.2);
        set_up();
        newest_ = layout_after(newest_, options_.nodes, world_.dice);
        cluster::Standing standing;
        standing.fresh = false;
        standing.history.live.emplace(1, newest_);
        standing.since = cluster::since_first(newest_);
        for (std::size_t i = 0; i < options.nodes; ++i) {
            standing.history.progress[id_of(static_cast<Place>(i + 1))] = {1, 1, 1};
        }
        for (auto& durable : durable_) durable.record = encode(standing);
        for (std::size_t i = 0; i < options.nodes; ++i) start(i);
    }
    ~ChangingCluster() override {
        tasks_.stop();
        for (std::size_t i = 0; i < lives_.size(); ++i) stop(i);
    }

    Outcome run() {
        tasks_.spawn(nemesis());
        tasks_.spawn(administrator());
        tasks_.spawn(collector());
        workload_.start(tasks_);
        while (!workload_.finished() && world_.steps < kStepsMax && world_.step()) {
        }
        Outcome out;
        out.stuck = !workload_.finished() || !comes_to_rest();
        workload_.judge(out);
        out.trace = world_.trace;
        out.steps = world_.steps;
        out.faults = faults_;
        out.collected = collected_;
        out.messages = links_.messages;
        out.layouts = newest_.epoch;
        out.lost_disks = lost_disks_;
        out.retired = oldest_seen();
        for (std::size_t i = 0; i < lives_.size(); ++i) count(i);
        out.moved = moved_;
        out.settled = settled_;
        out.evened = evened_;
        out.virtual_seconds = static_cast<double>(world_.now) / 1e9;
        return out;
    }

    // Gateways
    std::size_t size() const override { return lives_.size(); }
    table::Coordinator* rows_at(std::size_t node, std::size_t) override {
        if (!lives_[node] || !lives_[node]->keeper.is_ready()) return nullptr;
        return in_control_ ? &lives_[node]->control : &lives_[node]->rows;
    }
    io::TaskGroup& tasks_of(std::size_t node) override { return lives_[node]->tasks; }

 private:
    void set_up() {
        const auto times = [this](std::int64_t latencies) { return base::Duration(links_.latency_ns * latencies); };
        setting_.latency_ns = links_.latency_ns;
        auto& rows = setting_.rows;
        rows.table = kTable;
        rows.call_timeout = times(30);
        rows.retry_pause = times(1);
        rows.rules = options_.rules;
        setting_.control = rows;
        setting_.control.table = kControlTable;
        setting_.control.everywhere = true;
        auto& keeper = setting_.keeper;
        keeper.numbers = number_of;
        keeper.peers = [count = options_.nodes] {
            std::vector<io::NodeNumber> all;
            for (std::size_t i = 1; i <= count; ++i) all.push_back(static_cast<io::NodeNumber>(i));
            return all;
        };
        // In every fourth run layouts are told slowly, so that many coordinators are behind.
        keeper.gossip_every = times(options_.seed % 4 == 3 ? 150 : 10);
        keeper.call_timeout = times(20);
        keeper.joint = options_.joint;
        keeper.wipes = options_.wipes;
        keeper.recovers = options_.recovers;
        setting_.mover = {.page_rows = 1 + world_.dice.below(3),
                          .pause = times(static_cast<std::int64_t>(world_.dice.below(5))),
                          .retry = times(5),
                          .look_every = times(20),
                          .call_timeout = times(30),
                          .rules = options_.rules};
        // And in every fourth replicas compare all the time.
        setting_.reconciler.every = times(options_.seed % 4 == 2 ? 4 : 40);
        setting_.reconciler.page_rows = 1 + world_.dice.below(3);
        setting_.reconciler.bits = 2;
        setting_.reconciler.call_timeout = times(30);
        setting_.reconciler.rules = options_.rules;
        setting_.reconciler.blind = options_.blind_sync;
    }

    void start(std::size_t node) {
        const auto place = static_cast<Place>(node + 1);
        ++durable_[node].boot;
        lives_[node] =
            std::make_unique<ChangingNode>(world_, links_, place, offsets_[node], durable_[node], setting_, *disk_);
    }
    void count(std::size_t node) {
        if (!lives_[node]) return;
        moved_ += lives_[node]->mover.progress().taken;
        settled_ += lives_[node]->mover.progress().settled + lives_[node]->reconciler.progress().settled;
        evened_ += lives_[node]->reconciler.progress().pulled + lives_[node]->reconciler.progress().pushed;
    }
    void stop(std::size_t node) {
        if (!lives_[node]) return;
        count(node);
        lives_[node].reset();
        world_.kill(static_cast<Place>(node + 1));
    }

    io::Task<void> sleep(std::uint64_t latencies) {
        return clock_.sleep_for(base::Duration(links_.latency_ns * static_cast<std::int64_t>(latencies)));
    }

    // Layouts follow each other one by one, each made known by some node; as the conditional write of the layout row
    // has it, one number never means two layouts.
    io::Task<void> administrator() {
        while (!resting_) {
            co_await sleep(20 + world_.dice.below(80));
            if (resting_) co_return;
            const auto former = newest_;
            newest_ = layout_after(newest_, options_.nodes, world_.dice);
            co_await make_known();
            if (options_.wipes_early) wipe_those_that_left();
            if (options_.offloads) {
                co_await sleep(100);
                offload(former);
            }
        }
    }
    io::Task<void> make_known() {
        for (;;) {
            const auto node = world_.dice.below(lives_.size());
            // Few live layouts at once: each asks for a quorum more.
            const auto* life = lives_[node].get();
            const bool fit = life != nullptr && life->keeper.is_ready() && life->keeper.epoch() + 1 == newest_.epoch &&
                             life->keeper.history().live.size() <= 2;
            if (life != nullptr && life->keeper.epoch() >= newest_.epoch) co_return;
            if (fit) lives_[node]->tasks.spawn(adopt_at(*lives_[node], newest_));
            co_await sleep(3 + world_.dice.below(10));
        }
    }
    io::Task<void> adopt_at(ChangingNode& life, layout::Layout next) {
        (void)co_await life.keeper.adopt(std::move(next));
    }
    void wipe_those_that_left() {
        for (std::size_t i = 0; i < lives_.size(); ++i) {
            std::erase_if(durable_[i].rows.rows, [&](const auto& row) {
                const auto p = partition_of(row.first);
                return !holds(newest_, p, id_of(static_cast<Place>(i + 1)));
            });
        }
    }
    void offload(const layout::Layout& former) {
        for (std::size_t i = 0; i < lives_.size(); ++i) {
            for (const auto& [place, cell] : durable_[i].rows.rows) {
                const auto p = partition_of(place);
                if (!holds(former, p, id_of(static_cast<Place>(i + 1)))) continue;
                for (const auto& node : newest_.replicas[p]) {
                    auto& theirs = durable_[number_of(node) - 1].rows.rows[place].row;
                    if (cell.row.acc <= theirs.acc) continue;
                    const auto fence = theirs.fence;
                    theirs = cell.row;
                    theirs.fence = fence;
                }
            }
        }
    }
    layout::Partition partition_of(const std::string& place) const {
        return quorum::FixedPlacement({1}, kPartitions).partition_of(table::read_place(place)->partition_key);
    }

    io::Task<void> collect_at(ChangingNode& life, table::RowKey key) {
        const auto done = co_await (in_control_ ? life.control : life.rows).collect(std::move(key));
        if (done && *done) ++collected_;
    }
    io::Task<void> collector() {
        while (!resting_) {
            co_await sleep(5 + world_.dice.below(30));
            const auto node = world_.dice.below(lives_.size());
            if (!lives_[node] || !lives_[node]->keeper.is_ready()) continue;
            const auto key = Workload::key_of(world_.dice.below(options_.keys));
            lives_[node]->tasks.spawn(collect_at(*lives_[node], key));
        }
    }

    io::Task<void> nemesis() {
        while (!resting_) {
            co_await sleep(1 + world_.dice.below(40));
            if (resting_) co_return;
            ++faults_;
            strike();
        }
    }
    void strike() {
        auto& dice = world_.dice;
        const auto node = dice.below(lives_.size());
        const auto place = static_cast<Place>(node + 1);
        switch (dice.below(9)) {
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
            case 7:
                if (options_.disks_are_lost && dice.chance(0.3)) lose_disk(node);
                break;
            default:  // down and up at once: what was promised and what was in flight meet the new life
                if (lives_[node]) {
                    stop(node);
                    start(node);
                }
        }
    }
    // One at a time: the next only when all that was lost before has been recovered.
    void lose_disk(std::size_t node) {
        for (const auto& durable : durable_) {
            if (!durable.record) return;
            const auto standing = cluster::decode_standing(*durable.record);
            ENSURE(standing.has_value());
            if (standing->fresh || (options_.recovers && !standing->recovering.empty())) return;
        }
        ++lost_disks_;
        stop(node);
        durable_[node] = {};
        start(node);
    }

    layout::Epoch oldest_seen() const {
        layout::Epoch oldest = 0;
        for (const auto& life : lives_) {
            if (life && !life->keeper.history().live.empty()) {
                oldest = std::max(oldest, life->keeper.history().live.begin()->first);
            }
        }
        return oldest;
    }

    // Once faults end, everything ends up at every replica of the newest layout, and the older ones end.
    bool comes_to_rest() {
        resting_ = true;
        links_.cut.clear();
        links_.loss = 0;
        for (std::size_t i = 0; i < lives_.size(); ++i) {
            if (!lives_[i]) start(i);
        }
        const auto end = world_.now + links_.latency_ns * 3'000;
        while (world_.now < end && world_.steps < 2 * kStepsMax && world_.step()) {
            if (world_.steps % 64 == 0 && at_rest()) return true;
        }
        return at_rest();
    }
    bool at_rest() const {
        for (const auto& life : lives_) {
            const auto& keeper = life->keeper;
            if (!keeper.is_ready() || keeper.history().live.size() != 1) return false;
            if (keeper.epoch() != lives_[0]->keeper.epoch() || !keeper.to_recover().empty()) return false;
            if (life->tasks.size() > (options_.reconciles ? 2u : 1u)) return false;
        }
        if (!options_.reconciles) return true;
        const auto& newest = lives_[0]->keeper.history().live.begin()->second;
        std::map<std::string, base::Tag> all;
        for (int pass = 0; pass < 2; ++pass) {
            for (std::size_t i = 0; i < lives_.size(); ++i) {
                const auto id = id_of(static_cast<Place>(i + 1));
                for (std::uint32_t p = 0; p < kPartitions; ++p) {
                    for (const bool everywhere : {false, true}) {
                        if (!cluster::is_member(newest, {p, everywhere}, id)) continue;
                        if (pass == 0) gather(i, {p, everywhere}, all);
                        if (pass == 1 && !has_all(i, {p, everywhere}, all)) return false;
                    }
                }
            }
        }
        return true;
    }
    bool in_slot(const std::string& place, quorum::Slot slot) const {
        return partition_of(place) == slot.partition &&
               (table::read_place(place)->table == kControlTable) == slot.everywhere;
    }
    void gather(std::size_t node, quorum::Slot slot, std::map<std::string, base::Tag>& all) const {
        for (const auto& [place, cell] : durable_[node].rows.rows) {
            if (in_slot(place, slot)) all[place] = std::max(all[place], cell.row.acc);
        }
    }
    bool has_all(std::size_t node, quorum::Slot slot, const std::map<std::string, base::Tag>& all) const {
        for (const auto& [place, acc] : all) {
            if (!in_slot(place, slot) || acc.is_zero()) continue;
            const auto found = durable_[node].rows.rows.find(place);
            if (found == durable_[node].rows.rows.end() || found->second.row.acc != acc) return false;
        }
        return true;
    }

    Options options_;
    World world_;
    Links links_;
    std::unique_ptr<io::Disk> disk_;
    NodeSetting setting_;
    bool in_control_ = false;
    bool resting_ = false;
    layout::Layout newest_;
    std::vector<DurableNode> durable_;
    std::vector<std::unique_ptr<ChangingNode>> lives_;
    std::vector<std::int64_t> offsets_;
    SimExecutor outside_;
    SimClock clock_;
    Workload workload_;
    std::uint64_t faults_ = 0, collected_ = 0, lost_disks_ = 0, moved_ = 0, settled_ = 0, evened_ = 0;
    io::TaskGroup tasks_;
};

}  // namespace

Outcome run_changing(const Options& options) {
    return ChangingCluster(options).run();
}

}  // namespace larder::sim
