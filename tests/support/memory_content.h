// A file's bytes as runs of data between holes; copies share the bytes.
#pragma once

#include "src/base/bytes.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace larder::test {

class MemoryContent {
 public:
    MemoryContent() = default;
    explicit MemoryContent(std::string_view text);

    std::uint64_t size() const { return size_; }
    // As far as the content goes; holes read as zeros.
    base::Buffer read(std::uint64_t offset, std::uint64_t length) const;
    void write(std::uint64_t offset, base::Buffer data);
    void truncate(std::uint64_t size);
    // Within the size.
    void punch(std::uint64_t offset, std::uint64_t length);
    // As FileHandle::seek; nothing when there is no data at or after `offset`.
    std::optional<std::uint64_t> seek(std::uint64_t offset, bool hole) const;
    // Runs and holes of `source` appear here.
    void copy(const MemoryContent& source, std::uint64_t source_offset, std::uint64_t offset, std::uint64_t length);
    std::string text() const;

 private:
    void clear(std::uint64_t begin, std::uint64_t end);

    std::map<std::uint64_t, base::Buffer> runs_;  // by offset; none overlap, none is empty
    std::uint64_t size_ = 0;
};

}  // namespace larder::test
