#include "tests/unit/table/harness.h"

#include "src/io/real_env.h"

#include <catch2/catch.hpp>

namespace larder::table {

base::Tag tag(std::uint64_t time, std::uint32_t node) {
    return {time, node, 1};
}

StoredRow written(base::Tag tag, std::string row) {
    StoredRow out;
    out.acc = out.version = tag;
    out.row = std::move(row);
    return out;
}

StoredRow deleted(base::Tag tag) {
    auto out = written(tag, {});
    out.tombstone = true;
    return out;
}

struct Cluster::Node {
    Node(Cluster& cluster, sim::Place place)
        : executor(cluster.world, place),
          clock(cluster.world, place),
          random(cluster.world),
          blocking(executor),
          network(cluster.links, executor, clock, place),
          env{executor, clock, random, *cluster.disk_, network, blocking},
          store(cluster.world, env, cluster.rows(place)),
          tags(clock, place, 1),
          replica(network, store, cluster.placement, tags),
          coordinator(env, cluster.placement, tags, cluster.options) {}

    sim::SimExecutor executor;
    sim::SimClock clock;
    sim::SimRandom random;
    sim::SimBlocking blocking;
    sim::SimNetwork network;
    io::Env env;
    sim::MemoryRowStore store;
    quorum::TagSource tags;
    Replica replica;
    Coordinator coordinator;
};

namespace {

std::vector<io::NodeNumber> numbers(std::size_t count) {
    std::vector<io::NodeNumber> out;
    for (std::size_t i = 1; i <= count; ++i) out.push_back(static_cast<io::NodeNumber>(i));
    return out;
}

}  // namespace

Cluster::Cluster(std::size_t nodes, std::uint64_t seed)
    : world(seed),
      links(world),
      placement(numbers(nodes), 2),
      disk_(io::make_real_disk()),
      outside_(world, 0),
      rows_(nodes) {
    options.table = kTable;
    options.call_timeout = std::chrono::milliseconds(50);
    options.retry_pause = std::chrono::milliseconds(1);
    for (const auto place : numbers(nodes)) nodes_.push_back(std::make_unique<Node>(*this, place));
}

Cluster::~Cluster() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        nodes_[i].reset();
        world.kill(static_cast<sim::Place>(i + 1));
    }
}

void Cluster::ask_itself(sim::Place node) {
    nodes_[node - 1]->coordinator.use_local(nodes_[node - 1]->replica, node);
}

Coordinator& Cluster::at(sim::Place node) {
    return nodes_[node - 1]->coordinator;
}

base::Result<io::Message> Cluster::ask(sim::Place node, std::string request) {
    return run(nodes_[node - 1]->replica.serve(node, {std::move(request), {}}));
}

Reply Cluster::reply(sim::Place node, std::string request) {
    const auto answer = ask(node, std::move(request));
    if (!answer) FAIL(answer.error().message);
    auto decoded = decode_reply(answer->body);
    if (!decoded) FAIL(decoded.error().message);
    return std::move(*decoded);
}

std::optional<StoredRow> Cluster::held(sim::Place node, const RowKey& key) {
    const auto found = rows(node).rows.find(row_place(kTable, key));
    if (found == rows(node).rows.end()) return std::nullopt;
    return found->second.row;
}

void Cluster::plant(sim::Place node, const RowKey& key, StoredRow row, std::string body) {
    row.body_size = static_cast<std::uint32_t>(body.size());
    if (!body.empty()) rows(node).bodies[body_place(kTable, row.version, row.body_mark)] = std::move(body);
    rows(node).rows[row_place(kTable, key)].row = std::move(row);
}

}  // namespace larder::table
