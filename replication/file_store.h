// The file store of the engine in this process. Inside replication/ only.
#pragma once

#include "replication/files.h"
#include "replication/local_engine.h"

namespace larder::engine {

// Where a file's content row lies: at the name itself, or, of a file with several names, at a row they share.
struct ContentPlace {
    table::RowKey row;
    std::optional<model::LinkId> link;
};

FileEntry file_entry(std::string key, const model::Object& object, Tag state);

class LocalFileStore final : public FileStore {
 public:
    // `rows`: objects under the keys that they have, or, for what moves them there, under those where they lie.
    LocalFileStore(LocalEngine& engine, std::shared_ptr<BucketState> bucket, table::Registers& rows);

    const Bucket& bucket() const override { return *shown_; }
    Task<Result<FoundPath>> find(std::string path) override;
    Task<Result<DirectoryPage>> list(std::string directory, std::string after, int limit) override;
    Task<Result<FileEntry>> create(NewFile file) override;
    Task<Result<FileEntry>> set_attributes(std::string key, FileAttributes changes) override;
    Task<Result<FileEntry>> set_xattr(std::string key, std::string name, std::optional<std::string> value,
                                      XattrMode mode, std::int64_t ctime_ns) override;
    Task<Result<FileEntry>> remove(std::string key, std::int64_t ctime_ns) override;
    Task<Result<FileEntry>> rename(std::string from, std::string to, bool exclusive, std::int64_t ctime_ns) override;
    Task<Result<void>> exchange(std::string first, std::string second, std::int64_t ctime_ns) override;
    Task<Result<void>> rename_directory(std::string from, std::string to, std::int64_t ctime_ns) override;
    Task<Result<FileEntry>> link(std::string from, std::string to, std::int64_t ctime_ns) override;
    Task<Result<std::unique_ptr<FileHandle>>> open(std::string key) override;
    Task<Result<FileUsage>> usage() override;
    Task<Result<ChangePage>> watch(std::string since, base::Instant deadline) override;

 private:
    friend class LocalEngine;

    // What stands at a key, links followed.
    struct Standing {
        ContentPlace place;
        Tag state;
        model::Object object;
    };
    table::RowKey row_of(std::string_view key) const { return engine_.object_row(*bucket_, key); }
    Task<Result<std::optional<Standing>>> stand(std::string key);
    // The same for a listing: what cannot be read is shown with what is known.
    Task<Result<std::optional<FileEntry>>> shown(std::string key);
    FileEntry unreadable(std::string key) const;
    Task<Result<bool>> has_below(std::string directory);
    std::uint64_t implied_inode(std::string_view key) const;
    FileEntry implied(std::string key) const;
    // Changes the row of what stands at `key`, its content and version untouched.
    Task<Result<FileEntry>> edit(std::string key, std::function<Result<void>(model::Object&)> change);
    struct Owned;
    struct Moving;
    struct Renaming {
        std::optional<std::int64_t> ctime_ns;
        std::optional<Tag> before;  // only a row older than this; a newer one is none
    };
    struct Step {
        Tag version;
        std::optional<std::int64_t> ctime_ns;
    };
    Task<Result<Moving>> begin_move(std::string from, std::string to, Standing there);
    static Result<std::optional<table::Value>> moved(Moving& moving, const table::Row& from,
                                                     const std::vector<table::Row>& rows, Step step,
                                                     table::Decided& out);
    void end_move(const Moving& moving, const Result<std::vector<table::Row>>& done);
    Task<Result<FileEntry>> rename_row(std::string from, std::string to, bool exclusive, Renaming how);
    Task<Result<FileEntry>> rename_once(std::string from, std::string to, bool exclusive, Renaming how);
    Task<Result<FileEntry>> link_once(std::string from, std::string to, std::int64_t ctime_ns);
    Task<Result<FileEntry>> remove_row(std::string key);
    Task<Result<FileEntry>> remove_name(std::string key, Standing there, std::int64_t ctime_ns);
    Task<Result<void>> exchange_once(std::string first, std::string second, std::int64_t ctime_ns);
    Task<Result<void>> check_lengths(std::string from, std::string to);
    Task<Result<void>> move_marker(std::string from, std::string to, std::int64_t ctime_ns);
    // The object with its content under a new owner, for a row that is to name it.
    struct Owned {
        model::Object object;
        std::string body;
        std::optional<model::Owner> owner;
        std::unique_ptr<block::Lease> lease;
    };
    Task<Result<Owned>> own_content(std::string key, Tag seen, LocalEngine::Target target);

    LocalEngine& engine_;
    table::Registers& rows_;
    std::shared_ptr<BucketState> bucket_;
    std::shared_ptr<const Bucket> shown_;
};

}  // namespace larder::engine
