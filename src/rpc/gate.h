// A bound on bytes under way that keeps the order of asking: whoever asked earlier goes on earlier, always. (A
// semaphore may let a newcomer pass one who was woken and has not run yet.)
#pragma once

#include "src/io/future.h"
#include "src/io/task.h"

#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

namespace larder::rpc {

class Gate {
 public:
    // Gives its bytes back at the end. The gate outlives it.
    class Pass {
     public:
        Pass() = default;
        Pass(Gate* gate, std::size_t bytes) : gate_(gate), bytes_(bytes) {}
        Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), bytes_(other.bytes_) {}
        Pass& operator=(Pass&& other) noexcept {
            std::swap(gate_, other.gate_);
            std::swap(bytes_, other.bytes_);
            return *this;
        }
        ~Pass() {
            if (gate_ != nullptr) gate_->leave(bytes_);
        }
        explicit operator bool() const { return gate_ != nullptr; }

     private:
        Gate* gate_ = nullptr;
        std::size_t bytes_ = 0;
    };

    Gate(io::Executor& executor, std::size_t bytes) : executor_(executor), bytes_(bytes) {}
    // A pass at once, or none.
    Pass try_enter(std::size_t bytes);
    // Waits. More than the gate ever has enters alone.
    io::Task<Pass> enter(std::size_t bytes);

 private:
    struct Waiter;
    struct Place;

    bool fits(std::size_t bytes) const { return used_ == 0 || (used_ <= bytes_ && bytes <= bytes_ - used_); }
    void leave(std::size_t bytes);
    void wake_first();

    io::Executor& executor_;
    std::size_t bytes_;
    std::size_t used_ = 0;
    std::deque<std::shared_ptr<Waiter>> line_;
};

}  // namespace larder::rpc
