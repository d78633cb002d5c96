// Task<T>: the coroutine type of the engine. A task starts when it is awaited, runs on the thread of whoever awaits it,
// and hands its result back by symmetric transfer. Destroying a Task destroys its frame and with it everything it was
// waiting for: cancellation is destruction, never an exception. Every task has a parent: it is awaited, or spawned into
// a TaskGroup (task_group.h).
//
// A coroutine takes its parameters by value; services come through `this` or by reference to objects that outlive it.
// An exception that leaves a task ends the process: expected failures are Results.
#pragma once

#include "src/base/assert.h"

#include <coroutine>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

namespace larder::io {

template <typename T>
class Task;

namespace detail {

struct PromiseBase {
    std::coroutine_handle<> continuation;

    struct Final {
        bool await_ready() noexcept { return false; }
        template <typename P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
            auto next = self.promise().continuation;
            return next ? next : std::noop_coroutine();
        }
        void await_resume() noexcept {}
    };

    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
};

template <typename T>
struct Promise : PromiseBase {
    std::optional<T> value;

    Task<T> get_return_object();
    template <typename U>
    void return_value(U&& u) {
        value.emplace(std::forward<U>(u));
    }
    T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
    Task<void> get_return_object();
    void return_void() noexcept {}
    void take() noexcept {}
};

}  // namespace detail

template <typename T = void>
class [[nodiscard]] Task {
 public:
    using promise_type = detail::Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    Task() = default;
    explicit Task(Handle handle) : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            reset();
            handle_ = std::exchange(other.handle_, {});
        }
        return *this;
    }
    ~Task() { reset(); }

    explicit operator bool() const { return static_cast<bool>(handle_); }

    auto operator co_await() && noexcept {
        struct Awaiter {
            Handle handle;
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
                handle.promise().continuation = parent;
                return handle;
            }
            T await_resume() { return handle.promise().take(); }
        };
        ENSURE(handle_);
        return Awaiter{handle_};
    }

 private:
    void reset() noexcept {
        if (handle_) std::exchange(handle_, {}).destroy();
    }

    Handle handle_;
};

namespace detail {

template <typename T>
Task<T> Promise<T>::get_return_object() {
    return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
    return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

}  // namespace detail
}  // namespace larder::io
