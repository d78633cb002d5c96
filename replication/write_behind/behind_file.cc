#include "replication/write_behind/behind_file.h"

#include "src/base/limits.h"

#include <cstring>

namespace larder::behind {

bool BehindFile::write_here(std::uint64_t offset, std::string_view data) {
    auto& content = creation->content;
    const auto end = offset + data.size();
    if (end > base::limits::kInlineBytesMax || end < offset) return false;
    if (content.size() < end) content.resize(end, '\0');
    if (!data.empty()) std::memcpy(content.data() + offset, data.data(), data.size());
    entry.size = content.size();
    ++changes;
    return true;
}

bool BehindFile::resize_here(std::uint64_t size) {
    if (size > base::limits::kInlineBytesMax) return false;
    creation->content.resize(size, '\0');
    entry.size = size;
    ++changes;
    return true;
}

bool BehindFile::has_room(std::size_t size) const {
    return kept_bytes + size <= kKeptBytesMax && writes.size() < kKeptWritesMax;
}

void BehindFile::keep(std::uint64_t offset, const base::Buffer& data) {
    writes.push_back({offset, data});
    kept_bytes += data.size();
    wrote(offset, data.size());
}

void BehindFile::wrote(std::uint64_t offset, std::size_t size) {
    ++changes;
    entry.size = std::max(entry.size, offset + size);
}

void BehindFile::stop_keeping() {
    through = true;
    writes.clear();
    journalled = kept_bytes = 0;
}

void BehindFile::drop_writes(std::size_t count) {
    count = std::min(count, writes.size());
    for (std::size_t i = 0; i < count; ++i) kept_bytes -= writes[i].data.size();
    writes.erase(writes.begin(), writes.begin() + static_cast<std::ptrdiff_t>(count));
    journalled -= std::min(journalled, count);
}

void BehindFile::wake() {
    for (const auto& waiter : std::exchange(waiting, {})) waiter.set(io::Done{});
}

}  // namespace larder::behind
