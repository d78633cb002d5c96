#include "replication/local_file.h"

#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "src/base/limits.h"

namespace larder::engine {

namespace limits = base::limits;

namespace {

// Memory of a handle: beyond it everything goes to blocks.
constexpr std::uint64_t kMemoryBytesMax = 8ull << 20;
constexpr std::size_t kMemoryRunsMax = 2048;

std::unexpected<base::Error> too_large() {
    return fail(Code::too_large, Subject::object, "an object holds at most 5 TiB");
}

}  // namespace

Task<Result<std::unique_ptr<FileHandle>>> open_file(LocalEngine& engine, BucketId bucket, std::string key) {
    CO_TRY(auto found, co_await engine.find_content(bucket, key));
    co_return std::make_unique<LocalFile>(engine, bucket, std::move(key), std::move(found));
}

LocalFile::LocalFile(LocalEngine& engine, BucketId bucket, std::string key, LocalEngine::Found found)
    : engine_(engine),
      target_{bucket, found.row, std::nullopt, 0},
      order_(engine.env().executor, 1),
      committing_(engine.env().executor, 1) {
    auto base = std::make_shared<FileVersion>();
    entry_ = file_entry(std::move(key), found.object, found.state);
    if (found.object.is_inline) {
        map_ = ContentMap::of_memory(base::Buffer::copy_of(found.body));
    } else {
        map_ = ContentMap::of_base(found.object.size);
        base->pieces = std::make_shared<PieceReader>(engine, found.object.pieces, found.object.size);
    }
    base->object = std::move(found.object);
    base->lease = std::move(found.lease);
    base_ = std::move(base);
}

LocalFile::~LocalFile() {
    for (const auto& writer : writers_) writer->abandon();
}

LocalFile::View LocalFile::view(std::uint64_t offset, std::uint64_t length) const {
    return {map_.find(offset, length), map_.size(), base_};
}

WriteState& LocalFile::writer() {
    if (!std::exchange(writing_, true)) {
        writers_.push_back(std::make_shared<WriteState>(engine_, target_));
        writers_.back()->lease();
    }
    return *writers_.back();
}

// ---- Reading ------------------------------------------------------------------------------------------------------

Task<Result<base::Buffer>> LocalFile::read(std::uint64_t offset, std::uint64_t length) {
    auto order = co_await order_.acquire();
    if (offset >= map_.size() || length == 0) co_return base::Buffer();
    length = std::min<std::uint64_t>({length, map_.size() - offset, limits::kBlockBytes});
    auto seen = view(offset, length);
    order.release();
    if (seen.runs.size() == 1 && seen.runs.front().length == length) {
        auto run = seen.runs.front();
        co_return co_await read_run(std::move(run), seen.base);
    }
    auto out = base::Buffer::allocate(length);
    CO_TRY_VOID(co_await fill(std::move(seen), offset, out.writable()));
    co_return out;
}

// `out` begins at `offset` and outlives the call.
Task<Result<void>> LocalFile::fill(View view, std::uint64_t offset, std::span<std::byte> out) {
    std::memset(out.data(), 0, out.size());
    for (const auto& run : view.runs) {
        CO_TRY(const auto bytes, co_await read_run(run, view.base));
        std::memcpy(out.data() + (run.offset - offset), bytes.data(), bytes.size());
    }
    co_return Result<void>();
}

// All bytes of a run of at most one block's length.
Task<Result<base::Buffer>> LocalFile::read_run(Run run, std::shared_ptr<const FileVersion> base) {
    if (run.kind == Run::Kind::memory) co_return run.memory->data.slice(run.from, run.length);
    if (run.kind == Run::Kind::stored) {
        const auto block = run.writer->blocks()[run.block];
        if (!block.stored) co_return block.data.slice(run.from, run.length);
        co_return co_await engine_.blocks().get(block.name, run.from, run.length);
    }
    CO_TRY(auto first, co_await base->pieces->read(run.from, run.length));
    if (first.size() == run.length) co_return first;
    auto out = base::Buffer::allocate(run.length);
    std::memcpy(out.writable().data(), first.data(), first.size());
    for (auto at = first.size(); at < run.length;) {
        CO_TRY(const auto more, co_await base->pieces->read(run.from + at, run.length - at));
        if (more.empty()) co_return fail(Code::corrupted, Subject::object, "the object ends before its size");
        std::memcpy(out.writable().data() + at, more.data(), more.size());
        at += more.size();
    }
    co_return out;
}

// ---- Writing ------------------------------------------------------------------------------------------------------

Task<Result<void>> LocalFile::write(std::uint64_t offset, base::Buffer data) {
    auto order = co_await order_.acquire();
    if (data.empty()) co_return Result<void>();
    if (offset > limits::kObjectBytesMax || data.size() > limits::kObjectBytesMax - offset) co_return too_large();
    if (data.size() > limits::kBlockBytes) {
        co_return fail(Code::invalid_argument, Subject::request, "a write is at most one block long");
    }
    // What could not be stored stays in memory: no more is taken before it could.
    CO_TRY_VOID(co_await recover_writers(writers_));
    map_.write(offset, std::move(data));
    ++changes_;
    if (map_.size() <= limits::kInlineBytesMax) co_return Result<void>();
    send_full(offset);
    if (map_.memory_bytes() > kMemoryBytesMax || map_.memory_runs() > kMemoryRunsMax) send_all();
    if (!writing_) co_return Result<void>();
    const auto current = writers_.back();
    order.release();
    (void)co_await current->room(1);
    co_return Result<void>();
}

// Sends what could not be stored again; fails when it cannot be stored now either.
Task<Result<void>> LocalFile::recover_writers(Writers writers) {
    for (const auto& writer : writers) {
        if (!writer->error()) continue;
        co_await writer->idle();
        writer->send_again();
        co_await writer->idle();
        if (writer->error()) co_return fail(*writer->error());
    }
    co_return Result<void>();
}

// What is in memory there, of at most one block's length, becomes a block.
void LocalFile::send_memory(std::uint64_t offset, std::uint64_t until) {
    const auto runs = map_.find(offset, until - offset);
    base::Buffer data;
    if (runs.size() == 1) {
        data = runs.front().memory->data.slice(runs.front().from, runs.front().length);
    } else {
        data = base::Buffer::allocate(until - offset);
        for (const auto& run : runs) {
            std::memcpy(data.writable().data() + (run.offset - offset), run.memory->data.data() + run.from, run.length);
        }
    }
    Run stored;
    stored.kind = Run::Kind::stored;
    stored.offset = offset;
    stored.length = until - offset;
    stored.block = writer().queue(std::move(data));
    stored.writer = writers_.back();
    map_.put(std::move(stored));
}

void LocalFile::send_full(std::uint64_t offset) {
    auto [begin, end] = map_.memory_around(offset);
    for (; end - begin >= limits::kBlockBytes; begin += limits::kBlockBytes) {
        send_memory(begin, begin + limits::kBlockBytes);
    }
}

void LocalFile::send_all() {
    for (std::uint64_t at = 0; map_.memory_runs() > 0;) {
        const auto* run = map_.at_or_after(at);
        at = run->end();
        if (run->kind != Run::Kind::memory) continue;
        auto [begin, end] = map_.memory_around(run->offset);
        at = end;
        for (; begin < end; begin += limits::kBlockBytes) {
            send_memory(begin, std::min<std::uint64_t>(begin + limits::kBlockBytes, end));
        }
    }
}

Task<Result<void>> LocalFile::truncate(std::uint64_t size) {
    const auto order = co_await order_.acquire();
    if (size > limits::kObjectBytesMax) co_return too_large();
    if (size == map_.size()) co_return Result<void>();
    map_.resize(size);
    ++changes_;
    co_return Result<void>();
}

Task<Result<void>> LocalFile::punch(std::uint64_t offset, std::uint64_t length) {
    const auto order = co_await order_.acquire();
    if (offset >= map_.size() || length == 0) co_return Result<void>();
    map_.erase(offset, length);
    ++changes_;
    co_return Result<void>();
}

// ---- Committing ---------------------------------------------------------------------------------------------------

Task<Result<FileEntry>> LocalFile::commit_as(FileAttributes changes, bool only_current) {
    auto order = co_await order_.acquire();
    const auto committing = co_await committing_.acquire();
    if (!changed()) {
        order.release();
        co_return co_await commit_attributes(std::move(changes));
    }
    const bool is_inline = map_.size() <= limits::kInlineBytesMax;
    if (!is_inline) send_all();
    auto whole = view(0, map_.size());
    const auto changes_seen = changes_;
    const auto round = map_.end_round();
    const auto writers = writers_;
    writing_ = false;
    order.release();

    for (const auto& writer : writers) co_await writer->idle();
    std::optional<FileCommit> blocks;
    Result<FileVersion> written;
    if (is_inline) {
        written = co_await commit_inline(std::move(whole), std::move(changes), only_current);
    } else {
        CO_TRY_VOID(co_await recover_writers(writers));
        blocks.emplace(engine_, entry_.key, target_, whole.base, whole.runs, whole.size);
        written = co_await blocks->run(std::move(changes), only_current);
    }
    if (!written) co_return fail(written.error());
    for (const auto& writer : writers) {
        if (blocks && blocks->names(*writer)) writer->keep();
        writer->abandon();
    }
    writers_.erase(writers_.begin(), writers_.begin() + static_cast<std::ptrdiff_t>(writers.size()));
    committed_ = changes_seen;
    adopt(std::move(*written), round);
    co_return entry_;
}

// As one call: nothing waits between the row's change and this.
void LocalFile::adopt(FileVersion version, std::uint64_t round) {
    entry_ = file_entry(entry_.key, version.object, version.state);
    std::shared_ptr<Bytes> memory;
    if (version.inline_body) memory = std::make_shared<Bytes>(Bytes{*version.inline_body, version.inline_body->size()});
    map_.rebase(round, std::move(memory));
    base_ = std::make_shared<FileVersion>(std::move(version));
}

Task<Result<FileVersion>> LocalFile::commit_inline(View whole, FileAttributes changes, bool only_current) {
    LocalEngine::NewContent content;
    if (only_current) content.base = whole.base->object.version;
    auto body = base::Buffer::allocate(whole.size);
    CO_TRY_VOID(co_await fill(std::move(whole), 0, body.writable()));
    content.size = body.size();
    content.is_inline = true;
    content.body = body.chars();
    content.etag = base::hex_encode(base::md5(content.body));
    content.changes = std::move(changes);
    FileVersion version;
    CO_TRY(auto row, co_await engine_.replace_content(target_.bucket, entry_.key, std::move(content)));
    version.object = std::move(row.object);
    version.state = row.state;
    version.inline_body = std::move(body);
    co_return version;
}

Task<Result<FileEntry>> LocalFile::commit_attributes(FileAttributes changes) {
    if (changes == FileAttributes()) co_return entry_;
    CO_TRY(const auto row, co_await engine_.merge_attributes(target_.bucket, entry_.key, std::move(changes)));
    const auto now = file_entry(entry_.key, row.object, row.state);
    entry_.attributes = now.attributes;
    entry_.links = now.links;
    // Of another version by now, the attributes are told, and that what is open is not what is there.
    if (entry_.version == now.version) entry_.state = now.state;
    co_return entry_;
}

}  // namespace larder::engine
