// How long the latest answers took, for deciding when to ask somebody else too.
#pragma once

#include "src/base/time.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace larder::rpc {

class Latency {
 public:
    void add(base::Duration took) {
        samples_[next_] = took;
        next_ = (next_ + 1) % samples_.size();
        count_ = std::min(count_ + 1, samples_.size());
        if (++fresh_ >= kFresh) p95_.reset();
    }
    // Of the last 128 at most; nothing before there are eight. A few may be missing from it.
    std::optional<base::Duration> p95() const {
        if (count_ < kFresh) return std::nullopt;
        if (!p95_) {
            auto sorted = samples_;
            const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(count_ * 95 / 100);
            std::nth_element(sorted.begin(), place, sorted.begin() + static_cast<std::ptrdiff_t>(count_));
            p95_ = *place;
            fresh_ = 0;
        }
        return p95_;
    }

 private:
    static constexpr std::size_t kFresh = 8;
    std::array<base::Duration, 128> samples_{};
    std::size_t next_ = 0;
    std::size_t count_ = 0;
    mutable std::size_t fresh_ = 0;
    mutable std::optional<base::Duration> p95_;
};

}  // namespace larder::rpc
