#include "replication/content_map.h"

#include "src/base/assert.h"
#include "src/base/limits.h"

#include <algorithm>
#include <cstring>

namespace larder::engine {

namespace {

constexpr std::size_t kGrowingBytesMin = 16 * 1024;

bool follows(const Run& first, const Run& second) {
    return first.kind == second.kind && first.end() == second.offset && first.from + first.length == second.from &&
           first.round == second.round && first.writer == second.writer && first.block == second.block &&
           first.memory == second.memory;
}

std::shared_ptr<Bytes> keep(base::Buffer data) {
    const auto used = data.size();
    return std::make_shared<Bytes>(Bytes{std::move(data), used});
}

}  // namespace

Run Run::part(std::uint64_t begin, std::uint64_t until) const {
    Run out = *this;
    out.offset = std::max(begin, offset);
    out.length = std::min(until, end()) - out.offset;
    out.from = from + (out.offset - offset);
    return out;
}

ContentMap ContentMap::of_base(std::uint64_t size) {
    ContentMap out;
    Run run;
    run.length = size;
    if (size > 0) out.add(std::move(run));
    out.size_ = size;
    return out;
}

ContentMap ContentMap::of_memory(base::Buffer body) {
    ContentMap out;
    out.write(0, std::move(body));
    return out;
}

ContentMap::Runs::iterator ContentMap::add(Run run) {
    if (run.kind == Run::Kind::memory) {
        memory_bytes_ += run.length;
        ++memory_runs_;
    }
    const auto offset = run.offset;
    return runs_.emplace(offset, std::move(run)).first;
}

void ContentMap::remove(Runs::iterator run) {
    if (run->second.kind == Run::Kind::memory) {
        memory_bytes_ -= run->second.length;
        --memory_runs_;
    }
    runs_.erase(run);
}

// Leaves nothing in the range.
void ContentMap::cut(std::uint64_t offset, std::uint64_t length) {
    const auto until = offset + length;
    auto run = runs_.lower_bound(offset);
    if (run != runs_.begin() && std::prev(run)->second.end() > offset) --run;
    while (run != runs_.end() && run->first < until) {
        const Run old = run->second;
        remove(run++);
        if (old.offset < offset) add(old.part(old.offset, offset));
        if (old.end() > until) add(old.part(until, old.end()));
    }
}

// Joins it with the one behind.
void ContentMap::join(Runs::iterator first) {
    const auto second = std::next(first);
    if (second == runs_.end() || !follows(first->second, second->second)) return;
    auto joined = first->second;
    joined.length += second->second.length;
    remove(second);
    remove(first);
    add(std::move(joined));
}

void ContentMap::put(Run run) {
    ENSURE(run.length > 0);
    cut(run.offset, run.length);
    size_ = std::max(size_, run.end());
    run.round = round_;
    const auto offset = run.offset;
    const auto here = add(std::move(run));
    join(here);
    if (const auto now = runs_.find(offset); now != runs_.begin()) join(std::prev(now));
}

void ContentMap::write(std::uint64_t offset, base::Buffer data) {
    if (data.empty()) return;
    cut(offset, data.size());
    if (append(offset, data)) return;
    Run run;
    run.kind = Run::Kind::memory;
    run.offset = offset;
    run.length = data.size();
    run.memory = keep(std::move(data));
    put(std::move(run));
}

// A stream of small writes goes into memory that grows, so that it becomes a few blocks and not thousands of runs.
bool ContentMap::append(std::uint64_t offset, const base::Buffer& data) {
    const auto next = runs_.lower_bound(offset);
    if (next == runs_.begin()) return false;
    auto& last = std::prev(next)->second;
    if (last.kind != Run::Kind::memory || last.end() != offset || last.round != round_) return false;
    auto memory = last.memory;
    if (last.from + last.length != memory->used) return false;
    if (memory->used + data.size() > memory->data.size()) {
        const auto capacity = std::clamp(2 * memory->data.size(), kGrowingBytesMin, base::limits::kBlockBytes);
        if (data.size() >= capacity) return false;
        memory = std::make_shared<Bytes>(Bytes{base::Buffer::allocate(capacity), 0});
        Run run;
        run.kind = Run::Kind::memory;
        run.offset = offset;
        run.length = data.size();
        run.memory = memory;
        std::memcpy(memory->data.writable().data(), data.data(), data.size());
        memory->used = data.size();
        put(std::move(run));
        return true;
    }
    std::memcpy(memory->data.writable().data() + memory->used, data.data(), data.size());
    memory->used += data.size();
    last.length += data.size();
    memory_bytes_ += data.size();
    size_ = std::max(size_, last.end());
    return true;
}

void ContentMap::erase(std::uint64_t offset, std::uint64_t length) {
    if (offset >= size_) return;
    cut(offset, std::min(length, size_ - offset));
}

void ContentMap::resize(std::uint64_t size) {
    if (size < size_) cut(size, size_ - size);
    size_ = size;
}

std::vector<Run> ContentMap::find(std::uint64_t offset, std::uint64_t length) const {
    std::vector<Run> out;
    if (offset >= size_ || length == 0) return out;
    const auto until = offset + std::min(length, size_ - offset);
    auto run = runs_.lower_bound(offset);
    if (run != runs_.begin() && std::prev(run)->second.end() > offset) --run;
    for (; run != runs_.end() && run->first < until; ++run) out.push_back(run->second.part(offset, until));
    return out;
}

const Run* ContentMap::at_or_after(std::uint64_t offset) const {
    auto run = runs_.lower_bound(offset);
    if (run != runs_.begin() && std::prev(run)->second.end() > offset) --run;
    return run == runs_.end() ? nullptr : &run->second;
}

std::pair<std::uint64_t, std::uint64_t> ContentMap::memory_around(std::uint64_t offset) const {
    auto run = runs_.upper_bound(offset);
    if (run == runs_.begin() || std::prev(run)->second.end() <= offset) return {offset, offset};
    --run;
    if (run->second.kind != Run::Kind::memory) return {offset, offset};
    auto first = run;
    while (first != runs_.begin()) {
        const auto& before = std::prev(first)->second;
        if (before.kind != Run::Kind::memory || before.end() != first->first) break;
        --first;
    }
    auto until = run->second.end();
    for (++run; run != runs_.end() && run->first == until && run->second.kind == Run::Kind::memory; ++run) {
        until = run->second.end();
    }
    return {first->first, until};
}

void ContentMap::rebase(std::uint64_t round, std::shared_ptr<Bytes> memory) {
    auto old = std::exchange(runs_, {});
    memory_bytes_ = 0;
    memory_runs_ = 0;
    for (auto& [offset, run] : old) {
        if (run.round <= round) {
            Run now;
            now.offset = offset;
            now.length = run.length;
            now.kind = memory ? Run::Kind::memory : Run::Kind::base;
            now.from = offset;
            now.memory = memory;
            run = std::move(now);
        }
        const auto here = add(std::move(run));
        if (here != runs_.begin()) join(std::prev(here));
    }
}

}  // namespace larder::engine
