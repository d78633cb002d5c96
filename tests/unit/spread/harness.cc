#include "tests/unit/spread/harness.h"

#include <catch2/catch.hpp>

#include <algorithm>

namespace larder::spread {

using base::Result;

namespace {

constexpr std::uint64_t kStepsMax = 20'000'000;

}  // namespace

std::string bytes_of(std::uint64_t number, std::size_t size) {
    sim::Dice dice(number);
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(dice.next());
    return out;
}

Owner owner(std::uint64_t number) {
    Owner out;
    for (std::size_t i = 0; i < 8; ++i) out.bytes[i] = static_cast<std::uint8_t>(number >> (8 * (7 - i)));
    out.bytes[15] = 1;
    return out;
}

void TestPlacement::set(std::vector<Layout> live) {
    ++epoch_;
    sets_.clear();
    for (quorum::Partition partition = 0; partition < partitions(); ++partition) {
        auto set = std::make_shared<quorum::ReplicaSet>();
        set->epoch = epoch_;
        for (const auto& layout : live) {
            auto& quorum = set->quorums.emplace_back();
            const auto copies = std::min(layout.copies, layout.nodes.size());
            quorum.needed = copies / 2 + 1;
            for (std::size_t i = 0; i < copies; ++i) {
                const auto node = layout.nodes[(partition + i) % layout.nodes.size()];
                const auto found = std::ranges::find(set->nodes, node);
                quorum.members.push_back(static_cast<std::uint32_t>(found - set->nodes.begin()));
                if (found == set->nodes.end()) set->nodes.push_back(node);
            }
        }
        sets_.push_back(std::move(set));
    }
}

Life::Life(Cluster& cluster, sim::Place place)
    : placement(cluster.placement),
      epochs(cluster, placement),
      executor(cluster.world, place),
      clock(cluster.world, place),
      random(cluster.world),
      blocking(executor),
      network(cluster.links, executor, clock, place),
      wire(network),
      env{executor, clock, random, *cluster.disk, wire, blocking},
      tasks(executor) {
    const World world{env, metrics, placement, cluster.members, &cluster.distances, &epochs};
    store = SpreadStore::make(world, std::make_unique<MemoryBlocks>(cluster.world, env, cluster.shelf(place)),
                              cluster.options);
    store->set_book(&book);
}

io::Task<Result<void>> TestEpochs::catch_up(io::NodeNumber from) {
    if (cluster_.is_up(from) && cluster_.node(from).placement.epoch() > placement_.epoch()) {
        placement_ = cluster_.node(from).placement;
    }
    co_return Result<void>();
}

Cluster::Cluster(std::size_t nodes, std::uint64_t seed, std::size_t copies)
    : world(seed), links(world), placement({{1}, 1}) {
    for (std::size_t i = 0; i < nodes; ++i) {
        shelves_.push_back(std::make_unique<Shelf>());
        lives_.emplace_back();
        members.nodes.push_back(static_cast<io::NodeNumber>(i + 1));
    }
    placement.set({{members.nodes, copies}});
    for (const auto number : members.nodes) start(number);
}

Cluster::~Cluster() {
    for (io::NodeNumber number = 1; number <= size(); ++number) kill(number);
}

io::NodeNumber Cluster::add_node() {
    shelves_.push_back(std::make_unique<Shelf>());
    lives_.emplace_back();
    const auto number = static_cast<io::NodeNumber>(size());
    members.nodes.push_back(number);
    start(number);
    return number;
}

void Cluster::kill(io::NodeNumber number) {
    if (!is_up(number)) return;
    lives_[number - 1].reset();
    world.kill(number);
}

void Cluster::start(io::NodeNumber number) {
    lives_[number - 1] = std::make_unique<Life>(*this, number);
}

void Cluster::replace(io::NodeNumber number) {
    kill(number);
    shelf(number) = {};
    start(number);
    store(number).distrust();
}

void Cluster::cut(io::NodeNumber a, io::NodeNumber b) {
    links.cut.insert({a, b});
    links.cut.insert({b, a});
}

void Cluster::set_layouts(std::vector<TestPlacement::Layout> live) {
    placement.set(std::move(live));
    for (io::NodeNumber number = 1; number <= size(); ++number) {
        if (!is_up(number)) continue;
        node(number).placement = placement;
        store(number).layout_changed();
    }
}

void Cluster::set_layouts_at(io::NodeNumber number, std::vector<TestPlacement::Layout> live) {
    placement.set(std::move(live));
    node(number).placement = placement;
    store(number).layout_changed();
}

void Cluster::step_until(const std::function<bool()>& done) {
    for (std::uint64_t steps = 0; !done(); ++steps) {
        if (steps > kStepsMax || !world.step()) FAIL("nothing happens any more");
    }
}

void Cluster::pass(base::Duration time) {
    bool over = false;
    world.at(world.now + time.count(), 0, [&over] { over = true; });
    step_until([&over] { return over; });
}

bool Cluster::comes_to(const std::function<bool()>& holds, base::Duration within) {
    const auto end = world.now + within.count();
    while (!holds()) {
        if (world.now > end) return false;
        pass(std::chrono::milliseconds(100));
    }
    return true;
}

Result<base::Hash256> Cluster::put(io::NodeNumber at, const std::string& bytes, std::uint64_t by) {
    return run(at, store(at).put(base::Buffer::copy_of(bytes), owner(by), std::nullopt, false));
}

Result<std::string> Cluster::get(io::NodeNumber at, const std::string& bytes) {
    return get(at, bytes, 0, bytes.size());
}

Result<std::string> Cluster::get(io::NodeNumber at, const std::string& bytes, std::uint64_t offset,
                                 std::uint64_t length) {
    TRY(const auto data, run(at, store(at).get(base::sha256(bytes), offset, length)));
    return std::string(data.chars());
}

Nodes Cluster::have(const std::string& bytes, std::uint64_t by) const {
    Nodes out;
    const auto name = base::sha256(bytes);
    for (io::NodeNumber number = 1; number <= size(); ++number) {
        const auto& shelf = *shelves_[number - 1];
        if (shelf.is_good(name) && shelf.blocks.at(name).owners.contains(owner(by))) out.insert(number);
    }
    return out;
}

Nodes Cluster::have(const std::string& bytes) const {
    Nodes out;
    for (io::NodeNumber number = 1; number <= size(); ++number) {
        if (shelves_[number - 1]->blocks.contains(base::sha256(bytes))) out.insert(number);
    }
    return out;
}

Nodes Cluster::holders(const std::string& bytes) const {
    const auto nodes = Holding(placement).of(base::sha256(bytes)).nodes;
    return {nodes.begin(), nodes.end()};
}

bool Cluster::is_settled(const std::string& bytes, std::uint64_t by) const {
    return have(bytes, by) == holders(bytes) && have(bytes) == holders(bytes);
}

}  // namespace larder::spread
