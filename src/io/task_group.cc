#include "src/io/task_group.h"

#include <vector>

namespace larder::io {

// The set of live root frames, and who waits for it to be empty.
struct TaskGroup::State {
    explicit State(Executor& e) : executor(e) {}
    Executor& executor;
    std::list<std::coroutine_handle<>> frames;
    std::vector<Promise<Done>> waiters;

    void finished(std::list<std::coroutine_handle<>>::iterator place) {
        frames.erase(place);
        if (frames.empty()) {
            for (auto& waiter : std::exchange(waiters, {})) waiter.set(Done{});
        }
    }
};

// The frame that drives one spawned task: it starts at once and destroys itself at its end.
struct TaskGroup::Root {
    struct promise_type {
        std::shared_ptr<State> state;
        std::list<std::coroutine_handle<>>::iterator place;

        promise_type(std::shared_ptr<State>& s, Task<void>&) : state(s) {
            place = state->frames.insert(state->frames.end(), std::coroutine_handle<promise_type>::from_promise(*this));
        }
        Root get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        struct Final {
            bool await_ready() noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
                auto state = std::move(self.promise().state);
                auto place = self.promise().place;
                self.destroy();
                state->finished(place);
            }
            void await_resume() noexcept {}
        };
        Final final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };
};

TaskGroup::Root TaskGroup::run(std::shared_ptr<State>, Task<void> task) {
    co_await std::move(task);
}

TaskGroup::TaskGroup(Executor& executor) : state_(std::make_shared<State>(executor)) {}

TaskGroup::~TaskGroup() {
    stop();
}

void TaskGroup::spawn(Task<void> task) {
    run(state_, std::move(task));
}

std::size_t TaskGroup::size() const {
    return state_->frames.size();
}

void TaskGroup::stop() {
    while (!state_->frames.empty()) {
        auto frame = state_->frames.front();
        state_->frames.pop_front();
        frame.destroy();
    }
    for (auto& waiter : std::exchange(state_->waiters, {})) waiter.set(Done{});
}

Task<void> TaskGroup::join() {
    while (!state_->frames.empty()) {
        Promise<Done> empty(state_->executor);
        state_->waiters.push_back(empty);
        co_await empty.future();
    }
}

}  // namespace larder::io
