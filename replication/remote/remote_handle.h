// An open file of another process.
#pragma once

#include "replication/remote/keeper.h"

#include <functional>
#include <memory>

namespace larder::remote {

class RemoteHandle final : public engine::FileHandle {
 public:
    RemoteHandle(std::shared_ptr<Keeper> keeper, std::uint64_t session, Opened opened);
    ~RemoteHandle() override;

    const engine::FileEntry& entry() const override { return inside_->entry; }
    std::uint64_t size() const override { return inside_->state.size; }
    bool changed() const override { return inside_->state.changed; }
    io::Task<base::Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length) override;
    io::Task<base::Result<void>> write(std::uint64_t offset, base::Buffer data) override;
    io::Task<base::Result<void>> truncate(std::uint64_t size) override;
    io::Task<base::Result<void>> punch(std::uint64_t offset, std::uint64_t length) override;
    io::Task<base::Result<std::uint64_t>> seek(std::uint64_t offset, bool hole) override;
    io::Task<base::Result<void>> copy_from(FileHandle& source, std::uint64_t source_offset, std::uint64_t offset,
                                           std::uint64_t length) override;
    io::Task<base::Result<engine::FileEntry>> commit(FileAttributes changes) override {
        return commit_as(std::move(changes), false);
    }
    io::Task<base::Result<engine::FileEntry>> commit_if_current(FileAttributes changes) override {
        return commit_as(std::move(changes), true);
    }

 private:
    io::Task<base::Result<engine::FileEntry>> commit_as(FileAttributes changes, bool only_current);
    using Content = Keeper::Content;

    // Shared with calls under way.
    struct Inside {
        explicit Inside(std::shared_ptr<Keeper> k) : keeper(std::move(k)) {}
        ~Inside();
        std::shared_ptr<Keeper> keeper;
        std::uint64_t session = 0;
        HandleNumber number = 0;
        engine::FileEntry entry;
        HandleState state;
        std::uint64_t changes = 0;    // sent, whether answered or not
        std::uint64_t committed = 0;  // of these, how many a commit has made durable
        bool opening = false;
        std::vector<io::Promise<io::Done>> waiting;  // for the opening
    };
    using InsidePtr = std::shared_ptr<Inside>;
    using Make = std::function<Request(HandleNumber)>;

    // The file is open in the present session, again if need be.
    static io::Task<base::Result<void>> ready(InsidePtr inside, base::Instant deadline);
    static io::Task<base::Result<void>> open_again(InsidePtr inside, base::Instant deadline);
    static io::Task<Content> ask_reading(InsidePtr inside, Make make);
    static io::Task<Content> ask_changing(InsidePtr inside, Make make);
    static io::Task<base::Result<void>> change(InsidePtr inside, Make make);

    InsidePtr inside_;
};

}  // namespace larder::remote
