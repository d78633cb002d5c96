#include "replication/remote/remote_handle.h"

namespace larder::remote {

using base::Code;
using base::fail;
using base::Result;
using base::Subject;
using io::Task;
using Content = Keeper::Content;

namespace {

std::unexpected<base::Error> lost(std::string why) {
    return fail(Code::disconnected, Subject::object, std::move(why));
}

}  // namespace

RemoteHandle::Inside::~Inside() {
    keeper->forget(session, number);
}

RemoteHandle::RemoteHandle(std::shared_ptr<Keeper> keeper, std::uint64_t session, Opened opened)
    : inside_(std::make_shared<Inside>(std::move(keeper))) {
    inside_->session = session;
    inside_->number = opened.handle;
    inside_->entry = std::move(opened.entry);
    inside_->state = opened.state;
}

RemoteHandle::~RemoteHandle() = default;

Task<Result<void>> RemoteHandle::ready(InsidePtr inside, base::Instant deadline) {
    while (inside->opening) {
        inside->waiting.emplace_back(inside->keeper->env().executor);
        const auto opened = inside->waiting.back();
        co_await opened.future();
    }
    if (inside->session == inside->keeper->session()) co_return Result<void>();
    struct Opening {
        Inside& inside;
        explicit Opening(Inside& i) : inside(i) { inside.opening = true; }
        ~Opening() {
            inside.opening = false;
            for (auto& waiter : std::exchange(inside.waiting, {})) waiter.set(io::Done{});
        }
    } const opening(*inside);
    co_return co_await open_again(inside, deadline);
}

Task<Result<void>> RemoteHandle::open_again(InsidePtr inside, base::Instant deadline) {
    if (inside->changes != inside->committed)
        co_return lost("what was written was not committed when the connection to larderd was lost.");
    const auto session = inside->keeper->session();
    CO_TRY(const auto answer, co_await inside->keeper->ask(session, Open{inside->entry.key}, deadline));
    CO_TRY(auto opened, decode_answer<Opened>(answer.body));
    const bool same = opened.entry.version == inside->entry.version && opened.entry.inode == inside->entry.inode;
    if (!same) {
        inside->keeper->forget(session, opened.handle);
        co_return lost("the file has changed since the connection to larderd was lost.");
    }
    inside->session = session;
    inside->number = opened.handle;
    inside->entry = std::move(opened.entry);
    inside->state = opened.state;
    co_return Result<void>();
}

Task<Content> RemoteHandle::ask_reading(InsidePtr inside, Make make) {
    const auto keeper = inside->keeper;
    const auto deadline = keeper->deadline();
    for (bool again = false;; again = true) {
        auto answer = Content(io::Message{});
        if (const auto open = co_await ready(inside, deadline); open) {
            answer = co_await keeper->ask(inside->session, make(inside->number), deadline);
        } else {
            answer = fail(open.error());
        }
        // With a connection the reason is the handle's own.
        const bool may_help = !answer && answer.error().is(Code::disconnected) &&
                              (inside->session != keeper->session() || !keeper->is_connected());
        if (!may_help || again || inside->changes != inside->committed) co_return answer;
        CO_TRY_VOID(co_await keeper->connected(deadline));
    }
}

Task<Content> RemoteHandle::ask_changing(InsidePtr inside, Make make) {
    const auto deadline = inside->keeper->deadline();
    CO_TRY_VOID(co_await ready(inside, deadline));
    ++inside->changes;
    co_return co_await inside->keeper->ask(inside->session, make(inside->number), deadline);
}

Task<Result<void>> RemoteHandle::change(InsidePtr inside, Make make) {
    CO_TRY(const auto answer, co_await ask_changing(inside, std::move(make)));
    CO_TRY(inside->state, decode_answer<HandleState>(answer.body));
    co_return Result<void>();
}

Task<Result<base::Buffer>> RemoteHandle::read(std::uint64_t offset, std::uint64_t length) {
    CO_TRY(auto answer,
           co_await ask_reading(inside_, [=](HandleNumber number) { return Read{number, offset, length}; }));
    if (answer.bulk.empty()) co_return base::Buffer();
    co_return std::move(answer.bulk.front());
}

Task<Result<void>> RemoteHandle::write(std::uint64_t offset, base::Buffer data) {
    return change(inside_, [=](HandleNumber number) { return Write{number, offset, data}; });
}

Task<Result<void>> RemoteHandle::truncate(std::uint64_t size) {
    return change(inside_, [=](HandleNumber number) { return Truncate{number, size}; });
}

Task<Result<void>> RemoteHandle::punch(std::uint64_t offset, std::uint64_t length) {
    return change(inside_, [=](HandleNumber number) { return Punch{number, offset, length}; });
}

Task<Result<std::uint64_t>> RemoteHandle::seek(std::uint64_t offset, bool hole) {
    CO_TRY(const auto answer,
           co_await ask_reading(inside_, [=](HandleNumber number) { return Seek{number, offset, hole}; }));
    CO_TRY(const auto position, decode_answer<Position>(answer.body));
    co_return position.offset;
}

Task<Result<void>> RemoteHandle::copy_from(FileHandle& source, std::uint64_t source_offset, std::uint64_t offset,
                                           std::uint64_t length) {
    const auto* const other = dynamic_cast<RemoteHandle*>(&source);
    if (other == nullptr || other->inside_->keeper != inside_->keeper)
        co_return fail(Code::invalid_argument, Subject::request, "the source is no file of this store.");
    const auto mine = inside_;
    const auto from = other->inside_;
    const auto deadline = mine->keeper->deadline();
    CO_TRY_VOID(co_await ready(from, deadline));
    CO_TRY_VOID(co_await ready(mine, deadline));
    if (from->session != mine->session) co_return lost("the connection to larderd was lost.");
    ++mine->changes;
    const CopyFrom copy{mine->number, from->number, source_offset, offset, length};
    CO_TRY(const auto answer, co_await mine->keeper->ask(mine->session, copy, deadline));
    CO_TRY(mine->state, decode_answer<HandleState>(answer.body));
    co_return Result<void>();
}

Task<Result<engine::FileEntry>> RemoteHandle::commit_as(FileAttributes changes, bool only_current) {
    const auto inside = inside_;
    std::uint64_t mark = 0;
    CO_TRY(const auto answer,
           co_await ask_changing(inside, [changes, only_current, &mark, inside](HandleNumber number) {
               mark = inside->changes;
               return Commit{number, changes, only_current};
           }));
    CO_TRY(auto committed, decode_answer<Committed>(answer.body));
    // What was written after it began stays uncommitted.
    if (inside->changes == mark) inside->committed = mark;
    inside->entry = committed.entry;
    inside->state = committed.state;
    co_return std::move(committed.entry);
}

}  // namespace larder::remote
