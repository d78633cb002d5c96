// A descriptor, and waiting until it can be read or written. The only place where sockets meet the loop: data moves by
// plain system calls, so that what can be done at once is done without a turn of the loop.
#pragma once

#include "src/base/assert.h"

#include <coroutine>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace larder::io {

class Readiness {
 public:
    enum class Direction { read, write };

    // Takes the descriptor, which must not block, and closes it in the end. Engine thread.
    Readiness(boost::asio::io_context& loop, int descriptor);
    ~Readiness();
    Readiness(const Readiness&) = delete;
    Readiness& operator=(const Readiness&) = delete;

    int descriptor() const { return descriptor_; }

    // Awaitable: resumes, from the loop, when the descriptor may be ready or after interrupt(). One waiter at a time
    // and direction; destroying it forgets the wait.
    class Wait {
     public:
        Wait(Readiness& owner, Direction direction) : owner_(owner), direction_(direction) {}
        Wait(const Wait&) = delete;
        Wait& operator=(const Wait&) = delete;
        ~Wait() { owner_.forget(direction_); }
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiter) { owner_.start(direction_, waiter); }
        void await_resume() const {}

     private:
        Readiness& owner_;
        Direction direction_;
    };
    Wait wait(Direction direction) { return {*this, direction}; }

    // Resumes the waiters, if there are any, from the loop.
    void interrupt();

 private:
    struct Shared;

    void start(Direction direction, std::coroutine_handle<> waiter);
    void forget(Direction direction);

    int descriptor_;
    std::shared_ptr<Shared> shared_;  // with the loop's callbacks
};

}  // namespace larder::io
