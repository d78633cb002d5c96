// Whether the other end of a connection lives, judged by what comes from it: round trips of pings, and silence longer
// than they explain.
#pragma once

#include "src/base/time.h"

#include <algorithm>
#include <chrono>
#include <optional>

namespace larder::rpc {

struct PulseOptions {
    base::Duration interval = std::chrono::milliseconds(500);
    base::Duration least_patience = std::chrono::seconds(2);
    base::Duration most_patience = std::chrono::seconds(10);
};

class Pulse {
 public:
    Pulse(PulseOptions options, base::Instant now) : options_(options), heard_(now) {}

    base::Duration interval() const { return options_.interval; }
    // Something came.
    void heard(base::Instant now) { heard_ = std::max(heard_, now); }
    // A ping came back. Mean and deviation as in RFC 6298.
    void answered(base::Instant sent, base::Instant now) {
        const auto sample = std::max(now - sent, base::Duration(0));
        if (!mean_) {
            mean_ = sample;
            deviation_ = sample / 2;
            return;
        }
        const auto off = sample > *mean_ ? sample - *mean_ : *mean_ - sample;
        deviation_ += (off - deviation_) / 4;
        *mean_ += (sample - *mean_) / 8;
    }
    // This side itself did not run for so long: the other cannot be blamed for it.
    void excuse(base::Duration held_up) { heard_ = heard_ + held_up; }

    std::optional<base::Duration> round_trip() const { return mean_; }
    // How long a silence means nothing: until the next ping, and four times what a round trip takes at worst.
    base::Duration patience() const {
        const auto worst = mean_.value_or(base::Duration(0)) + 4 * deviation_;
        return std::clamp<base::Duration>(2 * options_.interval + 4 * worst, options_.least_patience,
                                          options_.most_patience);
    }
    base::Duration silence(base::Instant now) const { return now - heard_; }
    bool is_lost(base::Instant now) const { return silence(now) > patience(); }

 private:
    PulseOptions options_;
    base::Instant heard_;
    std::optional<base::Duration> mean_;
    base::Duration deviation_{0};
};

}  // namespace larder::rpc
