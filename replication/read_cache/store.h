// The store that caches, as its handles see it. Inside replication/read_cache.
#pragma once

#include "replication/read_cache/pieces.h"
#include "src/io/sync.h"

#include <map>

namespace larder::read_cache {

using engine::FileAttributes;
using engine::FileEntry;

// What a handle shares with the calls under way through it.
struct Source {
    Source(io::Env& env, const base::BucketId& bucket, std::unique_ptr<engine::FileHandle> opened)
        : handle(std::move(opened)),
          bucket(bucket),
          inode(handle->entry().inode),
          version(handle->entry().version),
          size(handle->size()),
          order(env.executor, kAll) {}

    static constexpr std::size_t kAll = 1 << 20;

    const std::unique_ptr<engine::FileHandle> handle;
    // The version that was opened: what the content is until a change.
    const base::BucketId bucket;
    const std::uint64_t inode;
    const base::Tag version;
    const std::uint64_t size;
    bool changed = false;
    // The order of effect is the order of calling: a change waits for reads that may still have to ask the handle.
    io::Semaphore order;
};
using SourcePtr = std::shared_ptr<Source>;

class Store final : public ReadCache {
 public:
    Store(io::Env& env, engine::FileStore& below, std::unique_ptr<Pieces> pieces)
        : env_(env), below_(below), pieces_(std::move(pieces)), tasks_(env.executor) {}

    io::Env& env() { return env_; }
    bool on() const { return pieces_->on(); }
    // Of the version opened, within its size. Held by the caller: a place in the source's order.
    Task<Result<Buffer>> read(SourcePtr source, std::uint64_t offset, std::uint64_t length);

    Task<void> kept() override { return pieces_->written(); }

    const engine::Bucket& bucket() const override { return below_.bucket(); }
    Task<Result<engine::FoundPath>> find(std::string path) override { return below_.find(std::move(path)); }
    Task<Result<engine::DirectoryPage>> list(std::string directory, std::string after, int limit) override {
        return below_.list(std::move(directory), std::move(after), limit);
    }
    Task<Result<FileEntry>> create(engine::NewFile file) override { return below_.create(std::move(file)); }
    Task<Result<FileEntry>> set_attributes(std::string key, FileAttributes changes) override {
        return below_.set_attributes(std::move(key), std::move(changes));
    }
    Task<Result<FileEntry>> set_xattr(std::string key, std::string name, std::optional<std::string> value,
                                      engine::XattrMode mode, std::int64_t ctime_ns) override {
        return below_.set_xattr(std::move(key), std::move(name), std::move(value), mode, ctime_ns);
    }
    Task<Result<FileEntry>> remove(std::string key, std::int64_t ctime_ns) override {
        return below_.remove(std::move(key), ctime_ns);
    }
    Task<Result<FileEntry>> rename(std::string from, std::string to, bool exclusive, std::int64_t ctime_ns) override {
        return below_.rename(std::move(from), std::move(to), exclusive, ctime_ns);
    }
    Task<Result<void>> exchange(std::string first, std::string second, std::int64_t ctime_ns) override {
        return below_.exchange(std::move(first), std::move(second), ctime_ns);
    }
    Task<Result<void>> rename_directory(std::string from, std::string to, std::int64_t ctime_ns) override {
        return below_.rename_directory(std::move(from), std::move(to), ctime_ns);
    }
    Task<Result<FileEntry>> link(std::string from, std::string to, std::int64_t ctime_ns) override {
        return below_.link(std::move(from), std::move(to), ctime_ns);
    }
    Task<Result<std::unique_ptr<engine::FileHandle>>> open(std::string key) override;
    Task<Result<engine::FileUsage>> usage() override { return below_.usage(); }
    Task<Result<void>> settle(std::string prefix) override { return below_.settle(std::move(prefix)); }
    Task<Result<engine::ChangePage>> watch(std::string since, base::Instant deadline) override {
        return below_.watch(std::move(since), deadline);
    }

 private:
    struct Fetched {
        Result<Buffer> data;
        bool sure = false;  // it is the whole piece, and nothing else
    };
    using Fetch = std::shared_ptr<std::vector<io::Promise<Fetched>>>;  // who waits

    // Of one piece.
    Task<Result<Buffer>> read_within(SourcePtr source, Identity identity, std::uint64_t from, std::uint64_t length);
    Task<void> fetch(SourcePtr source, Identity identity, PieceName name, Fetch waiting);

    io::Env& env_;
    engine::FileStore& below_;
    std::unique_ptr<Pieces> pieces_;
    std::map<PieceName, Fetch> fetches_;  // under way
    io::TaskGroup tasks_;
};

std::unique_ptr<engine::FileHandle> make_handle(Store& store, std::unique_ptr<engine::FileHandle> opened);

}  // namespace larder::read_cache
