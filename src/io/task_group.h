// Background tasks with an owner. No task runs without one.
#pragma once

#include "src/io/future.h"
#include "src/io/task.h"

#include <cstddef>
#include <list>
#include <memory>

namespace larder::io {

// Owns spawned tasks. Destroying the group destroys those still waiting. One thread: that of the executor.
class TaskGroup {
 public:
    explicit TaskGroup(Executor& executor);
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    // Starts the task inside this call; it runs until its first wait.
    void spawn(Task<void> task);
    std::size_t size() const;
    // Destroys every task that has not finished. Not to be called from one of them.
    void stop();
    // Ends when no task is left. New ones may be spawned meanwhile.
    Task<void> join();

 private:
    struct Root;
    struct State;
    static Root run(std::shared_ptr<State> state, Task<void> task);

    std::shared_ptr<State> state_;
};

}  // namespace larder::io
