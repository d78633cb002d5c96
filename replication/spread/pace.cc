#include "replication/spread/pace.h"

#include <algorithm>

namespace larder::spread {

namespace {

constexpr double kFloor = 1e6;      // bytes per second: repair never stands still
constexpr double kUnlimited = 2e8;  // what is slowed down when there is no limit
constexpr double kSlowestShare = 1.0 / 32;

}  // namespace

std::optional<double> Pace::bytes_per_second() const {
    const auto& options = context_.options;
    double share = 1;
    if (options.foreground_latency) {
        const auto now = std::chrono::duration<double>(options.foreground_latency()).count();
        const auto good = std::chrono::duration<double>(options.good_latency).count();
        if (now > good) share = std::max(kSlowestShare, good / now);
    }
    if (options.bytes_per_second == 0 && share == 1) return std::nullopt;
    const auto limit = options.bytes_per_second == 0 ? kUnlimited : static_cast<double>(options.bytes_per_second);
    // A limit below the floor is what the operator wants.
    return std::max(limit * share, std::min(limit, kFloor));
}

io::Task<void> Pace::take(std::uint64_t bytes) {
    const auto rate = bytes_per_second();
    if (!rate) co_return;
    const auto begin = std::max(context_.env.clock.now(), free_at_);
    free_at_ = begin + std::chrono::duration_cast<base::Duration>(
                           std::chrono::duration<double>(static_cast<double>(bytes) / *rate));
    if (begin > context_.env.clock.now()) co_await context_.env.clock.sleep_until(begin);
}

}  // namespace larder::spread
