// The handle of a file that is written behind.
#include "replication/write_behind/store.h"

#include <algorithm>

namespace larder::behind {

using base::Code;
using base::fail;
using base::Subject;

namespace {

bool is_lost(const base::Error& error) {
    return error.is(Code::disconnected);
}

class BehindHandle final : public engine::FileHandle {
 public:
    BehindHandle(WriteBehind& store, FilePtr file) : store_(store), file_(std::move(file)) { ++file_->handles; }
    ~BehindHandle() override { --file_->handles; }

    const FileEntry& entry() const override { return file_->entry; }
    std::uint64_t size() const override { return file_->size(); }
    bool changed() const override { return file_->changes != file_->committed; }

    Task<Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length) override {
        const auto file = file_;
        if (file->creation) {
            const std::string_view content = file->creation->content;
            const auto from = std::min<std::uint64_t>(offset, content.size());
            co_return base::Buffer::copy_of(content.substr(from, length));
        }
        CO_TRY_VOID(co_await ready(file));
        auto handle = file->handle;
        auto data = co_await handle->read(offset, length);
        if (data || !is_lost(data.error()) || file->writes.empty()) co_return data;
        if (file->handle == handle) file->handle.reset();
        CO_TRY_VOID(co_await ready(file));
        handle = file->handle;
        co_return co_await handle->read(offset, length);
    }

    Task<Result<void>> write(std::uint64_t offset, base::Buffer data) override {
        const auto file = file_;
        if (file->creation && file->write_here(offset, data.chars())) co_return Result<void>();
        if (file->creation) CO_TRY_VOID(co_await ready(file));
        if (!file->through && !file->has_room(data.size())) {
            // What was promised is not left to a handle alone, which may be lost.
            CO_TRY_VOID(co_await store_.store_now(file));
        }
        if (file->through || !file->has_room(data.size())) {
            CO_TRY_VOID(co_await ready(file));
            file->stop_keeping();
            file->wrote(offset, data.size());
            const auto handle = file->handle;
            co_return co_await handle->write(offset, std::move(data));
        }
        // Also while the store is away.
        file->keep(offset, data);
        store_.send(file, offset, std::move(data));
        co_return Result<void>();
    }

    Task<Result<void>> truncate(std::uint64_t size) override {
        const auto file = file_;
        if (file->creation && file->resize_here(size)) co_return Result<void>();
        CO_TRY_VOID(co_await ready_to_change(file));
        const auto handle = file->handle;
        CO_TRY_VOID(co_await handle->truncate(size));
        file->entry.size = size;
        co_return Result<void>();
    }

    Task<Result<void>> punch(std::uint64_t offset, std::uint64_t length) override {
        const auto file = file_;
        if (file->creation) {
            const auto end = std::min<std::uint64_t>(file->size(), offset + length);
            if (offset < end) file->write_here(offset, std::string(end - offset, '\0'));
            co_return Result<void>();
        }
        CO_TRY_VOID(co_await ready_to_change(file));
        const auto handle = file->handle;
        co_return co_await handle->punch(offset, length);
    }

    Task<Result<std::uint64_t>> seek(std::uint64_t offset, bool hole) override {
        const auto file = file_;
        if (file->creation) {
            if (offset >= file->size()) co_return fail(Code::not_found, Subject::object, "there is no data after it.");
            co_return hole ? file->size() : offset;
        }
        CO_TRY_VOID(co_await ready(file));
        const auto handle = file->handle;
        co_return co_await handle->seek(offset, hole);
    }

    Task<Result<void>> copy_from(FileHandle& source, std::uint64_t source_offset, std::uint64_t offset,
                                 std::uint64_t length) override {
        auto* const other = dynamic_cast<BehindHandle*>(&source);
        if (other == nullptr) co_return fail(Code::invalid_argument, Subject::request, "no file of this store.");
        const auto file = file_;
        const auto from = other->file_;
        CO_TRY_VOID(co_await ready(from));
        CO_TRY_VOID(co_await ready_to_change(file));
        const auto in = from->handle;
        const auto handle = file->handle;
        CO_TRY_VOID(co_await handle->copy_from(*in, source_offset, offset, length));
        file->entry.size = std::max(file->entry.size, offset + length);
        co_return Result<void>();
    }

    Task<Result<FileEntry>> commit(FileAttributes changes) override {
        return store_.commit(file_, std::move(changes), WriteBehind::Commit::durable);
    }
    Task<Result<FileEntry>> commit_if_current(FileAttributes changes) override {
        return store_.commit(file_, std::move(changes), WriteBehind::Commit::if_current);
    }
    Task<Result<FileEntry>> commit_soon(FileAttributes changes) override {
        return store_.commit(file_, std::move(changes), WriteBehind::Commit::soon);
    }

 private:
    Task<Result<void>> ready(FilePtr file) {
        if (file->handle && !file->creation) co_return Result<void>();
        co_return co_await store_.hand_over(file);
    }
    // Other changes than writes are the handle's alone.
    Task<Result<void>> ready_to_change(FilePtr file) {
        CO_TRY_VOID(co_await store_.store_now(file));
        CO_TRY_VOID(co_await ready(file));
        file->stop_keeping();
        ++file->changes;
        co_return Result<void>();
    }

    WriteBehind& store_;
    FilePtr file_;
};

}  // namespace

std::unique_ptr<engine::FileHandle> make_handle(WriteBehind& store, FilePtr file) {
    return std::make_unique<BehindHandle>(store, std::move(file));
}

}  // namespace larder::behind
