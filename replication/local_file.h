// The handle of a file in this process. Inside replication/ only.
#pragma once

#include "replication/content_map.h"
#include "replication/file_commit.h"
#include "replication/file_handle.h"

namespace larder::engine {

class LocalFile final : public FileHandle {
 public:
    LocalFile(LocalEngine& engine, BucketId bucket, std::string key, LocalEngine::Found found);
    ~LocalFile() override;

    const FileEntry& entry() const override { return entry_; }
    std::uint64_t size() const override { return map_.size(); }
    Task<Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length) override;
    Task<Result<void>> write(std::uint64_t offset, base::Buffer data) override;
    Task<Result<void>> truncate(std::uint64_t size) override;
    Task<Result<void>> punch(std::uint64_t offset, std::uint64_t length) override;
    Task<Result<std::uint64_t>> seek(std::uint64_t offset, bool hole) override;
    Task<Result<void>> copy_from(FileHandle& source, std::uint64_t source_offset, std::uint64_t offset,
                                 std::uint64_t length) override;
    bool changed() const override { return changes_ != committed_; }
    Task<Result<FileEntry>> commit(FileAttributes changes) override { return commit_as(std::move(changes), false); }
    Task<Result<FileEntry>> commit_if_current(FileAttributes changes) override {
        return commit_as(std::move(changes), true);
    }

 private:
    // What a call sees: the content as of its turn, whatever is done to the file while it waits for the disk.
    struct View {
        std::vector<Run> runs;
        std::uint64_t size = 0;
        std::shared_ptr<const FileVersion> base;
    };
    using Writers = std::vector<std::shared_ptr<WriteState>>;

    View view(std::uint64_t offset, std::uint64_t length) const;
    WriteState& writer();
    void send_memory(std::uint64_t offset, std::uint64_t until);
    void send_full(std::uint64_t offset);
    void send_all();
    Task<Result<void>> recover_writers(Writers writers);
    Task<Result<void>> fill(View view, std::uint64_t offset, std::span<std::byte> out);
    Task<Result<base::Buffer>> read_run(Run run, std::shared_ptr<const FileVersion> base);
    Task<Result<std::vector<Run>>> take_over(View source);
    Task<Result<FileEntry>> commit_as(FileAttributes changes, bool only_current);
    Task<Result<FileVersion>> commit_inline(View whole, FileAttributes changes, bool only_current);
    Task<Result<FileEntry>> commit_attributes(FileAttributes changes);
    void adopt(FileVersion version, std::uint64_t round);

    LocalEngine& engine_;
    LocalEngine::Target target_;
    FileEntry entry_;
    std::shared_ptr<const FileVersion> base_;
    ContentMap map_;
    Writers writers_;  // of what is not committed; the last takes more when `writing_`
    bool writing_ = false;
    std::uint64_t changes_ = 0;
    std::uint64_t committed_ = 0;
    io::Semaphore order_;       // calls take effect in order; most at once
    io::Semaphore committing_;  // one commit at a time, beside which reads and writes go on
};

}  // namespace larder::engine
