// A one-shot value between a callback and a coroutine of the same executor.
#pragma once

#include "src/base/assert.h"
#include "src/io/executor.h"

#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

namespace larder::io {

// The waiting half: await it once. Dropping it (or the frame that awaits it) forgets the value.
template <typename T>
class Future;

// The giving half. set() is called on the executor's thread, at most once has effect; the waiter resumes later, from
// the executor, never inside set(). Copies share the state. Never setting it leaves the waiter asleep: every wait that
// depends on another machine is under a deadline (timeout.h).
template <typename T>
class Promise {
    struct State {
        explicit State(Executor& e) : executor(e) {}
        Executor& executor;
        std::optional<T> value;
        std::coroutine_handle<> waiter;
    };
    friend class Future<T>;

 public:
    explicit Promise(Executor& executor) : state_(std::make_shared<State>(executor)) {}

    // Returns whether this call gave the value (false when one was there already).
    bool set(T value) const {
        if (state_->value) return false;
        state_->value.emplace(std::move(value));
        if (state_->waiter) wake(state_);
        return true;
    }
    bool is_set() const { return state_->value.has_value(); }
    Future<T> future() const { return Future<T>(state_); }

 private:
    static void wake(std::shared_ptr<State> state) {
        Executor& executor = state->executor;
        executor.post([state = std::move(state)] {
            if (state->waiter) std::exchange(state->waiter, {}).resume();
        });
    }

    std::shared_ptr<State> state_;
};

template <typename T>
class Future {
 public:
    explicit Future(std::shared_ptr<typename Promise<T>::State> state) : state_(std::move(state)) {}
    Future(Future&&) noexcept = default;
    Future& operator=(Future&&) noexcept = default;
    ~Future() {
        if (state_) state_->waiter = {};
    }

    bool await_ready() const { return state_->value.has_value(); }
    void await_suspend(std::coroutine_handle<> waiter) {
        ENSURE(!state_->waiter);
        state_->waiter = waiter;
    }
    T await_resume() { return std::move(*state_->value); }

 private:
    std::shared_ptr<typename Promise<T>::State> state_;
};

struct Done {};  // the value of a Promise that only signals

}  // namespace larder::io
