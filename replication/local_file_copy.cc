// Of a file's content as runs: where data and holes are, and sharing runs with another file.
#include "replication/local_file.h"
#include "src/base/limits.h"

namespace larder::engine {

namespace limits = base::limits;

namespace {

constexpr std::uint64_t kLookAtOnce = 256 * limits::kBlockBytes;  // about a page of extents
constexpr std::size_t kNamesAtOnce = 1024;

}  // namespace

Task<Result<std::uint64_t>> LocalFile::seek(std::uint64_t offset, bool hole) {
    auto order = co_await order_.acquire();
    const auto seen = view(offset, UINT64_MAX);
    order.release();
    const auto nothing = fail(Code::not_found, Subject::object, "the file has no data after this offset");
    if (offset >= seen.size) co_return nothing;
    auto at = offset;  // data up to here when a hole is looked for, else a hole
    for (const auto& run : seen.runs) {
        if (hole && run.offset > at) co_return at;
        if (run.kind != Run::Kind::base) {
            if (!hole) co_return run.offset;
            at = run.end();
            continue;
        }
        for (auto from = run.from; from < run.from + run.length; from += kLookAtOnce) {
            const auto length = std::min<std::uint64_t>(kLookAtOnce, run.from + run.length - from);
            CO_TRY(const auto extents, co_await seen.base->pieces->extents(from, length));
            for (const auto& extent : extents) {
                const auto begin = run.offset + (extent.offset - run.from);
                if (!hole) co_return begin;
                if (begin > at) co_return at;
                at = begin + extent.length;
            }
            if (hole && at < run.offset + (from - run.from) + length) co_return at;
        }
    }
    if (!hole) co_return nothing;
    co_return at;
}

// Runs of another file of this engine become runs of this one, of the same places; those of the base become this file's
// writer's too.
Task<Result<std::vector<Run>>> LocalFile::take_over(View source) {
    std::vector<Run> out;
    std::vector<base::Hash256> names;
    auto& into = writer();
    const auto writer = writers_.back();
    const auto share = [&](std::uint64_t offset, std::uint64_t length, base::Hash256 name, std::uint64_t from) {
        Run run;
        run.kind = Run::Kind::stored;
        run.offset = offset;
        run.length = length;
        run.from = from;
        run.writer = writer;
        run.block = into.add_adopted(name, static_cast<std::uint32_t>(length));
        names.push_back(name);
        out.push_back(std::move(run));
    };
    for (const auto& run : source.runs) {
        if (run.kind == Run::Kind::base) {
            CO_TRY(const auto extents, co_await source.base->pieces->extents(run.from, run.length));
            for (const auto& e : extents) share(run.offset + (e.offset - run.from), e.length, e.block, e.block_offset);
        } else if (run.kind == Run::Kind::stored && run.writer->blocks()[run.block].stored) {
            share(run.offset, run.length, run.writer->blocks()[run.block].name, run.from);
        } else if (run.kind == Run::Kind::stored) {
            // Not stored yet: its bytes are still here.
            const auto data = run.writer->blocks()[run.block].data;
            Run copy = run;
            copy.kind = Run::Kind::memory;
            copy.memory = std::make_shared<Bytes>(Bytes{data, data.size()});
            copy.writer = nullptr;
            copy.block = 0;
            out.push_back(std::move(copy));
        } else {
            out.push_back(run);
        }
    }
    for (std::size_t at = 0; at < names.size(); at += kNamesAtOnce) {
        const auto end = std::min(names.size(), at + kNamesAtOnce);
        CO_TRY_VOID(co_await writer->adopt(
            {names.begin() + static_cast<std::ptrdiff_t>(at), names.begin() + static_cast<std::ptrdiff_t>(end)}));
    }
    co_return out;
}

Task<Result<void>> LocalFile::copy_from(FileHandle& source, std::uint64_t source_offset, std::uint64_t offset,
                                        std::uint64_t length) {
    auto order = co_await order_.acquire();
    auto* other = dynamic_cast<LocalFile*>(&source);
    if (other == nullptr || &other->engine_ != &engine_) {
        co_return fail(Code::unsupported, Subject::object, "content can only be shared within one store");
    }
    if (source_offset >= other->map_.size()) co_return Result<void>();
    length = std::min(length, other->map_.size() - source_offset);
    if (length == 0) co_return Result<void>();
    if (offset > limits::kObjectBytesMax || length > limits::kObjectBytesMax - offset) {
        co_return fail(Code::too_large, Subject::object, "an object holds at most 5 TiB");
    }
    // Not while a version is being written: what it takes for its base must be at its place (ContentMap::rebase).
    const auto committing = co_await committing_.acquire();
    auto taken = other->view(source_offset, length);
    auto runs = taken.runs;
    if (other != this) {
        CO_TRY(runs, co_await take_over(std::move(taken)));
    }
    map_.resize(std::max(map_.size(), offset + length));
    map_.erase(offset, length);
    for (auto& run : runs) {
        run.offset = offset + (run.offset - source_offset);
        map_.put(std::move(run));
    }
    ++changes_;
    if (map_.size() > limits::kInlineBytesMax && map_.memory_bytes() > limits::kBlockBytes) send_all();
    co_return Result<void>();
}

}  // namespace larder::engine
