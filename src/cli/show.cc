#include "src/cli/show.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <unistd.h>
#include <utility>

namespace larder::cli {

std::size_t width_of(std::string_view text) {
    std::size_t width = 0;
    for (const char c : text) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return width;
}

std::string Table::text() const {
    std::vector<std::size_t> widths;
    for (const auto& column : columns_) widths.push_back(column.title.size());
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    std::string out;
    const auto line = [&](auto&& cell) {
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const std::string text = cell(i);
            const std::string gap(widths[i] - width_of(text), ' ');
            if (columns_[i].number) out += gap + text;
            if (!columns_[i].number) out += i + 1 < columns_.size() ? text + gap : text;
            out += i + 1 < columns_.size() ? "  " : "\n";
        }
    };
    line([&](std::size_t i) { return columns_[i].title; });
    for (const auto& row : rows_) line([&](std::size_t i) { return row[i]; });
    return out;
}

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

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out.push_back(c);
        }
    }
    return out;
}

Progress::Progress(std::string what, std::uint64_t total, bool wanted)
    : what_(std::move(what)),
      total_(total),
      on_(wanted && ::isatty(STDERR_FILENO) == 1),
      started_(std::chrono::steady_clock::now()),
      last_(started_) {}

Progress::~Progress() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void Progress::add(std::uint64_t bytes) {
    done_ += bytes;
    if (!on_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - started_ < std::chrono::seconds(1) || now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    draw();
}

void Progress::draw() {
    const std::chrono::duration<double> spent = last_ - started_;
    const double rate = static_cast<double>(done_) / spent.count();
    std::string line = fmt::format("\r\x1b[K{}  {}", what_, format_size(done_));
    if (total_ > 0) {
        const double share = static_cast<double>(done_) / static_cast<double>(total_);
        const auto filled = static_cast<int>(share * 20);
        line += fmt::format(" of {}  [{:<20}] {:3.0f} %", format_size(total_),
                            std::string(static_cast<std::size_t>(filled), '='), share * 100);
    }
    line += fmt::format("  {}/s", format_size(static_cast<std::uint64_t>(rate)));
    if (total_ > done_ && rate > 0) line += fmt::format("  {:.0f} s left", static_cast<double>(total_ - done_) / rate);
    std::fputs(line.c_str(), stderr);
    drawn_ = true;
}

}  // namespace larder::cli
