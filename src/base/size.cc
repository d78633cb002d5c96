#include "src/base/size.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace larder::base {

std::string format_size(std::uint64_t bytes) {
    static constexpr std::array units = {"kB", "MB", "GB", "TB", "PB"};
    if (bytes < 1000) return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (value /= 1000; value >= 999.95 && unit + 1 < units.size(); ++unit) value /= 1000;
    return value < 99.95 ? fmt::format("{:.1f} {}", value, units[unit]) : fmt::format("{:.0f} {}", value, units[unit]);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value < 0) return std::nullopt;
    std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    static constexpr std::array<std::pair<std::string_view, double>, 14> units = {{
        {"", 1},
        {"B", 1},
        {"k", 1e3},
        {"kB", 1e3},
        {"KB", 1e3},
        {"MB", 1e6},
        {"GB", 1e9},
        {"TB", 1e12},
        {"M", 1e6},
        {"G", 1e9},
        {"KiB", 1024.0},
        {"MiB", 1048576.0},
        {"GiB", 1073741824.0},
        {"TiB", 1099511627776.0},
    }};
    for (const auto& [name, factor] : units) {
        if (name == unit && value * factor < 1.8e19) return static_cast<std::uint64_t>(value * factor);
    }
    return std::nullopt;
}

}  // namespace larder::base
