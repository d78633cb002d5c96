// Times as values, and their texts.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::base {

using Duration = std::chrono::nanoseconds;
// A point on the monotonic clock of this process (io::Clock::now).
struct Instant {
    std::int64_t ns = 0;
    auto operator<=>(const Instant&) const = default;
};
inline Instant operator+(Instant t, Duration d) {
    return {t.ns + d.count()};
}
inline Duration operator-(Instant a, Instant b) {
    return Duration(a.ns - b.ns);
}

// Milliseconds since 1970-01-01 UTC.
struct WallTime {
    std::int64_t ms = 0;
    auto operator<=>(const WallTime&) const = default;
    std::int64_t seconds() const { return ms / 1000; }
};

// Hybrid logical time in one word: 48 bits of wall milliseconds, 16 bits of counter (Kulkarni et al. 2014).
constexpr std::uint64_t make_hybrid(std::uint64_t ms, std::uint16_t counter) {
    return ms << 16 | counter;
}
constexpr std::int64_t hybrid_ms(std::uint64_t hybrid) {
    return static_cast<std::int64_t>(hybrid >> 16);
}

// "Tue, 03 Nov 2026 11:27:04 GMT" (IMF-fixdate, RFC 9110 §5.6.7).
std::string format_http_date(WallTime t);
// All three HTTP date forms; nullopt otherwise.
std::optional<WallTime> parse_http_date(std::string_view text);
// "2026-11-03T11:27:04.000Z": S3's XML form, with milliseconds.
std::string format_iso8601(WallTime t);
// ISO 8601 with optional fraction and Z or +hh:mm.
std::optional<WallTime> parse_iso8601(std::string_view text);
// "20261103T112704Z", the basic form of SigV4.
std::string format_basic(WallTime t);
std::optional<WallTime> parse_basic(std::string_view text);

}  // namespace larder::base
