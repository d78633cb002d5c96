// A bound on how long to wait for a task.
#pragma once

#include "src/base/error.h"
#include "src/io/clock.h"
#include "src/io/future.h"
#include "src/io/task_group.h"

#include <utility>

namespace larder::io {

namespace detail {
template <typename T>
Task<void> run_into(Task<base::Result<T>> task, io::Promise<base::Result<T>> out) {
    out.set(co_await std::move(task));
}
}  // namespace detail

// The task's result, or Code::timeout at `deadline`, when the task is destroyed.
template <typename T>
Task<base::Result<T>> with_deadline(Executor& executor, Clock& clock, base::Instant deadline,
                                    Task<base::Result<T>> task) {
    Promise<base::Result<T>> out(executor);
    TaskGroup group(executor);
    group.spawn(detail::run_into<T>(std::move(task), out));
    const auto timer =
        clock.call_at(deadline, [out] { out.set(base::fail(base::Code::timeout, "no answer before the deadline")); });
    auto result = co_await out.future();
    clock.cancel(timer);
    co_return result;
}

}  // namespace larder::io
