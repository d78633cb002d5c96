#include "replication/spread/read_gate.h"

namespace larder::spread {

struct ReadGate::State {
    explicit State(io::Executor& e) : executor(e) {}
    // Whether nobody of an earlier generation than `now` is inside.
    bool is_clear(std::uint64_t now) const { return inside.empty() || inside.begin()->first >= now; }

    io::Executor& executor;
    std::uint64_t generation = 0;
    std::map<std::uint64_t, std::size_t> inside;                           // generation → passes
    std::vector<std::pair<std::uint64_t, io::Promise<io::Done>>> waiting;  // for those before a generation
};

ReadGate::ReadGate(io::Executor& executor) : state_(std::make_shared<State>(executor)) {}

ReadGate::Pass ReadGate::enter() {
    ++state_->inside[state_->generation];
    return Pass(state_, state_->generation);
}

io::Task<void> ReadGate::earlier_are_over() {
    const auto mine = ++state_->generation;
    if (state_->is_clear(mine)) co_return;
    io::Promise<io::Done> clear(state_->executor);
    state_->waiting.emplace_back(mine, clear);
    co_await clear.future();
}

std::size_t ReadGate::inside() const {
    std::size_t count = 0;
    for (const auto& [generation, passes] : state_->inside) count += passes;
    return count;
}

ReadGate::Pass& ReadGate::Pass::operator=(Pass&& other) noexcept {
    if (this != &other) {
        leave();
        state_ = std::move(other.state_);
        generation_ = other.generation_;
    }
    return *this;
}

void ReadGate::Pass::leave() {
    const auto state = std::exchange(state_, nullptr);
    if (!state) return;
    if (const auto found = state->inside.find(generation_); --found->second == 0) state->inside.erase(found);
    std::erase_if(state->waiting, [&state](const auto& waiter) {
        const bool clear = state->is_clear(waiter.first);
        if (clear) waiter.second.set(io::Done{});
        return clear;
    });
}

}  // namespace larder::spread
