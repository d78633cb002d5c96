#include "fuse/content.h"

#include "src/base/limits.h"
#include "src/io/timeout.h"

#include <cstring>

namespace larder::fuse {

using base::Buffer;
using base::Result;
using io::Task;

Content::Content(io::Env& env, std::uint64_t size)
    : env_(env), size_(size), turn_(env.executor, 1), window_(env.executor, kWindowBytes), sending_(env.executor) {}

void Content::adopt(std::unique_ptr<engine::FileHandle> handle) {
    ENSURE(!changed_);
    handle_ = std::move(handle);
    error_.reset();
    bound_ = handle_->entry().key;
    size_ = handle_->size();
}

Task<Result<void>> Content::move_to(std::unique_ptr<engine::FileHandle> handle) {
    auto turn = co_await turn_.acquire();
    const auto key = handle->entry().key;
    if (bound_to(key)) co_return Result<void>();
    CO_TRY_VOID(co_await send_all());
    co_return co_await take_along(std::move(handle));
}

Task<Result<void>> Content::follow_on(std::unique_ptr<engine::FileHandle> handle) {
    auto turn = co_await turn_.acquire();
    // Another commit was faster.
    if (!changed_ || !appended_from_) co_return Result<void>();
    CO_TRY_VOID(co_await send_all());
    co_return co_await take_along(std::move(handle));
}

Task<Result<void>> Content::take_along(std::shared_ptr<engine::FileHandle> to) {
    const auto from = handle_;
    const auto begin = appended_from_.value_or(0);
    const auto length = size_ - begin;
    if (!appended_from_) CO_TRY_VOID(co_await to->truncate(0));
    const auto end = to->size();
    if (length > 0) CO_TRY_VOID(co_await to->copy_from(*from, begin, end, length));
    handle_ = to;
    bound_ = to->entry().key;
    if (appended_from_) appended_from_ = end;
    size_ = end + length;
    co_return Result<void>();
}

Task<Result<Buffer>> Content::read(std::uint64_t offset, std::uint64_t length) {
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_run());
    if (offset >= size_) co_return Buffer();
    const auto handle = handle_;
    auto reading = handle->read(offset, std::min({length, size_ - offset, std::uint64_t{base::limits::kBlockBytes}}));
    // A read may take long; writes that follow must not wait for it. It starts here and is ordered by that.
    io::Promise<Result<Buffer>> done(env_.executor);
    io::TaskGroup group(env_.executor);
    group.spawn(io::detail::run_into<Buffer>(std::move(reading), done));
    turn.release();
    co_return co_await done.future();
}

Task<Result<void>> Content::append(Buffer data) {
    auto turn = co_await turn_.acquire();
    if (!changed_) appended_from_ = size_;
    co_return co_await put(size_, std::move(data));
}

Task<Result<void>> Content::write(std::uint64_t offset, Buffer data) {
    auto turn = co_await turn_.acquire();
    appended_from_.reset();
    co_return co_await put(offset, std::move(data));
}

Task<Result<void>> Content::put(std::uint64_t offset, Buffer data) {
    CO_TRY_VOID(check());
    const auto end = offset + data.size();
    const bool adjacent = run_size_ > 0 && offset == run_offset_ + run_size_ && run_size_ + data.size() <= run_.size();
    if (!adjacent) {
        CO_TRY_VOID(co_await send_run());
        run_offset_ = offset;
        // What begins a run decides how much room it gets: a lone small write costs no megabyte.
        if (run_.size() < data.size() || run_.empty()) {
            run_ = Buffer::allocate(std::min(kRunBytes, std::max<std::size_t>(data.size(), next_run_)));
        }
    }
    std::memcpy(run_.writable().data() + run_size_, data.data(), data.size());
    run_size_ += data.size();
    next_run_ = std::min(kRunBytes, std::max<std::size_t>(run_size_ * 4, 16 << 10));
    changed_ = true;
    size_ = std::max(size_, end);
    if (run_size_ == run_.size()) CO_TRY_VOID(co_await send_run());
    co_return Result<void>();
}

Task<Result<void>> Content::send_run() {
    if (run_size_ > 0) {
        // Whoever waits here may be given up: the run stays until there is room for it.
        auto permit = co_await window_.acquire(run_size_);
        run_.truncate(std::exchange(run_size_, 0));
        sending_.spawn(send(handle_, run_offset_, std::exchange(run_, Buffer()), std::move(permit)));
    }
    co_return check();
}

// Everything must have arrived before it can be made durable, or taken along.
Task<Result<void>> Content::send_all() {
    CO_TRY_VOID(co_await send_run());
    auto all = co_await window_.acquire(kWindowBytes);
    co_return check();
}

Task<void> Content::send(std::shared_ptr<engine::FileHandle> handle, std::uint64_t offset, Buffer data,
                         io::Semaphore::Permit permit) {
    note(co_await handle->write(offset, std::move(data)));
    permit.release();
}

Task<Result<void>> Content::change(Task<Result<void>> task, std::uint64_t size) {
    // Given up before the answer nobody knows what the content is.
    struct Doubt {
        Content& content;
        bool over = false;
        ~Doubt() {
            if (!over)
                content.note(base::fail(base::Code::unknown_outcome, "a change of the file was given up half-way"));
        }
    };
    Doubt doubt{*this};
    changed_ = true;
    appended_from_.reset();
    const auto done = co_await std::move(task);
    doubt.over = true;
    if (done) size_ = size;
    co_return done;
}

void Content::note(const Result<void>& outcome) {
    if (!outcome && !error_) error_ = outcome.error();
}

Result<void> Content::check() const {
    if (!error_) return {};
    return base::fail(*error_);
}

Task<Result<void>> Content::truncate(std::uint64_t size) {
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_run());
    const auto handle = handle_;
    co_return co_await change(handle->truncate(size), size);
}

Task<Result<void>> Content::punch(std::uint64_t offset, std::uint64_t length) {
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_run());
    if (offset >= size_) co_return Result<void>();
    const auto handle = handle_;
    co_return co_await change(handle->punch(offset, std::min(length, size_ - offset)), size_);
}

Task<Result<std::uint64_t>> Content::seek(std::uint64_t offset, bool hole) {
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_run());
    const auto handle = handle_;
    co_return co_await handle->seek(offset, hole);
}

Task<Result<void>> Content::copy_from(Content& source, std::uint64_t source_offset, std::uint64_t offset,
                                      std::uint64_t length) {
    {
        auto turn = co_await source.turn_.acquire();
        CO_TRY_VOID(co_await source.send_run());
    }
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_run());
    const auto handle = handle_;
    const auto from = source.handle_;
    co_return co_await change(handle->copy_from(*from, source_offset, offset, length),
                              std::max(size_, offset + length));
}

Task<Result<engine::FileEntry>> Content::commit(engine::FileAttributes changes, bool soon) {
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_all());
    const auto handle = handle_;
    CO_TRY(auto entry, appended_from_ ? co_await handle->commit_if_current(std::move(changes))
                       : soon         ? co_await handle->commit_soon(std::move(changes))
                                      : co_await handle->commit(std::move(changes)));
    changed_ = false;
    appended_from_.reset();
    co_return entry;
}

}  // namespace larder::fuse
