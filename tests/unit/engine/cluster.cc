#include "tests/unit/engine/cluster.h"

#include "replication/model/rows.h"
#include "replication/table/replica.h"

namespace larder::engine {

namespace {

constexpr std::int64_t kPatienceNs = 300'000'000'000;

}  // namespace

std::vector<io::NodeNumber> Cluster::numbers(std::size_t nodes) {
    std::vector<io::NodeNumber> out;
    for (std::size_t i = 1; i <= nodes; ++i) out.push_back(static_cast<io::NodeNumber>(i));
    return out;
}

Cluster::Life::Life(Cluster& cluster, io::NodeNumber n)
    : world(cluster.world),
      number(n),
      executor(cluster.world, n),
      clock(cluster.world, n),
      random(cluster.world),
      blocking(executor),
      network(cluster.links, executor, clock, n),
      env{executor, clock, random, cluster.machine(n).disk, network, blocking},
      tasks(std::make_unique<io::TaskGroup>(executor)) {}

Cluster::Life::~Life() {
    network.stop();
    tasks.reset();
    engine.reset();
    world.kill(number);
}

Cluster::Cluster(std::uint64_t seed, std::size_t nodes, std::size_t storing)
    : world(seed), links(world), members(numbers(nodes), numbers(storing)) {
    for (std::size_t i = 0; i < nodes; ++i) machines_.push_back(std::make_unique<Machine>(seed * 16 + i));
    for (const auto node : members.all()) start(node);
}

Cluster::~Cluster() {
    for (auto& machine : machines_) machine->life.reset();
}

void Cluster::start(io::NodeNumber node) {
    auto& here = machine(node);
    if (here.powerless) here.disk.restart();
    here.powerless = false;
    here.life = std::make_unique<Life>(*this, node);
    Options options;
    options.meta_folder = "/node/meta";
    options.data_folders = {"/node/data"};
    options.create = true;
    options.cluster_name = "test";
    options.members = &members;
    options.threads = false;
    auto opened = run(node, make_engine(here.life->env, here.life->metrics, options));
    if (!opened) FAIL(opened.error().message);
    here.life->engine = std::move(*opened);
}

void Cluster::kill(io::NodeNumber node, bool power) {
    auto& here = machine(node);
    here.powerless = power;
    if (power) here.disk.cut_power();
    here.life.reset();
    if (!power) here.disk.kill_process();
}

void Cluster::cut(io::NodeNumber one, io::NodeNumber other) {
    links.cut.insert({one, other});
    links.cut.insert({other, one});
}

void Cluster::cut(io::NodeNumber node) {
    for (const auto other : members.all()) {
        if (other != node) cut(node, other);
    }
}

void Cluster::heal() {
    links.cut.clear();
}

void Cluster::wait(base::Duration time) {
    bool over = false;
    world.at(world.now + time.count(), 0, [&over] { over = true; });
    while (!over && world.step()) {
    }
}

bool Cluster::steps_until(std::function<bool()> holds) {
    const auto end = world.now + kPatienceNs;
    while (!holds()) {
        if (world.now > end || !world.step()) return false;
    }
    return true;
}

BucketId Cluster::bucket(io::NodeNumber node, const std::string& name) {
    const auto made = run(node, at(node).create_bucket(name, ""));
    if (!made) FAIL(made.error().message);
    return (*made)->id;
}

Result<ObjectInfo> Cluster::put(io::NodeNumber node, BucketId in, const std::string& key, const std::string& body,
                                Condition condition) {
    return run(node, write_all(at(node).put_object(in, key, body.size()), body, std::move(condition), {}));
}

Result<std::string> Cluster::get(io::NodeNumber node, BucketId in, const std::string& key) {
    return run(node, read_object(at(node), in, key));
}

Result<DeleteOutcome> Cluster::remove(io::NodeNumber node, BucketId in, const std::string& key) {
    return run(node, at(node).delete_object(in, {key, {}}));
}

std::vector<std::string> Cluster::list(io::NodeNumber node, BucketId in) {
    const auto page = run(node, at(node).list_objects(in, {}));
    if (!page) FAIL(page.error().message);
    std::vector<std::string> keys;
    for (const auto& object : page->objects) keys.push_back(object.key);
    return keys;
}

std::size_t Cluster::rows_at(io::NodeNumber node, BucketId in) {
    table::RangeQuery query;
    query.partition_key = model::index_shard(in, 0);
    io::Message ask{table::encode(table::Heading{model::kObjects, 0}, query), {}};
    const auto answer = run(node, env(node).network.call(node, table::Replica::kMethod, std::move(ask),
                                                         env(node).clock.after(std::chrono::seconds(1))));
    if (!answer) FAIL(answer.error().message);
    const auto items = table::RangeReplyReader::open(answer->body);
    if (!items) FAIL(items.error().message);
    return items->left();
}

}  // namespace larder::engine
