// The store that writes behind. Inside replication/write_behind.
#pragma once

#include "replication/write_behind/behind_file.h"
#include "replication/write_behind/write_behind.h"

#include <map>
#include <unordered_map>

namespace larder::behind {

using base::Result;
using engine::FileStore;
using io::Task;

class WriteBehind final : public FileStore {
 public:
    WriteBehind(io::Env& env, FileStore& below, std::unique_ptr<Journal> journal, Options options);

    const engine::Bucket& bucket() const override { return below_.bucket(); }
    Task<Result<engine::FoundPath>> find(std::string path) override;
    Task<Result<engine::DirectoryPage>> list(std::string directory, std::string after, int limit) override;
    Task<Result<FileEntry>> create(NewFile file) override;
    Task<Result<FileEntry>> set_attributes(std::string key, FileAttributes changes) override;
    Task<Result<FileEntry>> set_xattr(std::string key, std::string name, std::optional<std::string> value,
                                      engine::XattrMode mode, std::int64_t ctime_ns) override;
    Task<Result<FileEntry>> remove(std::string key, std::int64_t ctime_ns) override;
    Task<Result<FileEntry>> rename(std::string from, std::string to, bool exclusive, std::int64_t ctime_ns) override;
    Task<Result<void>> exchange(std::string first, std::string second, std::int64_t ctime_ns) override;
    Task<Result<void>> rename_directory(std::string from, std::string to, std::int64_t ctime_ns) override;
    Task<Result<FileEntry>> link(std::string from, std::string to, std::int64_t ctime_ns) override;
    Task<Result<std::unique_ptr<engine::FileHandle>>> open(std::string key) override;
    Task<Result<engine::FileUsage>> usage() override { return below_.usage(); }
    Task<Result<engine::ChangePage>> watch(std::string since, base::Instant deadline) override;
    Task<Result<void>> settle(std::string prefix) override;

    // ---- for handles ----
    io::Env& env() { return env_; }
    // The file is in the store, and open there.
    Task<Result<void>> hand_over(FilePtr file);
    // To the store's handle, behind the caller's back: it is kept, and another handle gets it when this one is lost.
    void send(FilePtr file, std::uint64_t offset, base::Buffer data);
    // Waits until all that was promised of the file is stored.
    Task<Result<void>> store_now(FilePtr file);
    // Each is a call of FileHandle.
    enum class Commit : std::uint8_t { soon, durable, if_current };
    Task<Result<FileEntry>> commit(FilePtr file, FileAttributes changes, Commit how);

    // ---- recovery.cc ----
    Task<Result<void>> recover();

 private:
    // Held: the file's order.
    Task<Result<void>> need_handle(FilePtr file);
    FilePtr pending(const std::string& key) const;
    Task<Result<FileEntry>> create_now(NewFile file);
    std::optional<FileEntry> take_fresh(const std::string& key);
    void want(const FilePtr& file);
    Task<Result<void>> settle_file(FilePtr file);
    // Before names change: what is stored must not come back out of the journal.
    Task<Result<void>> settle_names(std::vector<std::string> keys);
    Result<void> note(const FilePtr& file);
    Task<Result<FileEntry>> commit_through(FilePtr file, FileAttributes changes, bool only_current);
    // storing.cc
    Task<void> store_file(FilePtr file);
    Task<Result<void>> store_once(FilePtr file);
    Task<Result<void>> store_creation(FilePtr file);
    Task<Result<void>> store_writes(FilePtr file);
    Task<void> sent(FilePtr file, std::uint64_t offset, base::Buffer data);
    Task<Result<FileEntry>> put_whole(NewFile file);
    Task<void> linger(FilePtr file);
    void hurry_soon(const FilePtr& file);
    Task<void> hurry_gathered();
    void leave(const FilePtr& file);
    void give_up(const FilePtr& file);
    void finished(const FilePtr& file, std::uint64_t upto, std::size_t records);
    Task<Result<void>> replay(Unstored unstored);
    Task<Result<void>> replay_made(NewFile file);
    Task<Result<void>> replay_changed(Changed changed);

    io::Env& env_;
    FileStore& below_;
    std::unique_ptr<Journal> journal_;
    Options options_;
    std::map<std::string, FilePtr, std::less<>> pending_;
    std::unordered_map<std::string, base::Tag> own_;  // states made here whose events have not come
    io::Semaphore slots_;
    struct Fresh {
        FileEntry entry;
        base::Instant until;
    };
    // Made a moment ago in the store, and empty: the first to open one need not ask for it.
    std::unordered_map<std::string, Fresh> fresh_;
    std::vector<FilePtr> gathered_;  // closed within the last moment
    std::vector<io::Promise<io::Done>> room_;
    io::TaskGroup tasks_;
};

// Whether trying again may help.
bool may_pass(const base::Error& error);
// Whether what stands there is what was promised at `attributes.ctime_ns`, or newer.
bool is_newer(const FileEntry& there, const FileAttributes& promised);

std::unique_ptr<engine::FileHandle> make_handle(WriteBehind& store, FilePtr file);

}  // namespace larder::behind
