// The engine in this process: the tables and the block store of this node behind engine.h. Split over several .cc files
// by noun. Inside replication/ only.
#pragma once

#include "replication/company.h"
#include "replication/control_cache.h"
#include "replication/engine_parts.h"
#include "replication/files.h"
#include "replication/members.h"
#include "replication/model/bucket.h"
#include "replication/model/rows.h"
#include "replication/model/upload.h"
#include "replication/moved_rows.h"
#include "replication/peer_messages.h"
#include "replication/row_hooks.h"
#include "replication/table/coordinator.h"
#include "replication/table/db_row_store.h"
#include "src/io/sync.h"

#include <deque>
#include <list>
#include <set>

namespace larder::engine {

class LocalEngine final : public Engine, public EngineParts {
 public:
    LocalEngine(io::Env& env, base::Metrics& metrics, Options options);
    ~LocalEngine() override;
    Task<Result<void>> open();

    std::shared_ptr<const Bucket> find_bucket(std::string_view name) const override {
        return control_.find_bucket(name);
    }
    std::shared_ptr<const Bucket> find_bucket(const BucketId& id) const override { return control_.find_bucket(id); }
    std::vector<std::shared_ptr<const Bucket>> buckets() const override { return control_.buckets(); }
    std::shared_ptr<const AccessKey> find_key(std::string_view id) const override { return control_.find_key(id); }
    std::vector<std::shared_ptr<const AccessKey>> keys() const override { return control_.keys(); }
    Task<Result<std::shared_ptr<const Bucket>>> look_up_bucket(std::string name) override;
    Task<Result<std::shared_ptr<const AccessKey>>> look_up_key(std::string id) override;
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
    Task<Result<void>> take_over(io::NodeNumber node) override;

    // Null without contacts.
    Company* company() { return company_.get(); }
    table::Registers& cluster_rows(table::TableId table) { return *cluster_rows_.at(table); }

    // ---- for the writers and readers (object_writer.cc, object_reader.cc) ----

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

    Task<Result<Found>> find_content(BucketId bucket, std::string key) {
        return find_content(*object_rows_, bucket, std::move(key));
    }
    Task<Result<Found>> find_content(table::Registers& rows, BucketId bucket, std::string key);
    Task<Result<ContentRow>> replace_content(BucketId bucket, std::string key, NewContent content);
    // Without new content.
    Task<Result<ContentRow>> merge_attributes(BucketId bucket, std::string key, FileAttributes changes);

 private:
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
    void make_tables();
    void observe_rows();
    Task<Result<void>> recover();
    Task<void> recover_later();
    void start_background();
    Task<void> keep_clock_floor();
    io::NodeNumber self() const { return env_.network.self(); }
    void object_changed(const table::RowKey& key, const table::StoredRow& after);
    void tell(ChangeEvent event);

    // watch.cc
    struct Listening;
    bool holds(const BucketId& bucket) const;
    Task<Result<ChangePage>> watch_here(peer::Watch ask, base::Instant deadline);
    Task<Result<ChangePage>> watch_replicas(peer::Watch ask, base::Instant deadline);
    Task<void> listen_to(io::NodeNumber node, peer::Watch ask, Listening& all);
    // Returns how many rows could not be read.
    Task<Result<table::RangePage>> list_rows(BucketId bucket, ListQuery query);
    Task<Result<std::size_t>> collect_rows(std::string partition_key, std::function<void(table::RangeEntry&)> visit,
                                           table::Coordinator& rows);

    // control_rows.cc
    Result<void> load_control_rows();
    Result<void> load_table(table::TableId table, const std::string& partition_key);
    table::Coordinator& control_table(table::TableId table);
    void control_changed(table::TableId table, const table::RowKey& key, const table::StoredRow& after);
    void take_control(ControlCache::Word word);
    Result<bool> knows(const peer::Seen& what);
    Task<Result<table::Row>> read_control(table::TableId table, table::RowKey key);
    // Conditional and plain writes that every node knows of when they return, as far as it can be reached in a second.
    Task<Result<table::Row>> update_control(table::TableId table, table::RowKey key, table::Decide decide);
    Task<Result<Tag>> remove_control(table::TableId table, table::RowKey key);
    bool holds_control() const;
    Task<void> refresh_control();
    Task<Result<void>> refresh_table(table::TableId table);
    Task<void> spread(table::TableId table, table::RowKey key, Tag version);

    // peers.cc
    void serve_peers();
    Task<Result<io::Message>> ask_peer(io::NodeNumber node, peer::Ask ask, base::Duration patience);
    // Asks all of them at once; those that answered.
    Task<std::vector<io::NodeNumber>> ask_peers(std::vector<io::NodeNumber> nodes, peer::Ask ask,
                                                base::Duration patience);
    std::vector<io::NodeNumber> others() const;
    Task<Result<io::Message>> answer(peer::Seen ask);
    Task<Result<io::Message>> answer(peer::CloseBucket ask);
    Task<Result<io::Message>> answer(peer::CountUsage ask);
    Task<Result<io::Message>> answer(peer::IsCompleting ask);
    Task<Result<io::Message>> answer(peer::GivenUp ask);
    Task<Result<io::Message>> answer(peer::Watch ask);
    Task<Result<io::Message>> answer(peer::ShutOut ask);

    // bucket_deletion.cc
    Task<Result<Tag>> begin_deletion(BucketId id);
    Task<Result<void>> end_deletion(BucketId id, std::shared_ptr<BucketState> state);
    Task<Result<void>> take_back_deletion(BucketId id, io::NodeNumber node, std::uint32_t boot);
    Task<void> take_back_later(BucketId id);
    Task<Result<void>> empty_bucket(BucketId id, std::shared_ptr<BucketState> state, Tag mark);
    Task<Result<void>> undo_deletions(io::NodeNumber node);
    Task<Result<void>> close_bucket(BucketId id, std::uint16_t shards, Tag mark);
    Task<Result<void>> set_closed(BucketId id, Tag version, bool closed);
    Task<void> follow_deletion(BucketId id, Tag version, bool closed);
    Task<void> sweep_bucket(BucketId id, std::uint16_t shards);
    Result<void> load_closed();

    // buckets.cc
    Result<std::shared_ptr<BucketState>> bucket_for_write(const BucketId& id);
    // The same for a write that makes an object: its key must be one (engine.h).
    Result<std::shared_ptr<BucketState>> bucket_for_object(const BucketId& id, std::string_view key);
    std::shared_ptr<BucketState> bucket_state(const BucketId& id) const { return control_.state(id); }
    Task<Result<void>> claim_name(std::string name, BucketId id);
    Task<void> release_name(std::string name, BucketId id);
    Task<Result<bool>> is_taken(BucketId holder);
    Result<BucketUsage> counted_here(const BucketId& id);
    Task<Result<BucketUsage>> counted_usage(BucketId id);
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
    // `over`: only over this version of the row (conflict/version).
    Task<Result<void>> write_judged(std::shared_ptr<BucketState> bucket, std::string key, Judged judged,
                                    std::optional<Tag> over = std::nullopt);
    Task<Result<model::Object>> follow_link(BucketId bucket, std::string key, model::LinkId link);
    Task<Result<Found>> find_object(BucketId bucket, std::string key, bool with_body) {
        return find_object(*object_rows_, bucket, std::move(key), with_body);
    }
    Task<Result<Found>> find_object(table::Registers& rows, BucketId bucket, std::string key, bool with_body);
    Task<Result<ObjectInfo>> write_object(std::shared_ptr<BucketState> bucket, std::string key, model::Object object,
                                          std::string body, Guard guard);

    // copy.cc
    Task<Result<Copied>> copy_content(Found found, std::uint64_t offset, std::uint64_t length, Target target);
    Task<Result<void>> share_content(const Found& found, std::uint64_t offset, std::uint64_t length, Copied& copied);

    // uploads.cc
    Task<Result<model::Upload>> find_open_upload(BucketId bucket, std::string key, UploadId upload);
    Task<Result<model::Upload>> move_upload(BucketId bucket, std::string key, UploadId upload,
                                            std::function<Result<void>(model::Upload&)> edit);
    Task<Result<std::vector<Part>>> parts_of(UploadId upload);
    static std::map<int, Part> newest_of(std::vector<Part> parts);
    Task<Result<model::Object>> assemble(UploadId id, std::vector<CompletedPart> wanted, CompleteOptions options);
    Task<Result<ObjectInfo>> complete_open(std::shared_ptr<BucketState> bucket, model::Upload upload,
                                           std::vector<CompletedPart> wanted, CompleteOptions options);
    // completion.cc
    Task<Result<ObjectInfo>> write_completed(std::shared_ptr<BucketState> bucket, std::string key, Completed made,
                                             Condition condition);
    Task<Result<bool>> shut_out_completer(const model::Upload upload);
    Task<Result<table::Row>> last_word(table::RowKey key, bool may_live);
    Task<Result<void>> settle_upload(BucketId bucket, std::string key, UploadId upload);
    Task<Result<void>> clear_parts(BucketId bucket, std::string key, UploadId upload);
    Task<void> clear_ended(BucketId bucket, std::string key, UploadId upload);
    Task<Result<void>> abort_bucket_uploads(BucketId bucket);

    // garbage.cc, garbage_rows.cc
    struct Noted;
    Task<void> collect_garbage();
    Task<Result<bool>> collect_some();
    Task<Result<bool>> collect_old(db::ShardId shard);
    Result<std::vector<Noted>> noted_garbage(db::ShardId shard, std::string from);
    bool is_mine(const Noted& noted) const;
    Task<Result<bool>> give_up(db::ShardId shard, std::vector<Noted> noted);
    Task<void> put_aside(std::vector<Noted>& noted);
    Task<Result<std::vector<model::Owner>>> owners_to_drop(Garbage garbage);
    // Those that are gone then.
    Task<Result<std::set<model::Owner>>> drop_owners(std::vector<model::Owner> owners);
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
    Task<Result<void>> bring_directory(DirectoryMove move, std::shared_ptr<void> held);
    Task<void> bring_behind(DirectoryMove move, std::shared_ptr<void> held);
    Task<void> end_move(DirectoryMove move);
    Task<Result<void>> bring_rows(DirectoryMove move);
    static Task<void> bring_one(LocalEngine& self, DirectoryMove move, std::string rest, Result<void>& outcome,
                                io::Semaphore::Permit permit);
    Task<Result<void>> bring_row(DirectoryMove move, std::string rest);
    Task<Result<void>> drop_owner(model::Owner owner);
    // intents.cc
    Task<Result<void>> finish_intents(io::NodeNumber node);
    Task<Result<void>> finish_intent(model::Owner owner, model::Intent intent);
    Task<Result<void>> confirm(table::Coordinator& rows, table::RowKey key);
    Task<Result<void>> take_back_lost_blocks();
    Task<Result<void>> refer_again(model::Object object, std::set<model::Owner>& unknown);
    Task<void> drop_later(model::Owner owner);
    Task<void> forget_intent(model::Owner owner) { return forget_intent_of(self(), owner); }
    Task<void> forget_intent_of(io::NodeNumber node, model::Owner owner);

    // tombstones.cc
    enum class Collecting { never, now, later };
    table::Coordinator& table_of(table::TableId table);
    void note_tombstone(table::TableId table, table::RowKey key);
    Collecting collecting(table::TableId table, const table::RowKey& key);
    void collect_later(table::TableId table, table::RowKey key);
    Task<void> collect_one(table::TableId table, table::RowKey key);
    Task<void> collect_tombstones();
    Task<void> find_tombstones();
    bool somebody_is_away() const;
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
    std::unique_ptr<FixedMembers> only_me_;  // of a node that is given no cluster
    const Members* members_ = nullptr;
    std::unique_ptr<Company> company_;  // of one that is given contacts
    std::unique_ptr<quorum::TagSource> tags_;
    std::unique_ptr<table::DbRowStore> rows_;
    std::unique_ptr<table::Replica> replica_;
    // One coordinator a table.
    std::unique_ptr<table::Coordinator> bucket_rows_, name_rows_, key_rows_, upload_rows_, part_rows_, intent_rows_,
        page_rows_, move_rows_;
    std::map<table::TableId, std::unique_ptr<table::Coordinator>> cluster_rows_;  // members, invitations, layouts
    std::unique_ptr<table::Coordinator> object_table_;  // objects under the keys where their rows lie
    std::unique_ptr<MovedRows> object_rows_;            // and under those that they have
    std::unique_ptr<block::BlockStore> blocks_;

    ControlCache control_;
    std::vector<io::Promise<io::Done>> control_waiters_;  // for news of control rows
    std::set<BucketId> closed_;                           // to new rows, on this node's replica

    struct Change {
        std::uint64_t sequence;
        ChangeEvent event;
    };
    std::deque<Change> changes_;
    std::uint64_t change_sequence_ = 0;
    std::vector<io::Promise<io::Done>> watchers_;
    std::deque<std::pair<table::TableId, table::RowKey>> tombstones_;
    struct LaterTombstone {
        base::Instant when;
        table::TableId table;
        table::RowKey key;
    };
    std::deque<LaterTombstone> later_;
    bool tombstones_missed_ = false;  // more than were kept
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

Result<void> check_part_number(int number);
// What a mount is told of the file.
FileEntry file_entry(std::string key, const model::Object& object, Tag state);
// Judges the condition on the current state.
Result<void> judge(const Condition& condition, const model::Object* current, const std::string& key);

}  // namespace larder::engine
