#include "replication/remote/remote_store.h"

#include "replication/remote/remote_handle.h"

namespace larder::remote {
namespace {

using base::Result;
using engine::FileEntry;
using io::Task;

template <typename Answer>
Task<Result<Answer>> decoded(Task<Keeper::Content> asking) {
    CO_TRY(const auto answer, co_await std::move(asking));
    co_return decode_answer<Answer>(answer.body);
}

Task<Result<void>> done(Task<Keeper::Content> asking) {
    CO_TRY_VOID(co_await decoded<Nothing>(std::move(asking)));
    co_return Result<void>();
}

class RemoteFileStore final : public engine::FileStore {
 public:
    explicit RemoteFileStore(std::shared_ptr<Keeper> keeper) : keeper_(std::move(keeper)) {}
    ~RemoteFileStore() override { keeper_->close(); }

    const engine::Bucket& bucket() const override { return keeper_->bucket(); }
    Task<Result<engine::FoundPath>> find(std::string path) override {
        return decoded<engine::FoundPath>(read(Find{std::move(path)}));
    }
    Task<Result<engine::DirectoryPage>> list(std::string directory, std::string after, int limit) override {
        return decoded<engine::DirectoryPage>(
            read(List{std::move(directory), std::move(after), static_cast<std::uint32_t>(std::max(limit, 1))}));
    }
    Task<Result<FileEntry>> create(engine::NewFile file) override { return entry(Create{std::move(file)}); }
    Task<Result<FileEntry>> set_attributes(std::string key, FileAttributes changes) override {
        return entry(SetAttributes{std::move(key), std::move(changes)});
    }
    Task<Result<FileEntry>> set_xattr(std::string key, std::string name, std::optional<std::string> value,
                                      engine::XattrMode mode, std::int64_t ctime_ns) override {
        return entry(SetXattr{std::move(key), std::move(name), std::move(value), mode, ctime_ns});
    }
    Task<Result<FileEntry>> remove(std::string key, std::int64_t ctime_ns) override {
        return entry(Remove{std::move(key), ctime_ns});
    }
    Task<Result<FileEntry>> rename(std::string from, std::string to, bool exclusive, std::int64_t ctime_ns) override {
        return entry(Rename{std::move(from), std::move(to), exclusive, ctime_ns});
    }
    Task<Result<void>> exchange(std::string first, std::string second, std::int64_t ctime_ns) override {
        return done(keeper_->change(Exchange{std::move(first), std::move(second), ctime_ns}));
    }
    Task<Result<void>> rename_directory(std::string from, std::string to, std::int64_t ctime_ns) override {
        return done(keeper_->change(RenameDirectory{std::move(from), std::move(to), ctime_ns}));
    }
    Task<Result<FileEntry>> link(std::string from, std::string to, std::int64_t ctime_ns) override {
        return entry(Link{std::move(from), std::move(to), ctime_ns});
    }
    Task<Result<std::unique_ptr<engine::FileHandle>>> open(std::string key) override;
    Task<Result<engine::FileUsage>> usage() override { return decoded<engine::FileUsage>(read(Usage{})); }
    Task<Result<engine::ChangePage>> watch(std::string since, base::Instant deadline) override;

 private:
    using Handle = Result<std::unique_ptr<engine::FileHandle>>;

    Task<Keeper::Content> read(Request request) { return keeper_->read(std::move(request), keeper_->deadline()); }
    Task<Result<FileEntry>> entry(Request request) { return decoded<FileEntry>(keeper_->change(std::move(request))); }
    static Task<Handle> open_in(Keeper& keeper, std::string key);
    static Task<void> open_into(Keeper& keeper, std::string key, io::Promise<Handle> out);

    std::shared_ptr<Keeper> keeper_;
};

// On its own, so that a handle whose opener has gone away meanwhile is closed at the other end.
Task<RemoteFileStore::Handle> RemoteFileStore::open(std::string key) {
    const io::Promise<Handle> opened(keeper_->env().executor);
    auto mine = opened.future();
    keeper_->spawn(open_into(*keeper_, std::move(key), opened));
    co_return co_await std::move(mine);
}

Task<void> RemoteFileStore::open_into(Keeper& keeper, std::string key, io::Promise<Handle> out) {
    out.set(co_await open_in(keeper, std::move(key)));
}

Task<RemoteFileStore::Handle> RemoteFileStore::open_in(Keeper& keeper, std::string key) {
    CO_TRY(const auto answer, co_await keeper.read(Open{std::move(key)}, keeper.deadline()));
    CO_TRY(auto opened, decode_answer<Opened>(answer.body));
    co_return std::make_unique<RemoteHandle>(keeper.shared_from_this(), keeper.session(), std::move(opened));
}

Task<Result<engine::ChangePage>> RemoteFileStore::watch(std::string since, base::Instant deadline) {
    using std::chrono::milliseconds;
    const auto now = keeper_->env().clock.now();
    const auto wait = std::max(deadline - now, base::Duration(0));
    const auto ms = static_cast<std::uint64_t>(std::chrono::ceil<milliseconds>(wait).count());
    auto patience = std::max(deadline, now) + (keeper_->deadline() - now);
    return decoded<engine::ChangePage>(keeper_->read(Watch{std::move(since), ms}, patience));
}

}  // namespace

io::Task<base::Result<std::unique_ptr<engine::FileStore>>> connect_files(io::RealEnv& env, ConnectOptions options) {
    auto keeper = std::make_shared<Keeper>(env, std::move(options));
    CO_TRY_VOID(co_await keeper->open());
    co_return std::make_unique<RemoteFileStore>(std::move(keeper));
}

}  // namespace larder::remote
