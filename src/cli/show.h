// Results as people read them: tables, sizes, times, progress.
#pragma once

#include "src/base/size.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace larder::cli {

// Left-aligned text, right-aligned numbers, two spaces between, upper-case headers, no lines.
class Table {
 public:
    struct Column {
        std::string title;
        bool number = false;
    };
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    std::string text() const;

 private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

using base::format_size;
using base::parse_size;
// Control characters made visible, so that a name cannot move the cursor.
std::string printable(std::string_view text);
// The columns a text takes on a terminal, counting each UTF-8 character as one.
std::size_t width_of(std::string_view text);

// One line on a terminal's standard error, from one second on, at most ten times a second; nothing elsewhere.
class Progress {
 public:
    // `total` 0 when unknown.
    Progress(std::string what, std::uint64_t total, bool wanted);
    ~Progress();
    void add(std::uint64_t bytes);

 private:
    void draw();

    std::string what_;
    std::uint64_t total_;
    std::uint64_t done_ = 0;
    bool on_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point started_;
    std::chrono::steady_clock::time_point last_;
};

}  // namespace larder::cli
