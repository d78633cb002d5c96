#include "src/base/time.h"

#include <fmt/format.h>

#include <array>

namespace larder::base {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct Civil {
    int year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0, ms = 0, weekday = 0;
};

Civil civil_of(WallTime t) {
    const auto point = std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(t.ms));
    const auto day = std::chrono::floor<std::chrono::days>(point);
    const std::chrono::year_month_day date(day);
    const auto in_day = (point - day).count();
    Civil c;
    c.year = static_cast<int>(date.year());
    c.month = static_cast<int>(static_cast<unsigned>(date.month()));
    c.day = static_cast<int>(static_cast<unsigned>(date.day()));
    c.hour = static_cast<int>(in_day / 3'600'000);
    c.minute = static_cast<int>(in_day / 60'000 % 60);
    c.second = static_cast<int>(in_day / 1000 % 60);
    c.ms = static_cast<int>(in_day % 1000);
    c.weekday = static_cast<int>(std::chrono::weekday(day).c_encoding());
    return c;
}

std::optional<WallTime> wall_of(const Civil& c) {
    const auto date = std::chrono::year(c.year) / std::chrono::month(static_cast<unsigned>(c.month)) /
                      std::chrono::day(static_cast<unsigned>(c.day));
    if (!date.ok() || c.hour > 23 || c.minute > 59 || c.second > 60) return std::nullopt;
    const auto days = std::chrono::sys_days(date).time_since_epoch().count();
    return WallTime{((days * 24 + c.hour) * 60 + c.minute) * 60'000ll + c.second * 1000ll + c.ms};
}

// Takes fields off the front of a text; any mismatch spoils the whole.
class Scan {
 public:
    explicit Scan(std::string_view text) : text_(text) {}

    int number(std::size_t digits) {
        int value = 0;
        if (text_.size() < digits) return fail();
        for (std::size_t i = 0; i < digits; ++i) {
            if (text_[i] < '0' || text_[i] > '9') return fail();
            value = value * 10 + (text_[i] - '0');
        }
        text_.remove_prefix(digits);
        return value;
    }
    void literal(std::string_view expected) {
        if (!text_.starts_with(expected)) {
            fail();
        } else {
            text_.remove_prefix(expected.size());
        }
    }
    bool take(char c) {
        if (!text_.starts_with(c)) return false;
        text_.remove_prefix(1);
        return true;
    }
    int month() {
        for (std::size_t i = 0; i < kMonths.size(); ++i) {
            if (text_.starts_with(kMonths[i])) {
                text_.remove_prefix(3);
                return static_cast<int>(i) + 1;
            }
        }
        return fail();
    }
    void skip_past(char c) {
        const auto at = text_.find(c);
        if (at == std::string_view::npos) {
            fail();
        } else {
            text_.remove_prefix(at + 1);
        }
    }
    bool digit_next() const { return !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; }
    bool ok() const { return ok_; }
    bool at_end() const { return text_.empty(); }

 private:
    int fail() {
        ok_ = false;
        text_ = {};
        return 0;
    }
    std::string_view text_;
    bool ok_ = true;
};

void scan_clock(Scan& in, Civil& c) {
    c.hour = in.number(2);
    in.literal(":");
    c.minute = in.number(2);
    in.literal(":");
    c.second = in.number(2);
}

std::optional<WallTime> finish(const Scan& in, const Civil& c) {
    if (!in.ok() || !in.at_end()) return std::nullopt;
    return wall_of(c);
}

// "Tue, 03 Nov 2026 11:27:04 GMT"
std::optional<WallTime> parse_fixdate(std::string_view text) {
    Scan in(text);
    Civil c;
    in.skip_past(',');
    in.literal(" ");
    c.day = in.number(2);
    in.literal(" ");
    c.month = in.month();
    in.literal(" ");
    c.year = in.number(4);
    in.literal(" ");
    scan_clock(in, c);
    in.literal(" GMT");
    return finish(in, c);
}

// "Tuesday, 03-Nov-26 11:27:04 GMT"
std::optional<WallTime> parse_rfc850(std::string_view text) {
    Scan in(text);
    Civil c;
    in.skip_past(',');
    in.literal(" ");
    c.day = in.number(2);
    in.literal("-");
    c.month = in.month();
    in.literal("-");
    c.year = in.number(2);
    c.year += c.year < 70 ? 2000 : 1900;
    in.literal(" ");
    scan_clock(in, c);
    in.literal(" GMT");
    return finish(in, c);
}

// "Tue Nov  3 11:27:04 2026"
std::optional<WallTime> parse_asctime(std::string_view text) {
    Scan in(text);
    Civil c;
    in.skip_past(' ');
    c.month = in.month();
    in.literal(" ");
    c.day = in.take(' ') ? in.number(1) : in.number(2);
    in.literal(" ");
    scan_clock(in, c);
    in.literal(" ");
    c.year = in.number(4);
    return finish(in, c);
}

// Writes the last `digits` of a number.
void put_number(char* at, int number, int digits) {
    for (int i = digits - 1; i >= 0; --i, number /= 10) at[i] = static_cast<char>('0' + number % 10);
}

// Years of four digits, which all but nonsense has; their texts have a fixed form. Every answer holds two, and
// formatting them the general way costs more than finding a small object's row.
bool is_plain(const Civil& c) {
    return c.year >= 0 && c.year <= 9999;
}

}  // namespace

std::string format_http_date(WallTime t) {
    const auto c = civil_of(t);
    const auto day = kDays[static_cast<std::size_t>(c.weekday)];
    const auto month = kMonths[static_cast<std::size_t>(c.month - 1)];
    if (!is_plain(c)) {
        return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", day, c.day, month, c.year, c.hour, c.minute,
                           c.second);
    }
    std::string out = "Day, 00 Mon 0000 00:00:00 GMT";
    day.copy(out.data(), 3);
    put_number(&out[5], c.day, 2);
    month.copy(&out[8], 3);
    put_number(&out[12], c.year, 4);
    put_number(&out[17], c.hour, 2);
    put_number(&out[20], c.minute, 2);
    put_number(&out[23], c.second, 2);
    return out;
}

std::optional<WallTime> parse_http_date(std::string_view text) {
    if (const auto t = parse_fixdate(text)) return t;
    if (const auto t = parse_rfc850(text)) return t;
    return parse_asctime(text);
}

std::string format_iso8601(WallTime t) {
    const auto c = civil_of(t);
    if (!is_plain(c)) {
        return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", c.year, c.month, c.day, c.hour, c.minute,
                           c.second, c.ms);
    }
    std::string out = "0000-00-00T00:00:00.000Z";
    put_number(&out[0], c.year, 4);
    put_number(&out[5], c.month, 2);
    put_number(&out[8], c.day, 2);
    put_number(&out[11], c.hour, 2);
    put_number(&out[14], c.minute, 2);
    put_number(&out[17], c.second, 2);
    put_number(&out[20], c.ms, 3);
    return out;
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
    Scan in(text);
    Civil c;
    c.year = in.number(4);
    in.literal("-");
    c.month = in.number(2);
    in.literal("-");
    c.day = in.number(2);
    in.literal("T");
    scan_clock(in, c);
    if (in.take('.')) {
        if (!in.digit_next()) return std::nullopt;
        for (int scale = 100; in.digit_next(); scale /= 10) c.ms += in.number(1) * scale;
    }
    int offset_minutes = 0;
    if (!in.take('Z')) {
        const bool minus = in.take('-');
        if (!minus) in.literal("+");
        const int hours = in.number(2);
        in.take(':');
        const int minutes = in.number(2);
        if (hours > 23 || minutes > 59) return std::nullopt;
        offset_minutes = hours * 60 + minutes;
        if (minus) offset_minutes = -offset_minutes;
    }
    auto t = finish(in, c);
    if (t) t->ms -= offset_minutes * 60'000ll;
    return t;
}

std::string format_basic(WallTime t) {
    const auto c = civil_of(t);
    return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

std::optional<WallTime> parse_basic(std::string_view text) {
    Scan in(text);
    Civil c;
    c.year = in.number(4);
    c.month = in.number(2);
    c.day = in.number(2);
    in.literal("T");
    c.hour = in.number(2);
    c.minute = in.number(2);
    c.second = in.number(2);
    in.literal("Z");
    return finish(in, c);
}

}  // namespace larder::base
