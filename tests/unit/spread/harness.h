// Nodes with block stores in one world of virtual time: links can be cut and slow, nodes die, disks rot and are lost,
// layouts change.
#pragma once

#include "replication/spread/spread_store.h"
#include "src/base/hash.h"
#include "src/io/real_env.h"
#include "tests/unit/spread/memory_blocks.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace larder::spread {

std::string bytes_of(std::uint64_t number, std::size_t size = 3000);
Owner owner(std::uint64_t number);

// Layouts by hand: each is a list of nodes, with so many copies of every partition. Several may be live.
class TestPlacement final : public quorum::Placement {
 public:
    struct Layout {
        std::vector<io::NodeNumber> nodes;
        std::size_t copies = 3;
    };
    explicit TestPlacement(Layout layout) { set({std::move(layout)}); }
    void set(std::vector<Layout> live);

    std::uint32_t partitions() const override { return 16; }
    quorum::Replicas replicas(quorum::Partition partition) const override { return sets_[partition]; }
    quorum::Replicas everywhere() const override { return sets_.front(); }
    quorum::Epoch epoch() const override { return epoch_; }

 private:
    quorum::Epoch epoch_ = 0;
    std::vector<quorum::Replicas> sets_;
};

class TestMembers final : public Members {
 public:
    std::vector<io::NodeNumber> nodes;
    std::vector<io::NodeNumber> gateways;
    std::function<std::uint64_t()> known = [] { return 1; };
    std::uint64_t version() const override { return known(); }
    std::vector<io::NodeNumber> all() const override {
        auto out = nodes;
        out.insert(out.end(), gateways.begin(), gateways.end());
        return out;
    }
    std::vector<io::NodeNumber> storing() const override { return nodes; }
};

class TestDistances final : public quorum::Distances {
 public:
    std::map<io::NodeNumber, base::Duration> far;
    base::Duration rtt(io::NodeNumber node) const override {
        const auto found = far.find(node);
        return found == far.end() ? std::chrono::milliseconds(2) : found->second;
    }
    base::Duration p95(io::NodeNumber node) const override { return 2 * rtt(node); }
};

// The network of a node, with what tests want to see and spoil.
class Wire final : public io::Network {
 public:
    explicit Wire(io::Network& below) : below_(below) {}
    std::uint64_t calls = 0;
    std::uint64_t bulk_bytes = 0;                                // sent with requests
    std::function<void(io::NodeNumber to, io::Message&)> spoil;  // of requests to others

    io::NodeNumber self() const override { return below_.self(); }
    io::Task<base::Result<io::Message>> call(io::NodeNumber to, std::string method, io::Message request,
                                             base::Instant deadline) override {
        ++calls;
        for (const auto& buffer : request.bulk) bulk_bytes += buffer.size();
        if (spoil && to != self()) spoil(to, request);
        return below_.call(to, std::move(method), std::move(request), deadline);
    }
    void serve(std::string method, Handler handler) override { below_.serve(std::move(method), std::move(handler)); }

 private:
    io::Network& below_;
};

class Cluster;

// What a node knows of layouts: as much as it was told, or has taken over from another.
class TestEpochs final : public quorum::Epochs {
 public:
    TestEpochs(Cluster& cluster, TestPlacement& placement) : cluster_(cluster), placement_(placement) {}
    quorum::Epoch epoch() const override { return placement_.epoch(); }
    quorum::Epoch fence() const override { return placement_.epoch(); }
    quorum::Standing standing(quorum::Slot) const override { return quorum::Standing::votes; }
    io::Task<base::Result<void>> catch_up(io::NodeNumber from) override;

 private:
    Cluster& cluster_;
    TestPlacement& placement_;
};

// What the rows of a node name, and what is under way there.
class TestBook final : public OwnerBook {
 public:
    using Owners = std::vector<base::UploadId>;
    std::set<Owner> rows, writes;
    io::Task<base::Result<Owners>> under_way(Owners owners) override { co_return common(std::move(owners), writes); }
    io::Task<base::Result<Owners>> in_rows(Owners owners) override { co_return common(std::move(owners), rows); }

 private:
    static Owners common(Owners owners, const std::set<Owner>& named) {
        std::erase_if(owners, [&named](const Owner& owner) { return !named.contains(owner); });
        return owners;
    }
};

// One life of a node.
struct Life {
    Life(Cluster& cluster, sim::Place place);
    ~Life() { tasks.stop(); }

    TestPlacement placement;
    TestEpochs epochs;
    TestBook book;

    sim::SimExecutor executor;
    sim::SimClock clock;
    sim::SimRandom random;
    sim::SimBlocking blocking;
    sim::SimNetwork network;
    Wire wire;
    io::Env env;
    base::Metrics metrics;
    io::TaskGroup tasks;
    std::unique_ptr<SpreadStore> store;
};

class Cluster {
 public:
    explicit Cluster(std::size_t nodes, std::uint64_t seed = 1, std::size_t copies = 3);
    ~Cluster();

    Life& node(io::NodeNumber number) { return *lives_[number - 1]; }
    SpreadStore& store(io::NodeNumber number) { return *node(number).store; }
    Shelf& shelf(io::NodeNumber number) { return *shelves_[number - 1]; }
    bool is_up(io::NodeNumber number) const { return lives_[number - 1] != nullptr; }
    std::size_t size() const { return lives_.size(); }
    io::NodeNumber add_node();

    void kill(io::NodeNumber number);
    void start(io::NodeNumber number);
    // Its disk is lost: an empty one in its place, in a node that knows of it.
    void replace(io::NodeNumber number);
    // Both ways.
    void cut(io::NodeNumber a, io::NodeNumber b);
    void heal() { links.cut.clear(); }
    // All nodes learn of it at once, or only one does.
    void set_layouts(std::vector<TestPlacement::Layout> live);
    void set_layouts_at(io::NodeNumber number, std::vector<TestPlacement::Layout> live);

    // Runs a task of a node to its end.
    template <typename T>
    T run(io::NodeNumber number, io::Task<T> task) {
        std::optional<T> value;
        node(number).tasks.spawn(keep(std::move(task), value));
        step_until([&value] { return value.has_value(); });
        return std::move(*value);
    }
    void step_until(const std::function<bool()>& done);
    void pass(base::Duration time);
    // Whether it comes to hold within so much time.
    bool comes_to(const std::function<bool()>& holds, base::Duration within = std::chrono::minutes(2));

    base::Result<base::Hash256> put(io::NodeNumber at, const std::string& bytes, std::uint64_t by);
    base::Result<std::string> get(io::NodeNumber at, const std::string& bytes);
    base::Result<std::string> get(io::NodeNumber at, const std::string& bytes, std::uint64_t offset,
                                  std::uint64_t length);
    // Nodes with a good copy and that reference.
    Nodes have(const std::string& bytes, std::uint64_t by) const;
    Nodes have(const std::string& bytes) const;
    // Those that should.
    Nodes holders(const std::string& bytes) const;
    // Whether exactly those that should have it with the reference do so, and nobody else has it.
    bool is_settled(const std::string& bytes, std::uint64_t by) const;

    sim::World world;
    sim::Links links;
    std::unique_ptr<io::Disk> disk = io::make_real_disk();  // unused: the stores are in memory
    TestPlacement placement;
    TestMembers members;
    TestDistances distances;
    Options options;

 private:
    template <typename T>
    static io::Task<void> keep(io::Task<T> task, std::optional<T>& value) {
        value.emplace(co_await std::move(task));
    }

    std::vector<std::unique_ptr<Shelf>> shelves_;
    std::vector<std::unique_ptr<Life>> lives_;
};

}  // namespace larder::spread
