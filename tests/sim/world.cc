#include "tests/sim/world.h"

namespace larder::sim {

std::uint64_t World::life(Place place) const {
    const auto found = lives_.find(place);
    return found == lives_.end() ? 0 : found->second;
}

void World::post(Place place, io::Work work) {
    ready_.push_back({place, life(place), std::move(work)});
}

std::uint64_t World::at(std::int64_t when_ns, Place place, io::Work work) {
    const auto id = ++last_timer_;
    timers_.emplace(std::pair(std::max(when_ns, now), id), Item{place, life(place), std::move(work)});
    when_[id] = std::max(when_ns, now);
    return id;
}

void World::cancel(std::uint64_t timer) {
    const auto found = when_.find(timer);
    if (found == when_.end()) return;
    timers_.erase({found->second, timer});
    when_.erase(found);
}

bool World::step() {
    std::uint64_t choice = 0;
    Item item;
    if (!ready_.empty()) {
        choice = dice.below(ready_.size());
        item = std::move(ready_[choice]);
        ready_[choice] = std::move(ready_.back());
        ready_.pop_back();
    } else {
        if (timers_.empty()) return false;
        auto node = timers_.extract(timers_.begin());
        now = node.key().first;
        when_.erase(node.key().second);
        item = std::move(node.mapped());
    }
    ++steps;
    trace = (trace ^ static_cast<std::uint64_t>(now) ^ (std::uint64_t{item.place} << 48) ^ choice) * 0x100000001b3ull;
    if (item.life == life(item.place)) item.work();
    return true;
}

void World::kill(Place place) {
    ++lives_[place];
    std::vector<Item> dead;
    for (auto& item : ready_) {
        if (item.place == place) dead.push_back(std::move(item));
    }
    std::erase_if(ready_, [place](const Item& item) { return item.place == place; });
    for (auto it = timers_.begin(); it != timers_.end();) {
        if (it->second.place == place) {
            when_.erase(it->first.second);
            dead.push_back(std::move(it->second));
            it = timers_.erase(it);
        } else {
            ++it;
        }
    }
    // Destroyed here, when the world is consistent again: frames that go take their timers along.
    dead.clear();
}

void Links::send(Place from, Place to, io::Work deliver) {
    ++messages;
    if (from != to && (cut.contains({from, to}) || world.dice.chance(loss))) return;
    const int copies = from != to && world.dice.chance(duplication) ? 2 : 1;
    auto shared = std::make_shared<io::Work>(std::move(deliver));
    for (int i = 0; i < copies; ++i) {
        const auto slow = world.dice.chance(0.05) ? 8 : 1;
        const auto delay =
            from == to ? 1000
                       : latency_ns / 2 +
                             static_cast<std::int64_t>(world.dice.below(static_cast<std::uint64_t>(latency_ns * slow)));
        world.at(world.now + delay, 0, [this, from, to, shared] {
            // Half of what is on its way when a link is cut is lost with it.
            if (cut.contains({from, to}) && world.dice.chance(0.5)) return;
            if (alive.contains(to)) (*shared)();
        });
    }
}

SimNetwork::SimNetwork(Links& links, io::Executor& executor, io::Clock& clock, Place self)
    : links_(links), executor_(executor), clock_(clock), self_(self), serving_(executor) {
    links_.alive[self] = this;
}

SimNetwork::~SimNetwork() {
    stop();
}

void SimNetwork::stop() {
    const auto mine = links_.alive.find(self_);
    if (mine != links_.alive.end() && mine->second == this) links_.alive.erase(mine);
    serving_.stop();
}

io::Task<void> SimNetwork::handle(Place from, std::string method, io::Message request, Answer answer) {
    const auto handler = handlers_.find(method);
    auto result = handler == handlers_.end() ? base::Result<io::Message>(base::fail(base::Code::unsupported, method))
                                             : co_await handler->second(from, std::move(request));
    const auto life = links_.world.life(from);
    links_.send(self_, from, [&links = links_, from, life, answer, result] {
        // The asker may have died meanwhile; its promise then has nobody left.
        if (links.world.life(from) == life) answer.set(result);
    });
}

io::Task<base::Result<io::Message>> SimNetwork::call(io::NodeNumber to, std::string method, io::Message request,
                                                     base::Instant deadline) {
    Answer answer(executor_);
    const auto arrived = std::make_shared<bool>(false);
    links_.send(self_, to, [&links = links_, from = self_, to, method, request, answer, arrived] {
        if (std::exchange(*arrived, true) && !links.carries_out_twice) return;
        auto& target = *links.alive.at(to);
        target.serving_.spawn(target.handle(from, method, request, answer));
    });
    const auto timer = clock_.call_at(deadline, [answer] { answer.set(base::fail(base::Code::timeout, "no answer")); });
    auto result = co_await answer.future();
    clock_.cancel(timer);
    co_return result;
}

}  // namespace larder::sim
