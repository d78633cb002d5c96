// Where ready work runs: one thread that takes functions in turn. The engine has one; the simulator has its own, which
// picks among the ready ones by its seed.
#pragma once

#include <functional>

namespace larder::io {

using Work = std::move_only_function<void()>;

class Executor {
 public:
    virtual ~Executor() = default;
    // Runs `work` on the executor's thread, never inside this call. Any thread. Work still queued when the executor is
    // destroyed is destroyed unrun.
    virtual void post(Work work) = 0;
};

}  // namespace larder::io
