// The operations of a session: each decoded request becomes one call of the store or of a handle.
#include "replication/remote/file_connection.h"
#include "src/io/task_group.h"

#include <algorithm>

namespace larder::remote {

using base::Code;
using base::fail;
using base::Result;
using base::Subject;
using Content = FileConnection::Content;

namespace {

constexpr auto kWatchMax = std::chrono::minutes(5);

template <typename Answer>
Content coded(const Result<Answer>& answer) {
    if (!answer) return fail(answer.error());
    return io::Message{encode_answer(*answer), {}};
}

Content coded(const Result<void>& done) {
    if (!done) return fail(done.error());
    return io::Message{encode_answer(Nothing()), {}};
}

HandleState state_of(const engine::FileHandle& handle) {
    return {handle.size(), handle.changed()};
}

Content state_after(const Result<void>& done, const engine::FileHandle& handle) {
    if (!done) return fail(done.error());
    return io::Message{encode_answer(state_of(handle)), {}};
}

// As many entries as fit into one frame; the others come with the next page.
Content coded_page(engine::DirectoryPage page) {
    std::size_t bytes = 64 + base::limits::kKeyBytesMax;
    std::size_t fit = 0;
    for (; fit < page.entries.size(); ++fit) {
        bytes += encode_answer(page.entries[fit]).size();
        if (bytes > rpc::kFramePayloadMax) break;
    }
    if (fit < page.entries.size()) {
        if (fit == 0) return fail(Code::too_large, Subject::object, "the attributes of one entry fill a whole answer.");
        page.entries.resize(fit);
        page.truncated = true;
        page.next = page.entries.back().key;
    }
    return io::Message{encode_answer(page), {}};
}

// Changes that do not fit into one frame are as good as missed: the bucket is to be listed afresh.
Content coded_changes(Result<engine::ChangePage> page) {
    if (!page) return fail(page.error());
    auto bytes = encode_answer(*page);
    if (bytes.size() > rpc::kFramePayloadMax) {
        page->events.clear();
        page->missed = true;
        bytes = encode_answer(*page);
    }
    return io::Message{std::move(bytes), {}};
}

io::Task<void> put_into(io::Task<Result<engine::ChangePage>> watch, io::Promise<Result<engine::ChangePage>> out) {
    out.set(co_await std::move(watch));
}

}  // namespace

Result<std::shared_ptr<engine::FileHandle>> FileConnection::handle(HandleNumber number) const {
    const auto found = handles_.find(number);
    if (found != handles_.end()) return found->second;
    return fail(Code::invalid_argument, Subject::request, "there is no open file of this number.");
}

io::Task<Content> FileConnection::run(Find ask) {
    co_return coded(co_await store_->find(std::move(ask.path)));
}

io::Task<Content> FileConnection::run(List ask) {
    const auto limit = std::clamp<std::uint32_t>(ask.limit, 1, 1u << 20);
    CO_TRY(auto page, co_await store_->list(std::move(ask.directory), std::move(ask.after), static_cast<int>(limit)));
    co_return coded_page(std::move(page));
}

io::Task<Content> FileConnection::run(Create ask) {
    co_return coded(co_await store_->create(std::move(ask.file)));
}

io::Task<Content> FileConnection::run(SetAttributes ask) {
    co_return coded(co_await store_->set_attributes(std::move(ask.key), std::move(ask.changes)));
}

io::Task<Content> FileConnection::run(SetXattr ask) {
    co_return coded(co_await store_->set_xattr(std::move(ask.key), std::move(ask.name), std::move(ask.value), ask.mode,
                                               ask.ctime_ns));
}

io::Task<Content> FileConnection::run(Remove ask) {
    co_return coded(co_await store_->remove(std::move(ask.key), ask.ctime_ns));
}

io::Task<Content> FileConnection::run(Rename ask) {
    co_return coded(co_await store_->rename(std::move(ask.from), std::move(ask.to), ask.exclusive, ask.ctime_ns));
}

io::Task<Content> FileConnection::run(Exchange ask) {
    co_return coded(co_await store_->exchange(std::move(ask.first), std::move(ask.second), ask.ctime_ns));
}

io::Task<Content> FileConnection::run(RenameDirectory ask) {
    co_return coded(co_await store_->rename_directory(std::move(ask.from), std::move(ask.to), ask.ctime_ns));
}

io::Task<Content> FileConnection::run(Link ask) {
    co_return coded(co_await store_->link(std::move(ask.from), std::move(ask.to), ask.ctime_ns));
}

io::Task<Content> FileConnection::run(Usage) {
    co_return coded(co_await store_->usage());
}

// Ends early when the daemon stops.
io::Task<Content> FileConnection::run(Watch ask) {
    auto& env = site_.world.env();
    if (dismissed_) co_return fail(Code::shutting_down, "the daemon is stopping");
    const auto wait = std::chrono::milliseconds(
        std::min<std::uint64_t>(ask.wait_ms, std::chrono::duration_cast<std::chrono::milliseconds>(kWatchMax).count()));
    const io::Promise<Result<engine::ChangePage>> page(env.executor);
    io::TaskGroup watching(env.executor);
    watching.spawn(put_into(store_->watch(std::move(ask.since), env.clock.after(wait)), page));
    std::erase_if(watches_, [](const auto& watch) { return watch.is_set(); });
    watches_.push_back(page);
    auto changes = co_await page.future();
    co_return coded_changes(std::move(changes));
}

io::Task<Content> FileConnection::run(Open ask) {
    if (handles_.size() + opening_ >= site_.options.handles)
        co_return fail(Code::overloaded, Subject::request, "too many files are open on this connection.");
    struct Opening {
        std::size_t& count;
        explicit Opening(std::size_t& c) : count(c) { ++count; }
        ~Opening() { --count; }
    } const opening(opening_);
    CO_TRY(auto opened, co_await store_->open(std::move(ask.key)));
    std::shared_ptr<engine::FileHandle> handle = std::move(opened);
    const auto number = ++last_handle_;
    handles_.emplace(number, handle);
    co_return io::Message{encode_answer(Opened{number, handle->entry(), state_of(*handle)}), {}};
}

// Calls under way keep the handle until they are done.
io::Task<Content> FileConnection::run(Close ask) {
    if (handles_.erase(ask.handle) == 0)
        co_return fail(Code::invalid_argument, Subject::request, "there is no open file of this number.");
    co_return coded(Result<void>());
}

io::Task<Content> FileConnection::run(Read ask) {
    CO_TRY(const auto file, handle(ask.handle));
    if (ask.length > base::limits::kBlockBytes)
        co_return fail(Code::invalid_argument, Subject::request, "at most 1 MiB is read at once.");
    CO_TRY(auto data, co_await file->read(ask.offset, ask.length));
    io::Message answer;
    if (!data.empty()) answer.bulk.push_back(std::move(data));
    co_return answer;
}

io::Task<Content> FileConnection::run(Write ask) {
    CO_TRY(const auto file, handle(ask.handle));
    if (ask.data.size() > base::limits::kBlockBytes)
        co_return fail(Code::invalid_argument, Subject::request, "at most 1 MiB is written at once.");
    const auto done = co_await file->write(ask.offset, std::move(ask.data));
    co_return state_after(done, *file);
}

io::Task<Content> FileConnection::run(Truncate ask) {
    CO_TRY(const auto file, handle(ask.handle));
    const auto done = co_await file->truncate(ask.size);
    co_return state_after(done, *file);
}

io::Task<Content> FileConnection::run(Punch ask) {
    CO_TRY(const auto file, handle(ask.handle));
    const auto done = co_await file->punch(ask.offset, ask.length);
    co_return state_after(done, *file);
}

io::Task<Content> FileConnection::run(Seek ask) {
    CO_TRY(const auto file, handle(ask.handle));
    CO_TRY(const auto offset, co_await file->seek(ask.offset, ask.hole));
    co_return io::Message{encode_answer(Position{offset}), {}};
}

io::Task<Content> FileConnection::run(CopyFrom ask) {
    CO_TRY(const auto file, handle(ask.handle));
    CO_TRY(const auto source, handle(ask.source));
    const auto done = co_await file->copy_from(*source, ask.source_offset, ask.offset, ask.length);
    co_return state_after(done, *file);
}

io::Task<Content> FileConnection::run(Commit ask) {
    CO_TRY(const auto file, handle(ask.handle));
    CO_TRY(auto entry, ask.only_current ? co_await file->commit_if_current(std::move(ask.changes))
                                        : co_await file->commit(std::move(ask.changes)));
    co_return io::Message{encode_answer(Committed{std::move(entry), state_of(*file)}), {}};
}

}  // namespace larder::remote
