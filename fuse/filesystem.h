// The mount's file system: what each request of the kernel means over a FileStore. Knows nothing of libfuse: it is
// tested without a mount (tests/unit/fuse). Split over several .cc files by kind of request. Loop thread.
//
// Permissions are the kernel's (the mount asks for default_permissions). Every change of names and attributes is
// durable when its call ends. Content is durable after fsync() and flush(); until then others see the old version.
#pragma once

#include "fuse/content.h"
#include "fuse/errors.h"
#include "fuse/look_ahead.h"
#include "fuse/names.h"
#include "fuse/node_table.h"
#include "replication/files.h"
#include "src/io/env.h"
#include "src/io/task_group.h"

#include <deque>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unordered_map>

namespace larder::fuse {

using io::Task;

struct Options {
    // Shown where an object says nothing.
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t umask = 022;
    bool read_only = false;
    // How long the kernel may keep what it was told while changes are pushed to it, and while they are not.
    base::Duration live_ttl = std::chrono::seconds(600);
    base::Duration dead_ttl = std::chrono::seconds(1);
    // About so many files are known at a time, at some 700 bytes each; directories and open files come on top.
    std::size_t files_kept = 100'000;
};

struct Caller {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
};

struct Found {
    NodeId node = 0;
    struct stat stat{};
};

using FileId = std::uint64_t;  // of one open()
struct Opened {
    FileId file = 0;
    bool keep_cache = false;  // the bytes the kernel has are still right
};

// What a setattr request changes; times in nanoseconds.
struct AttributeChanges {
    std::optional<std::uint32_t> mode, uid, gid;
    std::optional<std::uint64_t> size;
    std::optional<std::int64_t> atime_ns, mtime_ns;
    bool atime_now = false, mtime_now = false;
};

struct DirectoryEntry {
    std::string name;
    Found found;             // node is 0 when attributes were not asked for
    std::uint64_t next = 0;  // give as offset to go on behind it
};

// Tells the kernel that what it holds is out of date. Calls return at once.
class Notifier {
 public:
    virtual ~Notifier() = default;
    virtual void attributes_changed(NodeId node) = 0;
    virtual void content_changed(NodeId node) = 0;
    virtual void entry_changed(NodeId parent, std::string name) = 0;
};

class FileSystem {
 public:
    FileSystem(io::Env& env, engine::FileStore& store, Options options, Notifier& notifier);
    ~FileSystem();

    // How long the answers given now may be kept.
    base::Duration ttl() const { return live_ ? options_.live_ttl : options_.dead_ttl; }
    // Follows the store's changes until dropped.
    Task<void> follow_changes();
    // Stores what is not stored yet, before an unmount. Returns how many files failed.
    Task<int> close();
    std::size_t nodes() const { return nodes_.size(); }

    // ---- names (namespace_ops.cc) ----
    Task<Answer<Found>> lookup(NodeId parent, std::string name);
    void forget(NodeId node, std::uint64_t lookups);
    // mode carries the type; of regular files, fifos, sockets and devices.
    Task<Answer<Found>> make(NodeId parent, std::string name, std::uint32_t mode, std::uint64_t device, Caller caller);
    Task<Answer<Found>> make_directory(NodeId parent, std::string name, std::uint32_t mode, Caller caller);
    Task<Answer<Found>> make_symlink(NodeId parent, std::string name, std::string target, Caller caller);
    Task<Answer<Found>> link(NodeId node, NodeId parent, std::string name);
    Task<Answer<>> unlink(NodeId parent, std::string name);
    Task<Answer<>> remove_directory(NodeId parent, std::string name);
    // flags of renameat2(2): RENAME_NOREPLACE, RENAME_EXCHANGE.
    Task<Answer<>> rename(NodeId parent, std::string name, NodeId new_parent, std::string new_name, unsigned flags);

    // ---- attributes (attribute_ops.cc) ----
    Task<Answer<struct stat>> attributes(NodeId node);
    Task<Answer<struct stat>> set_attributes(NodeId node, AttributeChanges changes);
    Task<Answer<std::string>> read_link(NodeId node);
    Task<Answer<std::string>> xattr(NodeId node, std::string name);
    Task<Answer<std::string>> xattr_names(NodeId node);  // each ended by NUL
    Task<Answer<>> set_xattr(NodeId node, std::string name, std::optional<std::string> value, engine::XattrMode mode);
    Task<Answer<struct statvfs>> usage();

    // ---- content (file_ops.cc) ----
    Task<Answer<Opened>> open(NodeId node, int flags);
    Task<Answer<std::pair<Found, Opened>>> create(NodeId parent, std::string name, std::uint32_t mode, int flags,
                                                  Caller caller);
    Task<Answer<base::Buffer>> read(FileId file, std::uint64_t offset, std::uint64_t length);
    // `append`: at the end of the file, as O_APPEND; `offset` is where the kernel believes that to be.
    Task<Answer<>> write(FileId file, std::uint64_t offset, base::Buffer data, bool append = false);
    Task<Answer<>> flush(FileId file);
    Task<Answer<>> sync(FileId file);
    Task<void> release(FileId file);
    Task<Answer<>> allocate(FileId file, int mode, std::uint64_t offset, std::uint64_t length);
    Task<Answer<std::uint64_t>> seek(FileId file, std::uint64_t offset, int whence);
    Task<Answer<std::uint64_t>> copy_range(FileId from, std::uint64_t from_offset, FileId to, std::uint64_t to_offset,
                                           std::uint64_t length);

    // ---- directories (directory_ops.cc) ----
    Task<Answer<FileId>> open_directory(NodeId node);
    // Everything made below it before is durable.
    Task<Answer<>> sync_directory(NodeId node);
    // Entries after `offset`, until `room` says no. With attributes each entry counts as a lookup.
    Task<Answer<>> read_directory(FileId directory, std::uint64_t offset, bool with_attributes,
                                  std::function<bool(const DirectoryEntry&)> room);
    void release_directory(FileId directory);

 private:
    struct OpenDirectory;
    // What a name stands for. The segment cannot be read from every name (names.h, Meaning::Kind::search).
    struct Resolved {
        NodePtr node;
        std::string segment;
    };

    NodePtr node(NodeId id) const { return nodes_.find(id); }
    std::int64_t now_ns();
    struct stat stat_of(const Node& node) const;
    // Of a child that has no node.
    struct stat stat_of_entry(engine::FileEntry entry) const;
    Found found(const NodePtr& node);
    bool is_fresh(const Node& node) const;
    // The entry as the store has it, unless it is known. ENOENT or ESTALE when it is no more.
    Task<Answer<>> refresh(NodePtr node);
    // What stands at a name: asks the store unless it is known.
    Task<Answer<Resolved>> resolve(NodePtr parent, std::string name, bool use_known);
    Task<base::Result<engine::FoundPath>> ask(std::string directory, std::string segment);
    // What the store has there.
    Task<base::Result<engine::FoundPath>> find(std::string directory, std::string segment);
    Task<void> look_ahead(std::string directory, std::string after);
    Task<Answer<Resolved>> search(NodePtr parent, std::string name, std::string prefix);
    Task<Answer<NodePtr>> make_entry(NodePtr parent, std::string name, engine::NewFile file, Caller caller);
    // A directory that only content implies gets an object, so that it stays when its last child goes.
    Task<Answer<>> keep_directory(NodePtr directory);
    Task<Answer<>> check_empty(std::string directory);
    void touch_directory(const NodePtr& directory);
    Task<void> store_times_later(NodePtr directory);
    Task<void> store_times(NodePtr directory);
    Task<Answer<>> rename_file(NodePtr from, std::string segment, NodePtr to, std::string target, bool exclusive);
    Task<Answer<>> rename_directory(NodePtr from, std::string segment, NodePtr to, std::string target, bool exclusive);
    Task<Answer<>> exchange(NodePtr from, Resolved first, NodePtr to, Resolved second);
    // Of the content of all open files at or below the node, before their keys change.
    Task<Answer<>> commit_below(NodePtr node);

    Task<Answer<std::shared_ptr<Content>>> content_of(NodePtr node, bool for_writing);
    // `soon`: for close, which may be answered before it is durable against a power cut (FileHandle::commit_soon).
    Task<Answer<>> commit(NodePtr node, bool soon);
    Task<Answer<>> follow_on(NodePtr file);
    // Before its last name goes: an open file stays readable.
    Task<Answer<>> hold_content(NodePtr node);
    void drop_content(const NodePtr& node);
    Task<Answer<>> set_size(NodePtr node, std::uint64_t size);

    void take_change(const engine::ChangeEvent& change);
    void forget_everything();
    void keep_few();
    Task<Answer<>> fill(OpenDirectory& directory);

    io::Env& env_;
    engine::FileStore& store_;
    Options options_;
    Notifier& notifier_;
    NodeTable nodes_;
    LookAhead ahead_;
    bool live_ = false;
    std::int64_t last_ns_ = 0;
    FileId last_file_ = 0;
    NodeId kept_few_at_ = 0;                     // the newest node then
    std::unordered_map<FileId, NodePtr> files_;  // open
    std::unordered_map<FileId, std::unique_ptr<OpenDirectory>> directories_;
    io::TaskGroup tasks_;
};

}  // namespace larder::fuse
