// The engine in this process: the tables and the block store of this node behind engine.h. Split over several .cc files
// by noun. Inside replication/ only.
#pragma once

#include "replication/block/block_store.h"
#include "replication/files.h"
#include "replication/model/bucket.h"
#include "replication/model/rows.h"
#include "replication/model/upload.h"
#include "replication/moved_rows.h"
#include "replication/table/coordinator.h"
#include "replication/table/db_row_store.h"
#include "src/io/sync.h"

#include <deque>
#include <list>
#include <set>

namespace larder::engine {

using base::Code;
using base::fail;
using base::Subject;

class LocalEngine final : public Engine {
 public:
    LocalEngine(io::Env& env, base::Metrics& metrics, Options options);
    ~LocalEngine() override;
    Task<Result<void>> open();

    std::shared_ptr<const Bucket> find_bucket(std::string_view name) const override;
    std::shared_ptr<const Bucket> find_bucket(const BucketId& id) const override;
    std::vector<std::shared_ptr<const Bucket>> buckets() const override;
    std::shared_ptr<const AccessKey> find_key(std::string_view id) const override;
    std::vector<std::shared_ptr<const AccessKey>> keys() const override;
    Task<Result<std::shared_ptr<const Bucket>>> create_bucket(std::string name, std::string owner_key) override;
    Task<Result<void>> delete_bucket(BucketId id) override;
    Task<Result<std::shared_ptr<const Bucket>>> update_bucket(BucketId id,
                                                              std::function<Result<void>(Bucket&)> edit) override;
    Task<Result<BucketUsage>> bucket_usage(BucketId id) override;
    Task<Result<std::shared_ptr<const AccessKey>>> create_key(AccessKey wanted) override;
    Task<Result<std::shared_ptr<const AccessKey>>> update_key(std::string id,
                                                              std::function<Result<void>(AccessKey&)> edit) override;
    Task<Result<void>> delete_key(std::string id) override;

    Task<Result<ObjectInfo>> head_object(BucketId bucket, std::string key) override;
    Task<Result<std::unique_ptr<ObjectReader>>> open_object(BucketId bucket, std::string key) override;
    std::unique_ptr<ObjectWriter> put_object(BucketId bucket, std::string key,
                                             std::optional<std::uint64_t> size) override;
    Task<Result<DeleteOutcome>> delete_object(BucketId bucket, DeleteRequest request) override;
    Task<std::vector<Result<DeleteOutcome>>> delete_objects(BucketId bucket,
                                                            std::vector<DeleteRequest> requests) override;
    Task<Result<ListPage>> list_objects(BucketId bucket, ListQuery query) override;
    Task<Result<SummaryPage>> list_summaries(BucketId bucket, ListQuery query) override;
    Task<Result<ObjectInfo>> copy_object(CopySource source, BucketId bucket, std::string key,
                                         CopyOptions options) override;
    Task<Result<void>> update_properties(BucketId bucket, std::string key,
                                         std::function<Result<void>(ObjectProperties&)> edit) override;

    Task<Result<UploadInfo>> create_upload(UploadInfo wanted) override;
    Task<Result<UploadInfo>> find_upload(BucketId bucket, std::string key, UploadId upload) override;
    Task<Result<std::unique_ptr<ObjectWriter>>> put_part(BucketId bucket, std::string key, UploadId upload, int number,
                                                         std::optional<std::uint64_t> size) override;
    Task<Result<PartInfo>> copy_part(CopySource source, std::uint64_t offset, std::uint64_t length, BucketId bucket,
                                     std::string key, UploadId upload, int number, std::string etag,
                                     std::vector<Checksum> checksums) override;
    Task<Result<PartsPage>> list_parts(BucketId bucket, std::string key, UploadId upload, int after,
                                       int limit) override;
    Task<Result<UploadsPage>> list_uploads(BucketId bucket, UploadsQuery query) override;
    Task<Result<ObjectInfo>> complete_upload(BucketId bucket, std::string key, UploadId upload,
                                             std::vector<CompletedPart> parts, CompleteOptions options) override;
    Task<Result<void>> abort_upload(BucketId bucket, std::string key, UploadId upload) override;

    Result<std::unique_ptr<FileStore>> files(BucketId bucket) override;
    Task<Result<ChangePage>> watch(BucketId bucket, std::string prefix, std::string since,
                                   base::Instant deadline) override;
    Task<Result<EngineStatus>> status() override;
    Task<Result<std::vector<std::string>>> verify() override;
    Task<Result<void>> snapshot(std::string folder) override;
    Task<Result<void>> close() override;

    table::Registers& cluster_rows(table::TableId table) { return *cluster_rows_.at(table); }

    // ---- for the writers and readers (object_writer.cc, object_reader.cc) ----

    // Where a body goes when it is whole.
    struct Target {
        BucketId bucket;
        std::string key;
        std::optional<UploadId> upload;  // a part of it
        int part = 0;
    };
    // Makes a finished body visible: the row of the object or of the part.
    Task<Result<ObjectInfo>> commit_body(Target target, PutResultFacts facts, model::Object content, std::string body);
    Task<Result<void>> note_intent(model::Owner owner, Target target);
    // The write has ended, one way or the other. `keep`: its content is referenced by a row.
    void end_write(model::Owner owner, bool keep);
    // The same by what commit_body answered.
    void settle_write(model::Owner owner, const Target& target, const Result<ObjectInfo>& outcome);
    // An owner id that begins with the time, so that rows of one time lie together.
    model::Owner new_owner();
    block::BlockStore& blocks() { return *blocks_; }
    io::Env& env() { return env_; }
    io::TaskGroup& tasks() { return tasks_; }
    // A page of an owner's extents; never an empty one.
    Task<Result<std::vector<model::Extent>>> page_of(model::Owner owner, std::uint32_t number);
    // Cuts long extent lists into pages and writes them.
    Task<Result<model::Piece>> page_out(model::Piece piece);

    // ---- for files (file_handle.cc) ----

    // What stands at a key, with its body or a lease on its blocks: it can be read although it is replaced meanwhile.
    struct Found {
        model::Object object;
        std::string body;
        std::unique_ptr<block::Lease> lease;  // on its blocks; only of find_content
        Tag state;                            // of the row that holds it
        std::string row;                      // its sort key: the object's, or one that several names share
    };
    Task<Result<Found>> find_content(BucketId bucket, std::string key) {
        return find_content(*object_rows_, bucket, std::move(key));
    }
    Task<Result<Found>> find_content(table::Registers& rows, BucketId bucket, std::string key);
    // New content of an object that is there, which keeps its properties, attributes and identity.
    struct NewContent {
        std::optional<Tag> base;  // conflict/object unless this is the version there; none: whatever is there
        std::uint64_t size = 0;
        std::string etag;
        bool is_inline = false;
        std::string body;
        std::vector<model::Piece> pieces;
        FileAttributes changes;
    };
    struct ContentRow {
        model::Object object;
        Tag state;  // of the row
    };
    Task<Result<ContentRow>> replace_content(BucketId bucket, std::string key, NewContent content);
    // Without new content.
    Task<Result<ContentRow>> merge_attributes(BucketId bucket, std::string key, FileAttributes changes);

 private:
    struct BucketState {
        model::BucketRow row;
        std::shared_ptr<const Bucket> shown;
        int writes = 0;  // commits under way
    };
    // Counts a commit in its bucket, so that a deletion of the bucket waits for it.
    struct Writing {
        explicit Writing(std::shared_ptr<BucketState> b) : bucket(std::move(b)) { ++bucket->writes; }
        ~Writing() { --bucket->writes; }
        Writing(const Writing&) = delete;
        Writing& operator=(const Writing&) = delete;
        std::shared_ptr<BucketState> bucket;
    };

    friend class LocalFileStore;
    // What keeps others away: from moving these directories until all has arrived, and from changing rows below them
    // until the move is known.
    struct MoveHolds {
        std::shared_ptr<void> directories;
        std::shared_ptr<MovedRows::Closed> closed;
    };

    // engine.cc
    Result<void> read_identity();
    Result<void> write_identity();
    Result<void> lock_folder();
    Task<Result<void>> open_clock();
    Task<Result<void>> raise_clock_floor();
    Task<Result<void>> load_control_rows();
    void start_background();
    Task<void> keep_clock_floor();
    void object_changed(const table::RowKey& key, const table::StoredRow& after);
    void tell(ChangeEvent event);
    // Returns how many rows could not be read.
    Task<Result<table::RangePage>> list_rows(BucketId bucket, ListQuery query);
    Task<Result<std::size_t>> collect_rows(std::string partition_key, std::function<void(table::RangeEntry&)> visit,
                                           table::Coordinator& rows);

    // buckets.cc
    Result<std::shared_ptr<BucketState>> bucket_for_write(const BucketId& id);
    // The same for a write that makes an object: its key must be one (engine.h).
    Result<std::shared_ptr<BucketState>> bucket_for_object(const BucketId& id, std::string_view key);
    std::shared_ptr<BucketState> bucket_state(const BucketId& id) const;
    void show(model::BucketRow row);
    void forget(const BucketId& id);
    Task<Result<void>> claim_name(std::string name, BucketId id);
    Task<void> release_name(std::string name, BucketId id);
    Task<Result<void>> set_deleting(BucketId id, bool deleting);
    Task<Result<void>> empty_bucket(BucketId id, std::shared_ptr<BucketState> state);
    Task<void> undo_deletions();
    Result<BucketUsage> counted_usage(const BucketId& id);
    Task<Result<void>> check_quota(std::shared_ptr<BucketState> bucket, std::string key, std::uint64_t bytes);

    // object_rows.cc
    table::RowKey object_row(const BucketState& bucket, std::string_view key) const;
    Result<std::shared_ptr<BucketState>> bucket_for_read(const BucketId& id) const;
    // The content of a row that is one name of a file with several.
    table::RowKey link_row(const BucketState& bucket, std::string_view name, const model::LinkId& link) const;
    Task<Result<table::RowKey>> content_row(std::shared_ptr<BucketState> bucket, std::string key);
    using ContentEdit = std::function<Result<void>(model::Object& object, Tag version, std::string& body)>;
    Task<Result<ContentRow>> edit_content_row(std::shared_ptr<BucketState> bucket, std::string key, ContentEdit edit);
    // What a key comes to hold, from what it shows now; null: nothing.
    using Judged = std::function<Result<std::optional<table::Value>>(const model::Object* present, Tag version)>;
    Task<Result<void>> write_judged(std::shared_ptr<BucketState> bucket, std::string key, Judged judged);
    Task<Result<model::Object>> follow_link(BucketId bucket, std::string key, model::LinkId link);
    Task<Result<Found>> find_object(BucketId bucket, std::string key, bool with_body) {
        return find_object(*object_rows_, bucket, std::move(key), with_body);
    }
    Task<Result<Found>> find_object(table::Registers& rows, BucketId bucket, std::string key, bool with_body);
    Task<Result<ObjectInfo>> write_object(std::shared_ptr<BucketState> bucket, std::string key, model::Object object,
                                          std::string body, Condition condition);

    // copy.cc
    struct Copied {
        model::Object content;
        std::string body;
        std::optional<model::Owner> owner;
        std::unique_ptr<block::Lease> lease;  // the source's: its blocks stay while they get their second reference
    };
    Task<Result<Copied>> copy_content(Found found, std::uint64_t offset, std::uint64_t length, Target target);
    Task<Result<void>> share_content(const Found& found, std::uint64_t offset, std::uint64_t length, Copied& copied);

    // uploads.cc
    Task<Result<model::Upload>> find_open_upload(BucketId bucket, std::string key, UploadId upload);
    Task<Result<model::Upload>> move_upload(BucketId bucket, std::string key, UploadId upload,
                                            std::function<Result<void>(model::Upload&)> edit);
    struct Part {
        std::string row;  // sort key
        PartInfo info;
        model::Object content;
    };
    Task<Result<std::vector<Part>>> parts_of(UploadId upload);
    static std::map<int, Part> newest_of(std::vector<Part> parts);
    Task<Result<model::Object>> assemble(UploadId id, std::vector<CompletedPart> wanted, CompleteOptions options);
    Task<Result<ObjectInfo>> complete_open(std::shared_ptr<BucketState> bucket, model::Upload upload,
                                           std::vector<CompletedPart> wanted, CompleteOptions options);
    Task<Result<void>> settle_upload(BucketId bucket, std::string key, UploadId upload);
    Task<Result<void>> clear_parts(BucketId bucket, std::string key, UploadId upload);
    Task<void> clear_ended(BucketId bucket, std::string key, UploadId upload);
    Task<Result<void>> abort_bucket_uploads(BucketId bucket);

    // garbage.cc
    Task<void> collect_garbage();
    Task<Result<bool>> collect_some();
    // lost_names.cc
    Task<Result<bool>> settle_lost_names();
    Task<Result<void>> settle_lost_name(std::string lost);
    // file_moves.cc
    Task<Result<void>> take_up_moves();
    void take_up_move(const table::RangeEntry& entry);
    // Null while a move that meets one of them is under way.
    std::shared_ptr<void> hold_directories(const BucketId& bucket, const std::string& from, const std::string& to);
    Task<void> move_directory(DirectoryMove move, std::int64_t ctime_ns, MoveHolds holds,
                              io::Promise<Result<void>> done);
    void tell_directory_moved(const DirectoryMove& move);
    Task<void> bring_directory(DirectoryMove move, std::shared_ptr<void> held);
    Task<void> end_move(DirectoryMove move);
    Task<Result<void>> bring_rows(DirectoryMove move);
    static Task<void> bring_one(LocalEngine& self, DirectoryMove move, std::string rest, Result<void>& outcome,
                                io::Semaphore::Permit permit);
    Task<Result<void>> bring_row(DirectoryMove move, std::string rest);
    Task<Result<void>> drop_owner(model::Owner owner);
    Task<Result<void>> finish_intents();
    Task<Result<void>> finish_intent(model::Owner owner, model::Intent intent);
    Task<Result<void>> take_back_lost_blocks();
    Task<Result<void>> refer_again(model::Object object, std::set<model::Owner>& unknown);
    Task<void> drop_later(model::Owner owner);
    Task<void> forget_intent(model::Owner owner);
    Task<void> collect_tombstones();
    // Adds a sentence to `damage` for everything of the object that cannot be read.
    Task<Result<void>> check_object(BucketId bucket, std::string key, Result<model::Object> object,
                                    std::vector<std::string>& damage);
    // Every object of every bucket; corrupted for one whose row cannot be read.
    using ObjectVisit = std::function<Task<Result<void>>(BucketId, std::string, Result<model::Object>)>;
    Task<Result<void>> each_object(ObjectVisit visit);

    io::Env& env_;
    base::Metrics& metrics_;
    Options options_;
    std::unique_ptr<io::FileLock> lock_;
    base::NodeId node_;
    std::string cluster_name_;
    std::uint32_t boot_ = 0;
    std::unique_ptr<db::Db> db_;
    std::unique_ptr<block::BlockStore> blocks_;
    std::unique_ptr<quorum::FixedPlacement> placement_;
    std::unique_ptr<quorum::TagSource> tags_;
    std::unique_ptr<table::DbRowStore> rows_;
    std::unique_ptr<table::Replica> replica_;
    // One coordinator a table.
    std::unique_ptr<table::Coordinator> bucket_rows_, name_rows_, key_rows_, upload_rows_, part_rows_, intent_rows_,
        page_rows_, move_rows_;
    std::map<table::TableId, std::unique_ptr<table::Coordinator>> cluster_rows_;  // members, invitations, layouts
    std::unique_ptr<table::Coordinator> object_table_;  // objects under the keys where their rows lie
    std::unique_ptr<MovedRows> object_rows_;            // and under those that they have

    std::map<BucketId, std::shared_ptr<BucketState>> buckets_;
    std::map<std::string, BucketId, std::less<>> names_;
    std::map<std::string, std::shared_ptr<const AccessKey>, std::less<>> keys_;

    struct Change {
        std::uint64_t sequence;
        ChangeEvent event;
    };
    std::deque<Change> changes_;
    std::uint64_t change_sequence_ = 0;
    std::vector<io::Promise<io::Done>> watchers_;
    std::deque<std::pair<table::TableId, table::RowKey>> tombstones_;
    std::optional<io::Promise<io::Done>> garbage_wake_;
    std::vector<std::string> open_problems_;
    std::set<UploadId> completing_;  // by a task of this process
    struct MovingDirectory {
        BucketId bucket;
        std::string from, to;
    };
    std::list<MovingDirectory> moving_;
    bool closing_ = false;
    io::TaskGroup tasks_;
};

// Trees of db used by the engine itself.
constexpr db::TreeId kLostNamesTree = 51;  // tag of the change, key → names that files with several have lost
constexpr db::TreeId kGarbageTree = 48;    // tag of the change → owners no longer referenced
constexpr db::TreeId kClockTree = 50;      // "floor" → hybrid time
constexpr db::TreeId kUsageTree = 49;      // bucket id → objects, bytes (this shard's part)

Result<void> check_part_number(int number);
// What a mount is told of the file.
FileEntry file_entry(std::string key, const model::Object& object, Tag state);
// Judges the condition on the current state.
Result<void> judge(const Condition& condition, const model::Object* current, const std::string& key);

}  // namespace larder::engine
