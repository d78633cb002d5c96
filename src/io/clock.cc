#include "src/io/clock.h"

#include <coroutine>

namespace larder::io {
namespace {

// Awaits one timer; destroyed with its frame, it takes the timer along.
struct Sleep {
    Clock& clock;
    base::Instant when;
    Clock::Timer timer = 0;

    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
        timer = clock.call_at(when, [this, waiter] {
            timer = 0;
            waiter.resume();
        });
    }
    void await_resume() {}
    ~Sleep() {
        if (timer != 0) clock.cancel(timer);
    }
};

}  // namespace

Task<void> Clock::sleep_until(base::Instant when) {
    co_await Sleep{*this, when};
}

Task<void> Clock::sleep_for(base::Duration d) {
    return sleep_until(now() + d);
}

}  // namespace larder::io
