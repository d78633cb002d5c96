// The handle of a file that is cached.
#include "replication/read_cache/store.h"

namespace larder::read_cache {

namespace {

class CachedHandle final : public engine::FileHandle {
 public:
    CachedHandle(Store& store, std::unique_ptr<engine::FileHandle> opened)
        : store_(store), source_(std::make_shared<Source>(store.env(), store.bucket().id, std::move(opened))) {}

    const FileEntry& entry() const override { return source_->handle->entry(); }
    std::uint64_t size() const override { return source_->handle->size(); }
    bool changed() const override { return source_->handle->changed(); }

    Task<Result<Buffer>> read(std::uint64_t offset, std::uint64_t length) override {
        const auto source = source_;
        auto* const store = &store_;
        auto turn = co_await source->order.acquire();
        const bool past = source->changed || !store->on() || length > kPieceBytes;
        if (!past) co_return co_await store->read(source, offset, length);
        turn.release();
        co_return co_await source->handle->read(offset, length);
    }
    Task<Result<void>> write(std::uint64_t offset, Buffer data) override {
        const auto source = source_;
        co_await begin_change(source);
        co_return co_await source->handle->write(offset, std::move(data));
    }
    Task<Result<void>> truncate(std::uint64_t size) override {
        const auto source = source_;
        co_await begin_change(source);
        co_return co_await source->handle->truncate(size);
    }
    Task<Result<void>> punch(std::uint64_t offset, std::uint64_t length) override {
        const auto source = source_;
        co_await begin_change(source);
        co_return co_await source->handle->punch(offset, length);
    }
    Task<Result<std::uint64_t>> seek(std::uint64_t offset, bool hole) override {
        const auto source = source_;
        co_await in_order(source);
        co_return co_await source->handle->seek(offset, hole);
    }
    Task<Result<void>> copy_from(FileHandle& from, std::uint64_t source_offset, std::uint64_t offset,
                                 std::uint64_t length) override {
        const auto target = source_;
        auto* const other = dynamic_cast<CachedHandle*>(&from);
        const auto origin = other == nullptr ? nullptr : other->source_;
        if (!origin) {
            co_return base::fail(base::Code::invalid_argument, base::Subject::request, "no file of this store.");
        }
        co_await in_order(origin);
        co_await begin_change(target);
        co_return co_await target->handle->copy_from(*origin->handle, source_offset, offset, length);
    }
    Task<Result<FileEntry>> commit(FileAttributes changes) override {
        const auto source = source_;
        co_await in_order(source);
        co_return co_await source->handle->commit(std::move(changes));
    }
    Task<Result<FileEntry>> commit_if_current(FileAttributes changes) override {
        const auto source = source_;
        co_await in_order(source);
        co_return co_await source->handle->commit_if_current(std::move(changes));
    }
    Task<Result<FileEntry>> commit_soon(FileAttributes changes) override {
        const auto source = source_;
        co_await in_order(source);
        co_return co_await source->handle->commit_soon(std::move(changes));
    }

 private:
    // After the changes called before; what follows is ordered by its beginning.
    static Task<void> in_order(SourcePtr source) { (co_await source->order.acquire()).release(); }
    // After everything called before. From here on the content is no version's.
    static Task<void> begin_change(SourcePtr source) {
        source->changed = true;
        (co_await source->order.acquire(Source::kAll)).release();
    }

    Store& store_;
    SourcePtr source_;
};

}  // namespace

std::unique_ptr<engine::FileHandle> make_handle(Store& store, std::unique_ptr<engine::FileHandle> opened) {
    return std::make_unique<CachedHandle>(store, std::move(opened));
}

}  // namespace larder::read_cache
