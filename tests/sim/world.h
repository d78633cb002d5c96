// A simulated world: virtual time, one thread, one seed. Ready work is picked at random, messages are delayed, lost and
// doubled, links are cut, nodes die with everything they had not made durable, clocks jump. The same seed gives the
// same run, step by step.
#pragma once

#include "src/io/env.h"
#include "src/io/task_group.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace larder::sim {

// splitmix64 (Steele, Lea, Flood 2014).
class Dice {
 public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15ull;
        auto z = state_;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ z >> 27) * 0x94d049bb133111ebull;
        return z ^ z >> 31;
    }
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }
    double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
    bool chance(double p) { return uniform() < p; }

 private:
    std::uint64_t state_;
};

using Place = std::uint32_t;  // 0: outside all nodes (clients, nemesis); 1 upwards: nodes

class World {
 public:
    explicit World(std::uint64_t seed) : dice(seed) {}
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Work of a place is dropped, destroyed unrun, once the place has died since it was posted.
    void post(Place place, io::Work work);
    std::uint64_t at(std::int64_t when_ns, Place place, io::Work work);
    void cancel(std::uint64_t timer);
    // Runs one piece of ready work, or lets time pass to the next timer. False when nothing is left.
    bool step();
    // Ends a place's life: everything posted or timed by it is destroyed.
    void kill(Place place);
    std::uint64_t life(Place place) const;

    Dice dice;
    std::int64_t now = 0;
    std::uint64_t steps = 0;
    std::uint64_t trace = 0;  // a hash of time, place and choice of every step

 private:
    struct Item {
        Place place;
        std::uint64_t life;
        io::Work work;
    };
    std::vector<Item> ready_;
    std::map<std::pair<std::int64_t, std::uint64_t>, Item> timers_;
    std::map<std::uint64_t, std::int64_t> when_;
    std::uint64_t last_timer_ = 0;
    std::map<Place, std::uint64_t> lives_;
};

class SimExecutor final : public io::Executor {
 public:
    SimExecutor(World& world, Place place) : world_(world), place_(place) {}
    void post(io::Work work) override { world_.post(place_, std::move(work)); }

 private:
    World& world_;
    Place place_;
};

class SimClock final : public io::Clock {
 public:
    SimClock(World& world, Place place) : world_(world), place_(place) {}
    base::Instant now() const override { return {world_.now}; }
    base::WallTime wall_now() const override { return {1'800'000'000'000 + world_.now / 1'000'000 + offset_ms}; }
    Timer call_at(base::Instant when, io::Work work) override { return world_.at(when.ns, place_, std::move(work)); }
    void cancel(Timer timer) override { world_.cancel(timer); }

    std::int64_t offset_ms = 0;

 private:
    World& world_;
    Place place_;
};

class SimRandom final : public io::Random {
 public:
    explicit SimRandom(World& world) : world_(world) {}
    void fill(std::span<std::uint8_t> out) override {
        for (auto& byte : out) byte = static_cast<std::uint8_t>(world_.dice.next());
    }

 private:
    World& world_;
};

// Pool work is done at once; the caller resumes later, as from a pool.
class SimBlocking final : public io::Blocking {
 public:
    explicit SimBlocking(io::Executor& executor) : executor_(executor) {}
    void submit(io::Work work) override { work(); }
    io::Executor& executor() override { return executor_; }

 private:
    io::Executor& executor_;
};

// How messages travel.
struct Links {
    explicit Links(World& w) : world(w) {}
    World& world;
    double loss = 0;
    double duplication = 0;
    // A request that arrives twice is carried out twice, which no network of the product does.
    bool carries_out_twice = false;
    std::int64_t latency_ns = 1'000'000;
    std::set<std::pair<Place, Place>> cut;  // directed
    std::map<Place, class SimNetwork*> alive;
    std::uint64_t messages = 0;

    void send(Place from, Place to, io::Work deliver);
};

class SimNetwork final : public io::Network {
 public:
    SimNetwork(Links& links, io::Executor& executor, io::Clock& clock, Place self);
    ~SimNetwork() override;
    io::NodeNumber self() const override { return self_; }
    io::Task<base::Result<io::Message>> call(io::NodeNumber to, std::string method, io::Message request,
                                             base::Instant deadline) override;
    void serve(std::string method, Handler handler) override { handlers_[std::move(method)] = std::move(handler); }
    // Nothing is served any more; what is under way ends here. Before those go who answer.
    void stop();

 private:
    using Answer = io::Promise<base::Result<io::Message>>;
    io::Task<void> handle(Place from, std::string method, io::Message request, Answer answer);

    Links& links_;
    io::Executor& executor_;
    io::Clock& clock_;
    Place self_;
    std::map<std::string, Handler> handlers_;
    io::TaskGroup serving_;
};

}  // namespace larder::sim
