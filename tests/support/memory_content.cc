#include "tests/support/memory_content.h"

#include <algorithm>
#include <cstring>

namespace larder::test {

using base::Buffer;

MemoryContent::MemoryContent(std::string_view text) : size_(text.size()) {
    if (!text.empty()) runs_[0] = Buffer::copy_of(text);
}

Buffer MemoryContent::read(std::uint64_t offset, std::uint64_t length) const {
    if (offset >= size_ || length == 0) return {};
    const auto end = offset + std::min(length, size_ - offset);
    auto run = runs_.upper_bound(offset);
    if (run != runs_.begin()) --run;
    // What lies within one run is shared, not copied.
    if (run != runs_.end() && run->first <= offset && end - run->first <= run->second.size())
        return run->second.slice(offset - run->first, end - offset);
    auto out = Buffer::allocate(end - offset);
    std::memset(out.writable().data(), 0, out.size());
    for (; run != runs_.end() && run->first < end; ++run) {
        const auto from = std::max(run->first, offset);
        const auto to = std::min(run->first + run->second.size(), end);
        if (from < to)
            std::memcpy(out.writable().data() + (from - offset), run->second.data() + (from - run->first), to - from);
    }
    return out;
}

void MemoryContent::write(std::uint64_t offset, Buffer data) {
    if (data.empty()) return;
    clear(offset, offset + data.size());
    size_ = std::max(size_, offset + data.size());
    runs_[offset] = std::move(data);
}

void MemoryContent::truncate(std::uint64_t size) {
    if (size < size_) clear(size, size_);
    size_ = size;
}

void MemoryContent::punch(std::uint64_t offset, std::uint64_t length) {
    if (offset < size_) clear(offset, offset + std::min(length, size_ - offset));
}

std::optional<std::uint64_t> MemoryContent::seek(std::uint64_t offset, bool hole) const {
    if (offset >= size_) return std::nullopt;
    auto run = runs_.upper_bound(offset);
    const auto before = run == runs_.begin() ? runs_.end() : std::prev(run);
    const bool inside = before != runs_.end() && offset < before->first + before->second.size();
    if (!hole) {
        if (inside) return offset;
        return run == runs_.end() ? std::nullopt : std::optional(run->first);
    }
    auto at = inside ? before->first + before->second.size() : offset;
    while (inside && run != runs_.end() && run->first == at) at += (run++)->second.size();
    return at;
}

void MemoryContent::copy(const MemoryContent& source, std::uint64_t source_offset, std::uint64_t offset,
                         std::uint64_t length) {
    if (source_offset >= source.size_) return;
    length = std::min(length, source.size_ - source_offset);
    const auto runs = source.runs_;  // shared bytes; `source` may be this content
    clear(offset, offset + length);
    size_ = std::max(size_, offset + length);
    for (const auto& [start, data] : runs) {
        const auto from = std::max(start, source_offset);
        const auto to = std::min(start + data.size(), source_offset + length);
        if (from < to) runs_[offset + (from - source_offset)] = data.slice(from - start, to - from);
    }
}

std::string MemoryContent::text() const {
    return std::string(read(0, size_).chars());
}

void MemoryContent::clear(std::uint64_t begin, std::uint64_t end) {
    auto run = runs_.upper_bound(begin);
    if (run != runs_.begin()) --run;
    while (run != runs_.end() && run->first < end) {
        const auto start = run->first;
        const auto data = run->second;
        const auto stop = start + data.size();
        if (stop <= begin) {
            ++run;
            continue;
        }
        run = runs_.erase(run);
        if (start < begin) runs_[start] = data.slice(0, begin - start);
        if (stop > end) runs_[end] = data.slice(end - start, stop - end);
    }
}

}  // namespace larder::test
