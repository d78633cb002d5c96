#include "src/rpc/gate.h"

#include <algorithm>

namespace larder::rpc {

struct Gate::Waiter {
    Waiter(io::Executor& executor, std::size_t n) : bytes(n), turn(executor) {}
    std::size_t bytes;
    io::Promise<io::Done> turn;
};

// Stays in the line until its owner runs again or goes away.
struct Gate::Place {
    Gate& gate;
    std::shared_ptr<Waiter> waiter;
    Place(Gate& g, std::size_t bytes) : gate(g), waiter(std::make_shared<Waiter>(g.executor_, bytes)) {
        gate.line_.push_back(waiter);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
        std::erase(gate.line_, waiter);
        gate.wake_first();
    }
};

Gate::Pass Gate::try_enter(std::size_t bytes) {
    if (!line_.empty() || !fits(bytes)) return {};
    used_ += bytes;
    return {this, bytes};
}

io::Task<Gate::Pass> Gate::enter(std::size_t bytes) {
    if (auto pass = try_enter(bytes)) co_return pass;
    const Place place(*this, bytes);
    co_await place.waiter->turn.future();
    used_ += bytes;
    co_return Pass(this, bytes);
}

void Gate::leave(std::size_t bytes) {
    used_ -= bytes;
    wake_first();
}

void Gate::wake_first() {
    if (!line_.empty() && fits(line_.front()->bytes)) line_.front()->turn.set(io::Done{});
}

}  // namespace larder::rpc
