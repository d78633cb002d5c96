// Waiting inside one executor: counters of free places, and a lock in order of asking.
#pragma once

#include "src/io/future.h"
#include "src/io/task.h"

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

namespace larder::io {

// A bound on how much goes on at once. acquire() waits in order for `n` units; the returned Permit gives them back.
class Semaphore {
 public:
    class Permit {
     public:
        Permit() = default;
        Permit(Semaphore* owner, std::size_t n) : owner_(owner), n_(n) {}
        Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), n_(other.n_) {}
        Permit& operator=(Permit&& other) noexcept {
            if (this != &other) {
                release();
                owner_ = std::exchange(other.owner_, nullptr);
                n_ = other.n_;
            }
            return *this;
        }
        ~Permit() { release(); }
        void release() {
            if (auto* owner = std::exchange(owner_, nullptr)) owner->give_back(n_);
        }

     private:
        Semaphore* owner_ = nullptr;
        std::size_t n_ = 0;
    };

    Semaphore(Executor& executor, std::size_t units) : executor_(executor), free_(units) {}
    // n <= the units given at construction. Must outlive its permits and waiters.
    Task<Permit> acquire(std::size_t n = 1);
    std::size_t free() const { return free_; }

 private:
    void give_back(std::size_t n);
    void serve_waiters();

    struct Ticket;

    Executor& executor_;
    std::size_t free_;
    std::deque<std::shared_ptr<Ticket>> waiters_;
};

}  // namespace larder::io
