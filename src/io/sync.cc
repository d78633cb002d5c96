#include "src/io/sync.h"

#include "src/base/assert.h"

namespace larder::io {

// One place in the queue. The waiting frame holds it too: a frame that is destroyed while it waits abandons its ticket,
// and one destroyed after the grant but before it resumed gives the units back.
struct Semaphore::Ticket {
    Ticket(Executor& executor, std::size_t units) : n(units), ready(executor) {}
    std::size_t n;
    Promise<Done> ready;
    bool granted = false;
    bool abandoned = false;
};

Task<Semaphore::Permit> Semaphore::acquire(std::size_t n) {
    if (waiters_.empty() && free_ >= n) {
        free_ -= n;
        co_return Permit(this, n);
    }
    struct Hold {
        Semaphore& owner;
        std::shared_ptr<Ticket> ticket;
        bool taken = false;
        ~Hold() {
            if (taken) return;
            if (ticket->granted) {
                owner.give_back(ticket->n);
            } else {
                ticket->abandoned = true;
            }
        }
    };
    auto ticket = std::make_shared<Ticket>(executor_, n);
    Hold hold{*this, ticket};
    waiters_.push_back(ticket);
    co_await ticket->ready.future();
    hold.taken = true;
    co_return Permit(this, n);
}

void Semaphore::give_back(std::size_t n) {
    free_ += n;
    serve_waiters();
}

void Semaphore::serve_waiters() {
    while (!waiters_.empty()) {
        auto& next = waiters_.front();
        if (!next->abandoned) {
            if (free_ < next->n) return;
            free_ -= next->n;
            next->granted = true;
            next->ready.set(Done{});
        }
        waiters_.pop_front();
    }
}

}  // namespace larder::io
