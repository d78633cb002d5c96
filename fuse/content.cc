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

Task<Result<Buffer>> Content::read(std::uint64_t offset, std::uint64_t length) {
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_run());
    if (offset >= size_) co_return Buffer();
    auto reading = handle_->read(offset, std::min({length, size_ - offset, std::uint64_t{base::limits::kBlockBytes}}));
    // A read may take long; writes that follow must not wait for it. It starts here and is ordered by that.
    io::Promise<Result<Buffer>> done(env_.executor);
    io::TaskGroup group(env_.executor);
    group.spawn(io::detail::run_into<Buffer>(std::move(reading), done));
    turn.release();
    co_return co_await done.future();
}

Task<Result<void>> Content::write(std::uint64_t offset, Buffer data) {
    auto turn = co_await turn_.acquire();
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
        run_.truncate(run_size_);
        run_size_ = 0;
        auto data = std::exchange(run_, Buffer());
        const auto offset = run_offset_;
        auto permit = co_await window_.acquire(data.size());
        sending_.spawn(send(offset, std::move(data), std::move(permit)));
    }
    co_return check();
}

Task<void> Content::send(std::uint64_t offset, Buffer data, io::Semaphore::Permit permit) {
    note(co_await handle_->write(offset, std::move(data)));
    permit.release();
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
    CO_TRY_VOID(co_await handle_->truncate(size));
    size_ = size;
    changed_ = true;
    co_return Result<void>();
}

Task<Result<void>> Content::punch(std::uint64_t offset, std::uint64_t length) {
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_run());
    if (offset >= size_) co_return Result<void>();
    CO_TRY_VOID(co_await handle_->punch(offset, std::min(length, size_ - offset)));
    changed_ = true;
    co_return Result<void>();
}

Task<Result<std::uint64_t>> Content::seek(std::uint64_t offset, bool hole) {
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_run());
    co_return co_await handle_->seek(offset, hole);
}

Task<Result<void>> Content::copy_from(Content& source, std::uint64_t source_offset, std::uint64_t offset,
                                      std::uint64_t length) {
    {
        auto turn = co_await source.turn_.acquire();
        CO_TRY_VOID(co_await source.send_run());
    }
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_run());
    CO_TRY_VOID(co_await handle_->copy_from(*source.handle_, source_offset, offset, length));
    size_ = std::max(size_, offset + length);
    changed_ = true;
    co_return Result<void>();
}

Task<Result<engine::FileEntry>> Content::commit(engine::FileAttributes changes) {
    auto turn = co_await turn_.acquire();
    CO_TRY_VOID(co_await send_run());
    // Everything sent must have arrived before it can be made durable.
    {
        auto all = co_await window_.acquire(kWindowBytes);
        CO_TRY_VOID(check());
    }
    CO_TRY(auto entry, co_await handle_->commit(std::move(changes)));
    changed_ = false;
    co_return entry;
}

}  // namespace larder::fuse
