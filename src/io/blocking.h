// Work that would hold up the engine thread: hashing, compression, file input and output. It runs elsewhere on moved
// values. A hop there and back costs about 24 µs: send work that takes longer, or batches.
#pragma once

#include "src/io/future.h"
#include "src/io/task.h"

#include <memory>
#include <type_traits>
#include <utility>

namespace larder::io {

class Blocking {
 public:
    virtual ~Blocking() = default;
    // Runs `work` on a pool thread (simulated: at once, after a seeded delay). Any thread.
    virtual void submit(Work work) = 0;
    virtual Executor& executor() = 0;

    // Runs `f` on the pool and returns what it returned, here. `f` owns all it touches: if the caller goes away it
    // still runs to its end.
    template <typename F, typename R = std::invoke_result_t<F&>>
    Task<R> run(F f) {
        Promise<R> done(executor());
        submit([this, done, f = std::move(f)]() mutable {
            // The promise belongs to the executor's thread; only the value crosses.
            auto value = std::make_shared<R>(f());
            executor().post([done, value] { done.set(std::move(*value)); });
        });
        co_return co_await done.future();
    }
};

}  // namespace larder::io
