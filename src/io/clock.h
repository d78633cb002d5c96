// Time, as the engine sees it. Real: the system's clocks. Simulated: virtual time, offset and drift per node.
#pragma once

#include "src/base/time.h"
#include "src/io/executor.h"
#include "src/io/task.h"

#include <cstdint>

namespace larder::io {

class Clock {
 public:
    using Timer = std::uint64_t;  // 0 is no timer

    virtual ~Clock() = default;
    // Monotonic; for durations and deadlines. Any thread.
    virtual base::Instant now() const = 0;
    // The calendar; may jump. Any thread.
    virtual base::WallTime wall_now() const = 0;
    // Runs `work` on the executor at `when` or soon after. Executor thread.
    virtual Timer call_at(base::Instant when, Work work) = 0;
    // Destroys the work unrun if it has not run. Executor thread.
    virtual void cancel(Timer timer) = 0;

    base::Instant after(base::Duration d) const { return now() + d; }
    // Waits; dropping the task cancels the timer.
    Task<void> sleep_until(base::Instant when);
    Task<void> sleep_for(base::Duration d);
};

}  // namespace larder::io
