// Whether a loop that has nothing to do should look again instead of sleeping. Waking a thread on an idle processor
// takes 10 to 80 us, most of what a short request costs; so while one piece of work follows another within less, the
// loop stays awake for the next. A loop whose work comes seldom sleeps at once. Pure: the caller tells the time.
#pragma once

#include "src/base/time.h"

#include <algorithm>
#include <utility>

namespace larder::io {

class Wakefulness {
 public:
    // So long it looks for the next piece.
    static constexpr base::Duration kPatience = std::chrono::microseconds(100);
    // So many vain looks in a row until the loop sleeps at once.
    static constexpr int kTrustMax = 8;

    // Something was done.
    void worked() {
        if (std::exchange(looking_, false)) earn();
    }
    // There is nothing to do: look again?
    bool look_again(base::Instant now) {
        if (trust_ == 0) return false;
        if (!std::exchange(looking_, true)) since_ = now;
        if (now - since_ < kPatience) return true;
        looking_ = false;
        --trust_;
        return false;
    }
    // The loop has slept so long until something came.
    void slept(base::Duration time) {
        if (time < kPatience) earn();
    }

 private:
    void earn() { trust_ = std::min(trust_ + 1, kTrustMax); }

    int trust_ = 0;
    bool looking_ = false;
    base::Instant since_;
};

}  // namespace larder::io
