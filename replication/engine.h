// The front door of replication: buckets, access keys, objects, uploads, changes. Doors (S3, the mount, the admin API)
// include this header and nothing else of the engine. It has two makers: the engine in this process (make_engine), and,
// for mounts, a proxy over rpc that carries an access key's rights.
//
// Promises (docs/ARCHITECTURE.md): an acknowledged write is durable on a write quorum; every object is a linearizable
// register, listings follow the same rule; conditional writes are atomic over the cluster. All calls are made on the
// engine thread. A dropped task leaves either nothing or a whole write behind, never half of one.
//
// Keys of objects are 1 to 1024 bytes of UTF-8 without NUL: writes to others are invalid_argument/object. Errors common
// to all calls: quorum_not_reached, timeout, no_space, io_failure, corrupted, shutting_down; unknown_outcome of writes.
#pragma once

#include "replication/listing.h"
#include "replication/node.h"
#include "src/base/bytes.h"
#include "src/base/error.h"
#include "src/base/id.h"
#include "src/base/metrics.h"
#include "src/base/time.h"
#include "src/io/env.h"
#include "src/io/task.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::engine {
using base::BucketId;
using base::Result;
using base::Tag;
using base::UploadId;
using base::WallTime;
using io::Task;
// ---- Buckets ------------------------------------------------------------------------------------------------------
struct Quota {
    std::optional<std::uint64_t> bytes_max;
    std::optional<std::uint64_t> objects_max;
};

struct Bucket {
    BucketId id;
    std::vector<std::string> names;  // aliases, unique over the cluster; at least one
    WallTime created;
    std::string owner_key;  // access key id that made it; empty when an administrator did
    Quota quota;
    // Documents that doors keep with the bucket, by name ("cors", "tagging", …); the engine does not look inside.
    std::map<std::string, std::string> settings;
};

struct BucketUsage {
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
    std::uint64_t uploads = 0;  // multipart uploads in progress
};

// ---- Access keys --------------------------------------------------------------------------------------------------
struct Rights {
    bool read = false;
    bool write = false;
    bool owner = false;  // may change settings and delete the bucket
    bool any() const { return read || write || owner; }
};

struct AccessKey {
    std::string id;      // "LK" and 24 hexadecimal digits
    std::string secret;  // 64 hexadecimal digits; never logged
    std::string name;
    WallTime created;
    std::optional<WallTime> expires;
    bool disabled = false;
    bool may_create_buckets = false;
    std::map<BucketId, Rights> rights;
};

// ---- Objects ------------------------------------------------------------------------------------------------------
enum class ChecksumAlgorithm : std::uint8_t { crc32 = 1, crc32c = 2, crc64nvme = 3, sha1 = 4, sha256 = 5 };
struct Checksum {
    ChecksumAlgorithm algorithm = ChecksumAlgorithm::crc32;
    bool composite = false;  // a checksum of the parts' checksums; `value` is then followed by "-N" in texts
    std::string value;       // raw bytes
    bool operator==(const Checksum&) const = default;
};

using NamedValues = std::vector<std::pair<std::string, std::string>>;  // in order of giving

// What a writer says of an object besides its bytes.
struct ObjectProperties {
    NamedValues headers;   // lower-case names: content-type, cache-control, content-disposition, …
    NamedValues metadata;  // user metadata, names lower case without the door's prefix
    NamedValues tags;
    std::string storage_class;  // as asked for; empty is standard
};

// One part of an object written in parts; a plain PUT has none.
struct PartInfo {
    int number = 0;
    std::uint64_t size = 0;
    std::string etag;
    std::vector<Checksum> checksums;
    WallTime modified;
};

struct ObjectInfo {
    std::string key;
    Tag version;  // unique and rising; its time may be ahead of the clock
    WallTime modified;
    std::uint64_t size = 0;
    std::string etag;  // text without quotes
    ObjectProperties properties;
    std::vector<Checksum> checksums;
    std::vector<PartInfo> parts;  // ascending numbers, as given at completion
};

// Reads one version from start to end, whatever happens to the key meanwhile: its blocks stay while the reader lives.
class ObjectReader {
 public:
    virtual ~ObjectReader() = default;
    virtual const ObjectInfo& info() const = 0;
    // Up to `length` bytes from `offset`: at least one and at most one block's worth, verified; empty at the end.
    // Several reads may be under way at once (read-ahead). Errors: corrupted, when no replica has the bytes.
    virtual Task<Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length) = 0;
    // The whole body where it lies beside the row, instead of any read(); empty when it lies in blocks.
    virtual std::string take_inline() { return {}; }
};

// What must hold of the current version; judged atomically with the write.
struct Condition {
    bool if_absent = false;                      // If-None-Match: *  → precondition_failed when there is one
    bool if_present = false;                     // If-Match: *       → not_found when there is none
    std::optional<std::string> if_etag;          // If-Match: "…"     → not_found / precondition_failed
    std::optional<std::string> if_not_etag;      // If-None-Match: "…"
    std::optional<std::uint64_t> if_size;        // for deletes
    std::optional<WallTime> if_modified_second;  // for deletes: Last-Modified equals, to the second
    bool none() const {
        return !if_absent && !if_present && !if_etag && !if_not_etag && !if_size && !if_modified_second;
    }
};

// What is known only when the body has ended.
struct PutResultFacts {
    std::string etag;  // text without quotes
    std::vector<Checksum> checksums;
    ObjectProperties properties;
    Condition condition;
};

// Takes the body of one object or one part. Nothing is visible before commit() succeeds; destroying the writer first
// leaves nothing behind (its blocks are collected).
class ObjectWriter {
 public:
    virtual ~ObjectWriter() = default;
    // Appends bytes. Give full blocks (limits::kBlockBytes) where possible; the last may be short. Returns when there
    // is room for more, which may be before these are stored; a failure to store shows in a later call. `sha256` saves
    // a hash when the caller has the digest of exactly these bytes.
    virtual Task<Result<void>> write(base::Buffer data, std::optional<base::Hash256> sha256 = std::nullopt) = 0;
    virtual std::uint64_t size() const = 0;
    // Makes the object (or part) visible, durably. For a part: the condition must be empty, properties are ignored.
    // Errors: precondition_failed, not_found, conflict (lost a race: the client may retry), quota_exceeded,
    // not_found/upload (the upload ended meanwhile).
    virtual Task<Result<ObjectInfo>> commit(PutResultFacts facts) = 0;
};

struct DeleteOutcome {
    bool existed = false;
    std::optional<Tag> version;  // the version removed
};

struct DeleteRequest {
    std::string key;
    Condition condition;
};

struct ListPage {
    std::vector<ObjectInfo> objects;
    std::vector<std::string> prefixes;  // common prefixes, delimiter included
    bool truncated = false;             // exact: true only if something follows
    std::string next;                   // give as start_after to go on; the last entry or prefix of this page
};

struct CopySource {
    BucketId bucket;
    std::string key;
    // Judged on the source: precondition_failed.
    std::optional<std::string> if_etag;
    std::optional<std::string> if_not_etag;
    std::optional<WallTime> if_modified_since;
    std::optional<WallTime> if_unmodified_since;
};

struct CopyOptions {
    // Given: replaces the source's properties (each optional by itself).
    std::optional<ObjectProperties> properties;  // headers, metadata, storage class
    std::optional<NamedValues> tags;
    // Applied to the headers kept: names dropped, then pairs added.
    std::vector<std::string> headers_dropped;
    NamedValues headers_added;
    // Checksums and etag of the source are kept; `checksums` replaces them (the door computed another kind).
    std::optional<std::vector<Checksum>> checksums;
    std::optional<std::string> etag;
    Condition condition;  // on the destination
};

// ---- Multipart uploads --------------------------------------------------------------------------------------------
struct UploadInfo {
    UploadId id;
    BucketId bucket;
    std::string key;
    WallTime created;
    std::string owner_key;
    ObjectProperties properties;
    std::optional<ChecksumAlgorithm> checksum_algorithm;
    bool checksum_composite = true;  // COMPOSITE or FULL_OBJECT, as asked at creation
};

struct CompletedPart {
    int number = 0;
    std::string etag;                 // must equal the part's
    std::vector<Checksum> checksums;  // each given must equal the part's
};

struct CompleteOptions {
    std::string etag;                 // of the whole, computed by the door from the parts' etags
    std::vector<Checksum> checksums;  // of the whole
    Condition condition;
    std::optional<std::uint64_t> size;  // of the whole; invalid_argument/request if the parts differ
    std::uint64_t part_bytes_min = 0;   // of all but the last part; invalid_argument/part
};

struct UploadsQuery {
    std::string prefix;
    std::string delimiter;
    std::string key_marker;             // exclusive unless id_marker is given
    std::optional<UploadId> id_marker;  // uploads of key_marker with a greater (time, id)
    int limit = 1000;
};
struct UploadsPage {
    std::vector<UploadInfo> uploads;  // by key, then time of creation
    std::vector<std::string> prefixes;
    bool truncated = false;
    std::string next_key;
    std::optional<UploadId> next_id;
};
struct PartsPage {
    std::vector<PartInfo> parts;
    bool truncated = false;
};

// ---- Files -----------------------------------------------------------------------------------------------------
// Values as of stat(2). Absent: never set, by the mount or by a convention of user metadata (docs/SEMANTICS.md,
// "Attributes"); the mount then shows its own defaults.
struct FileAttributes {
    std::optional<std::uint32_t> mode;  // st_mode with the type's bits; a type other than regular, directory or
                                        // symbolic link makes the zero-byte object a special file
    std::optional<std::uint32_t> uid;
    std::optional<std::uint32_t> gid;
    std::optional<std::uint64_t> device;   // st_rdev
    std::optional<std::int64_t> mtime_ns;  // since 1970-01-01 UTC; may be negative
    std::optional<std::int64_t> atime_ns;
    std::optional<std::int64_t> ctime_ns;
    std::map<std::string, std::string> xattrs;
    bool operator==(const FileAttributes&) const = default;
};

// ---- Changes ------------------------------------------------------------------------------------------------------
struct ChangeEvent {
    BucketId bucket;
    std::string key;
    Tag version;
    bool removed = false;
};
struct ChangePage {
    std::vector<ChangeEvent> events;
    std::string next;     // give as `since` to go on
    bool missed = false;  // `since` was too old: list the bucket afresh, then go on from `next`
};

class FileStore;  // files.h

class Engine {
 public:
    virtual ~Engine() = default;

    // Access checks are the door's: the engine does what it is asked. Lookups of buckets and keys are local and at
    // once. What another node has just made may be missing here: before somebody is refused for that, look_up asks the
    // cluster (a node alone answers at once). Null: there is none.
    virtual std::shared_ptr<const Bucket> find_bucket(std::string_view name) const = 0;
    virtual std::shared_ptr<const Bucket> find_bucket(const BucketId& id) const = 0;
    virtual std::vector<std::shared_ptr<const Bucket>> buckets() const = 0;  // by first name
    virtual std::shared_ptr<const AccessKey> find_key(std::string_view id) const = 0;
    virtual std::vector<std::shared_ptr<const AccessKey>> keys() const = 0;  // by id
    virtual Task<Result<std::shared_ptr<const Bucket>>> look_up_bucket(std::string name) = 0;
    virtual Task<Result<std::shared_ptr<const AccessKey>>> look_up_key(std::string id) = 0;

    // already_exists/bucket when the name is taken. The owner key, when given, gets all rights.
    virtual Task<Result<std::shared_ptr<const Bucket>>> create_bucket(std::string name, std::string owner_key) = 0;
    // not_found/bucket; conflict/bucket when it still holds objects. Uploads in progress are aborted.
    virtual Task<Result<void>> delete_bucket(BucketId id) = 0;
    // Applies `edit` atomically to the current state; it may run more than once and may refuse. Names may be added or
    // removed (already_exists/bucket when taken).
    virtual Task<Result<std::shared_ptr<const Bucket>>> update_bucket(BucketId id,
                                                                      std::function<Result<void>(Bucket&)> edit) = 0;
    virtual Task<Result<BucketUsage>> bucket_usage(BucketId id) = 0;

    // `wanted` gives name and rights; an empty id or secret is made here. already_exists/access_key.
    virtual Task<Result<std::shared_ptr<const AccessKey>>> create_key(AccessKey wanted) = 0;
    virtual Task<Result<std::shared_ptr<const AccessKey>>> update_key(std::string id,
                                                                      std::function<Result<void>(AccessKey&)> edit) = 0;
    virtual Task<Result<void>> delete_key(std::string id) = 0;

    // not_found/object when there is none.
    virtual Task<Result<ObjectInfo>> head_object(BucketId bucket, std::string key) = 0;
    virtual Task<Result<std::unique_ptr<ObjectReader>>> open_object(BucketId bucket, std::string key) = 0;
    // `size` when known lets a small body skip the block path. Synchronous: nothing is written yet.
    virtual std::unique_ptr<ObjectWriter> put_object(BucketId bucket, std::string key,
                                                     std::optional<std::uint64_t> size) = 0;
    virtual Task<Result<DeleteOutcome>> delete_object(BucketId bucket, DeleteRequest request) = 0;
    // One outcome per request, in order.
    virtual Task<std::vector<Result<DeleteOutcome>>> delete_objects(BucketId bucket,
                                                                    std::vector<DeleteRequest> requests) = 0;
    virtual Task<Result<ListPage>> list_objects(BucketId bucket, ListQuery query) = 0;
    // The same without properties, for pages of thousands: nothing is copied out of the rows.
    virtual Task<Result<SummaryPage>> list_summaries(BucketId bucket, ListQuery query) = 0;
    // No content is moved.
    virtual Task<Result<ObjectInfo>> copy_object(CopySource source, BucketId bucket, std::string key,
                                                 CopyOptions options) = 0;
    // Changes properties (not the content, its time or version) atomically; `edit` may run more than once and may
    // refuse. not_found/object.
    virtual Task<Result<void>> update_properties(BucketId bucket, std::string key,
                                                 std::function<Result<void>(ObjectProperties&)> edit) = 0;

    virtual Task<Result<UploadInfo>> create_upload(UploadInfo wanted) = 0;  // id and created are made here
    // not_found/upload. A later write of the same number replaces the part.
    virtual Task<Result<UploadInfo>> find_upload(BucketId bucket, std::string key, UploadId upload) = 0;
    virtual Task<Result<std::unique_ptr<ObjectWriter>>> put_part(BucketId bucket, std::string key, UploadId upload,
                                                                 int number, std::optional<std::uint64_t> size) = 0;
    // A range of an existing object becomes a part; no content is moved.
    virtual Task<Result<PartInfo>> copy_part(CopySource source, std::uint64_t offset, std::uint64_t length,
                                             BucketId bucket, std::string key, UploadId upload, int number,
                                             std::string etag, std::vector<Checksum> checksums) = 0;
    virtual Task<Result<PartsPage>> list_parts(BucketId bucket, std::string key, UploadId upload, int after,
                                               int limit) = 0;
    virtual Task<Result<UploadsPage>> list_uploads(BucketId bucket, UploadsQuery query) = 0;
    // Idempotent: repeating a completion that succeeded returns the same object while it is the current version.
    // invalid_argument/part: missing, wrong etag or order, or too small (the message says which).
    virtual Task<Result<ObjectInfo>> complete_upload(BucketId bucket, std::string key, UploadId upload,
                                                     std::vector<CompletedPart> parts, CompleteOptions options) = 0;
    virtual Task<Result<void>> abort_upload(BucketId bucket, std::string key, UploadId upload) = 0;

    // The bucket as files, for mounts (files.h). not_found/bucket.
    virtual Result<std::unique_ptr<FileStore>> files(BucketId bucket) = 0;

    // Events of the bucket under `prefix` after `since` (empty: from now on). Waits until there is one or `deadline`.
    virtual Task<Result<ChangePage>> watch(BucketId bucket, std::string prefix, std::string since,
                                           base::Instant deadline) = 0;

    virtual Task<Result<EngineStatus>> status() = 0;
    // Reads and verifies everything stored; returns sentences naming what is damaged.
    virtual Task<Result<std::vector<std::string>>> verify() = 0;
    virtual Task<Result<void>> snapshot(std::string folder) = 0;
    // Brings to an end what a node had under way that was removed from the cluster for good, and gives up what it left
    // behind. Idempotent; of several members that do so each does all. quorum_not_reached/node: again later.
    virtual Task<Result<void>> take_over(io::NodeNumber node) = 0;
    // Ends background work and closes the stores.
    virtual Task<Result<void>> close() = 0;
};

// Opens (or creates) the node's data. Errors, each with its cure in the message: not_found (no node here and create is
// off), unsupported (newer format), conflict (locked by another process), permission_denied, corrupted.
Task<Result<std::unique_ptr<Engine>>> make_engine(io::Env& env, base::Metrics& metrics, Options options);

}  // namespace larder::engine
