#include "src/cli/show.h"

#include <fmt/format.h>

#include <cstdio>
#include <unistd.h>

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
