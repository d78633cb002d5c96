// A bucket's objects as files: what the mount needs beyond engine.h's whole objects. A file is the object of its key; a
// directory is the zero-byte object "path/", or is implied by keys under "path/". Two makers: Engine::files (in this
// process) and the proxy of replication/remote, which carries an access key's rights over a socket.
//
// Promises are those of engine.h: what a call has acknowledged is durable and every later call at any door sees it.
// POSIX attributes stand in the object's row: changing them makes no new version of the content and does not touch its
// S3 properties. All calls on the engine thread. Errors common to all: those of engine.h, permission_denied (the key
// may not), disconnected (proxy; reads may be repeated).
#pragma once

#include "replication/engine.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder::engine {

// What stands at one key.
struct FileEntry {
    std::string key;  // of the object; "path/" for directories
    // A directory that only its content implies: there is no object, and nothing below but `key` and `inode` is set.
    bool implied = false;
    base::Tag version;  // of the content: changes whenever it does, never when attributes do
    base::Tag state;    // of content and attributes: changes with either; ChangeEvent::version tells it
    base::WallTime modified;
    std::uint64_t size = 0;
    std::string etag;  // as S3 shows it, without quotes
    // Identity that outlives renames and changes of the content; never zero. Hard links share it.
    std::uint64_t inode = 0;
    std::uint32_t links = 1;  // names of the file
    FileAttributes attributes;
};

// What stands at a path. Both at once is possible: S3 knows no directories.
struct FoundPath {
    std::optional<FileEntry> object;     // the key itself
    std::optional<FileEntry> directory;  // "path/", marked or implied
};

struct DirectoryPage {
    std::vector<FileEntry> entries;  // by key; a marker of the directory itself is left out
    bool truncated = false;
    std::string next;  // give as `after` to go on
};

struct FileUsage {
    BucketUsage used;
    Quota quota;
    std::uint64_t total_bytes = 0;  // of the disks below, all copies counted once
    std::uint64_t free_bytes = 0;
};

// A file's content under way: reads see the version opened plus what was written through this handle; others see a
// change only after commit(). The content opened stays readable whatever happens to the key meanwhile. Dropping the
// handle drops what was not committed. Calls may overlap; they take effect in the order of calling.
class FileHandle {
 public:
    virtual ~FileHandle() = default;
    virtual const FileEntry& entry() const = 0;  // as opened, or as of the last commit
    virtual std::uint64_t size() const = 0;      // with what was written
    // min(length, size - offset) bytes; length is at most kBlockBytes. Holes read as zeros.
    virtual Task<Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length) = 0;
    // At most kBlockBytes at once. Costs about `data.size()` bytes of disk whatever the file's size. Returns when there
    // is room for more; a failure to store shows in a later call.
    virtual Task<Result<void>> write(std::uint64_t offset, base::Buffer data) = 0;
    virtual Task<Result<void>> truncate(std::uint64_t size) = 0;                       // growing makes a hole
    virtual Task<Result<void>> punch(std::uint64_t offset, std::uint64_t length) = 0;  // reads as zeros after
    // The next offset >= `offset` that is data (or hole; the end of the file is one), as lseek(2) SEEK_DATA and
    // SEEK_HOLE. not_found: no data after `offset`.
    virtual Task<Result<std::uint64_t>> seek(std::uint64_t offset, bool hole) = 0;
    // Content of another handle of the same store appears here; no content is moved where it can be shared.
    virtual Task<Result<void>> copy_from(FileHandle& source, std::uint64_t source_offset, std::uint64_t offset,
                                         std::uint64_t length) = 0;
    virtual bool changed() const = 0;  // since the last commit
    // Makes the content written so far the object's new version, durably, and merges `changes` into its attributes.
    // Without content written: only the attributes. The handle goes on from there. When the key holds another version
    // by now, the last writer wins whole: this content replaces it. not_found/object: the key is gone (nothing is made
    // again; the content of the handle stays readable). Failing keeps what was written: commit may be repeated.
    virtual Task<Result<FileEntry>> commit(FileAttributes changes) = 0;
    // The same, only over the version that was opened or committed last through this handle: conflict/object when the
    // key holds another by now, and what was written stays. For content that is to follow on what is there.
    virtual Task<Result<FileEntry>> commit_if_current(FileAttributes changes) = 0;
    // For close(2): as commit, but a store that writes behind may answer before it is durable against a power cut.
    virtual Task<Result<FileEntry>> commit_soon(FileAttributes changes) { return commit(std::move(changes)); }
};

struct NewFile {
    std::string key;  // "path/" makes a directory marker
    FileAttributes attributes;
    std::string content;      // target of a symbolic link; at most kInlineBytesMax
    bool exclusive = true;    // already_exists when something stands at the key; else it is replaced
    std::uint64_t inode = 0;  // of a file, when whoever makes it has to know it before; 0: the store chooses
    // A store that writes behind may answer before it has asked whether something stands at the key; then what stands
    // there is replaced.
    bool may_wait = false;
};

enum class XattrMode : std::uint8_t { create_or_replace, create, replace };

class FileStore {
 public:
    virtual ~FileStore() = default;
    virtual const Bucket& bucket() const = 0;  // as of opening the store

    // `path` without a trailing slash; empty is the root, always a directory.
    virtual Task<Result<FoundPath>> find(std::string path) = 0;
    // Direct children of `directory` ("" or "path/"), after the entry `after` (a key of an earlier page; empty: from
    // the start). Sub-directories come once each, with their marker's attributes when there is one.
    virtual Task<Result<DirectoryPage>> list(std::string directory, std::string after, int limit) = 0;
    virtual Task<Result<FileEntry>> create(NewFile file) = 0;
    // Merges what is set; `changes.xattrs` is ignored. An implied directory gets a marker.
    virtual Task<Result<FileEntry>> set_attributes(std::string key, FileAttributes changes) = 0;
    // nullopt removes. already_exists (create), not_found/none (replace, removal of what is not there).
    virtual Task<Result<FileEntry>> set_xattr(std::string key, std::string name, std::optional<std::string> value,
                                              XattrMode mode, std::int64_t ctime_ns) = 0;
    // One name of a file, or a directory's marker (conflict/object while keys stand under it). `ctime_ns` is set on a
    // file that has other names. Returns the entry as left behind: links is how many names remain.
    virtual Task<Result<FileEntry>> remove(std::string key, std::int64_t ctime_ns) = 0;
    // A file. Atomic, replaces `to` unless `exclusive` (already_exists). Names of one file: nothing happens.
    virtual Task<Result<FileEntry>> rename(std::string from, std::string to, bool exclusive, std::int64_t ctime_ns) = 0;
    // Both keys are files or both directories; each takes the other's place.
    virtual Task<Result<void>> exchange(std::string first, std::string second, std::int64_t ctime_ns) = 0;
    // Everything under "from/" stands under "to/" from one moment on, the marker with it. No content is moved, and rows
    // only later: what cannot be read then stays under its old name. Waits while a move of one of the directories, of
    // one above or below them, is not complete. conflict/object when anything stands under `to` but its marker.
    virtual Task<Result<void>> rename_directory(std::string from, std::string to, std::int64_t ctime_ns) = 0;
    // A second name of a file. already_exists.
    virtual Task<Result<FileEntry>> link(std::string from, std::string to, std::int64_t ctime_ns) = 0;
    virtual Task<Result<std::unique_ptr<FileHandle>>> open(std::string key) = 0;
    virtual Task<Result<FileUsage>> usage() = 0;
    // Of a store that writes behind: everything answered so far for keys beginning with `prefix` is in the store below.
    virtual Task<Result<void>> settle(std::string prefix) {
        static_cast<void>(prefix);
        co_return Result<void>();
    }
    // As Engine::watch, for this bucket. Changes of attributes are events too; a change of a file with several names is
    // one event for each.
    virtual Task<Result<ChangePage>> watch(std::string since, base::Instant deadline) = 0;
};

}  // namespace larder::engine
