// A cluster's control plane in the simulated world: three replicas of its rows, and as many nodes as a test wants to
// decide things from.
#pragma once

#include "replication/control/control.h"
#include "tests/unit/table/harness.h"

#include <map>

namespace larder::control {

base::NodeId node_id(std::uint8_t n);

// What a test lets be known; layouts are in force at once, and older ones stay while `moving`.
class FakeSurroundings final : public Surroundings {
 public:
    layout::History history() const override { return shared.history; }
    Task<Result<void>> adopt(layout::Layout next) override;
    Task<Result<void>> give_up(std::vector<base::NodeId> dead, bool allow_loss) override;
    void members_are(const std::vector<model::MemberRow>& members) override { told = members; }
    Contact contact(io::NodeNumber member) const override;
    std::optional<cluster::CatchingUp> catching_up(io::NodeNumber) const override { return std::nullopt; }
    Task<Result<std::vector<std::uint64_t>>> partition_bytes() override;
    std::uint64_t bandwidth() const override { return 1'000'000; }
    bool makes_tokens() const override { return true; }
    Result<Token> make_token(base::WallTime expires) override;

    struct Shared {
        layout::History history;
        bool moving = false;
        std::map<io::NodeNumber, Contact> contacts;  // others are up
        std::uint64_t bytes_a_partition = 1000;
        std::uint8_t tokens = 0;  // made so far
    };
    explicit FakeSurroundings(Shared& s) : shared(s) {}

    Shared& shared;
    std::vector<model::MemberRow> told;
};

class ControlWorld {
 public:
    explicit ControlWorld(std::uint64_t seed = 1);

    // What an administrator sees through member `number` (1 to 3). The first is the founder's.
    ClusterControl& at(sim::Place number);
    FakeSurroundings& surroundings(sim::Place number);

    template <typename T>
    T run(io::Task<T> task) {
        return rows.run(std::move(task));
    }
    // Both at once; what each came to.
    template <typename T>
    std::pair<T, T> both(io::Task<T> a, io::Task<T> b) {
        return rows.run(both_of(*this, std::move(a), std::move(b)));
    }

    // Founds "attic" in place "home" with 1 GB.
    void found();
    model::InvitationName invitation(std::uint32_t uses = 1, std::chrono::seconds valid = std::chrono::hours(24));
    Joiner joiner(std::uint8_t n, const std::string& name, const std::string& zone) const;
    // Lets it in through the founder; it must succeed.
    model::Welcome join(std::uint8_t n, const std::string& name, const std::string& zone,
                        std::uint64_t capacity = 1'000'000'000);
    base::WallTime now() const { return nodes_.front()->clock.wall_now(); }
    void pass(base::Duration time);

    table::Cluster rows;
    FakeSurroundings::Shared shared;

 private:
    struct Node {
        Node(ControlWorld& world, sim::Place place);
        sim::SimExecutor executor;
        sim::SimClock clock;
        sim::SimRandom random;
        sim::SimBlocking blocking;
        io::LocalNetwork network;
        std::unique_ptr<io::Disk> disk = io::make_real_disk();
        io::Env env;
        FakeSurroundings surroundings;
        ClusterControl control;
    };
    template <typename T>
    static io::Task<void> keep(io::Task<T> task, std::optional<T>& value) {
        value.emplace(co_await std::move(task));
    }
    template <typename T>
    static io::Task<std::pair<T, T>> both_of(ControlWorld& world, io::Task<T> a, io::Task<T> b) {
        std::optional<T> first, second;
        io::TaskGroup group(world.rows.outside());
        group.spawn(keep(std::move(a), first));
        group.spawn(keep(std::move(b), second));
        while (!first || !second) co_await world.nodes_.front()->clock.sleep_for(std::chrono::milliseconds(1));
        co_return std::pair<T, T>{std::move(*first), std::move(*second)};
    }

    std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace larder::control
