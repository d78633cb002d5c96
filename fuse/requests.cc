// Each request of the kernel: its arguments taken over, its task started, its answer sent.
#include "fuse/requests.h"

#include <cerrno>
#include <cstring>
#include <sys/xattr.h>

namespace larder::fuse {
namespace {

Serving& serving(fuse_req_t request) {
    return *static_cast<Serving*>(fuse_req_userdata(request));
}
FileSystem& files(fuse_req_t request) {
    return *serving(request).files;
}
Caller caller(fuse_req_t request) {
    const auto* context = fuse_req_ctx(request);
    return {context->uid, context->gid};
}
double seconds(base::Duration time) {
    return std::chrono::duration<double>(time).count();
}

// What an interrupted request needs to be given up. Lives in the frame that answers it.
template <typename T>
struct Interruptible {
    Serving& serving;
    io::Promise<Answer<T>> out;
    base::Instant begun;
    io::Clock::Timer timer = 0;
};

template <typename T>
void interrupted(fuse_req_t, void* data) {
    auto& pending = *static_cast<Interruptible<T>*>(data);
    if (pending.timer != 0) return;
    const auto when = pending.begun + pending.serving.interrupt_after;
    pending.timer = pending.serving.env.clock.call_at(when, [out = pending.out] { out.set(refuse(EINTR)); });
}

template <typename T>
Task<void> run_into(Task<Answer<T>> task, io::Promise<Answer<T>> out) {
    out.set(co_await std::move(task));
}

// Answers when the task is done, or with EINTR when the one who waits was interrupted and it takes long: nothing that
// this mount waits for may make a process unkillable.
template <typename T, typename Reply>
Task<void> answer(fuse_req_t request, Task<Answer<T>> task, Reply reply) {
    auto& on = serving(request);
    Interruptible<T> pending{on, io::Promise<Answer<T>>(on.env.executor), on.env.clock.now()};
    io::TaskGroup group(on.env.executor);
    group.spawn(run_into<T>(std::move(task), pending.out));
    if (!pending.out.is_set()) fuse_req_interrupt_func(request, interrupted<T>, &pending);
    auto result = co_await pending.out.future();
    on.env.clock.cancel(pending.timer);
    if (!result) {
        fuse_reply_err(request, result.error());
    } else if constexpr (std::is_void_v<T>) {
        reply();
    } else {
        reply(std::move(*result));
    }
}

template <typename T, typename Reply>
void serve(fuse_req_t request, Task<Answer<T>> task, Reply reply) {
    serving(request).tasks.spawn(answer<T, Reply>(request, std::move(task), std::move(reply)));
}
void serve(fuse_req_t request, Task<Answer<>> task) {
    serve(request, std::move(task), [request] { fuse_reply_err(request, 0); });
}

fuse_entry_param entry_of(fuse_req_t request, const Found& found) {
    fuse_entry_param entry{};
    entry.ino = found.node;
    entry.attr = found.stat;
    entry.attr_timeout = entry.entry_timeout = seconds(files(request).ttl());
    return entry;
}
void serve_entry(fuse_req_t request, Task<Answer<Found>> task) {
    serve(request, std::move(task), [request](Found found) {
        const auto entry = entry_of(request, found);
        // The process that asked is gone: the kernel has not counted this lookup.
        if (fuse_reply_entry(request, &entry) == -ENOENT) files(request).forget(found.node, 1);
    });
}

void on_init(void* data, fuse_conn_info* connection) {
    static_cast<void>(data);
    connection->max_write = 1 << 20;
    connection->max_readahead = 1 << 20;
    connection->max_background = 64;
    connection->congestion_threshold = 48;
    const auto want = [connection](unsigned capability, bool wanted) {
        connection->want &= ~capability;
        if (wanted) connection->want |= connection->capable & capability;
    };
    want(FUSE_CAP_ASYNC_READ, true);
    want(FUSE_CAP_ATOMIC_O_TRUNC, true);
    want(FUSE_CAP_PARALLEL_DIROPS, true);
    want(FUSE_CAP_ASYNC_DIO, true);
    want(FUSE_CAP_READDIRPLUS, true);
    want(FUSE_CAP_READDIRPLUS_AUTO, false);
    want(FUSE_CAP_EXPLICIT_INVAL_DATA, true);
    want(FUSE_CAP_AUTO_INVAL_DATA, false);
    want(FUSE_CAP_CACHE_SYMLINKS, true);
    want(FUSE_CAP_HANDLE_KILLPRIV, false);  // the kernel then tells what to clear, by setattr
    want(FUSE_CAP_POSIX_ACL, false);
    want(FUSE_CAP_WRITEBACK_CACHE, false);
    want(FUSE_CAP_SPLICE_READ, false);  // slower than copies for replies made in memory
    want(FUSE_CAP_SPLICE_WRITE, false);
    want(FUSE_CAP_SPLICE_MOVE, false);
    want(FUSE_CAP_FLOCK_LOCKS, false);
    want(FUSE_CAP_POSIX_LOCKS, false);
}

// "Not there" is an answer the kernel may keep, too: an entry without a node.
Task<Answer<Found>> or_nothing(Task<Answer<Found>> task) {
    auto result = co_await std::move(task);
    if (!result && result.error() == ENOENT) co_return Found{};
    co_return result;
}
void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    serve_entry(request, or_nothing(files(request).lookup(parent, name)));
}
void on_forget(fuse_req_t request, fuse_ino_t node, std::uint64_t lookups) {
    files(request).forget(node, lookups);
    fuse_reply_none(request);
}
void on_forget_many(fuse_req_t request, std::size_t count, fuse_forget_data* list) {
    for (std::size_t i = 0; i < count; ++i) files(request).forget(list[i].ino, list[i].nlookup);
    fuse_reply_none(request);
}

void serve_stat(fuse_req_t request, Task<Answer<struct stat>> task) {
    serve(request, std::move(task),
          [request](struct stat stat) { fuse_reply_attr(request, &stat, seconds(files(request).ttl())); });
}
void on_getattr(fuse_req_t request, fuse_ino_t node, fuse_file_info*) {
    serve_stat(request, files(request).attributes(node));
}
std::int64_t nanoseconds(const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}
void on_setattr(fuse_req_t request, fuse_ino_t node, struct stat* wanted, int set, fuse_file_info*) {
    AttributeChanges changes;
    if ((set & FUSE_SET_ATTR_MODE) != 0) changes.mode = wanted->st_mode;
    if ((set & FUSE_SET_ATTR_UID) != 0) changes.uid = wanted->st_uid;
    if ((set & FUSE_SET_ATTR_GID) != 0) changes.gid = wanted->st_gid;
    if ((set & FUSE_SET_ATTR_SIZE) != 0) changes.size = static_cast<std::uint64_t>(wanted->st_size);
    if ((set & FUSE_SET_ATTR_ATIME_NOW) != 0) {
        changes.atime_now = true;
    } else if ((set & FUSE_SET_ATTR_ATIME) != 0) {
        changes.atime_ns = nanoseconds(wanted->st_atim);
    }
    if ((set & FUSE_SET_ATTR_MTIME_NOW) != 0) {
        changes.mtime_now = true;
    } else if ((set & FUSE_SET_ATTR_MTIME) != 0) {
        changes.mtime_ns = nanoseconds(wanted->st_mtim);
    }
    serve_stat(request, files(request).set_attributes(node, changes));
}
void on_readlink(fuse_req_t request, fuse_ino_t node) {
    serve(request, files(request).read_link(node),
          [request](std::string target) { fuse_reply_readlink(request, target.c_str()); });
}

void on_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
    serve_entry(request, files(request).make(parent, name, mode, device, caller(request)));
}
void on_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
    serve_entry(request, files(request).make_directory(parent, name, mode, caller(request)));
}
void on_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
    serve_entry(request, files(request).make_symlink(parent, name, target, caller(request)));
}
void on_link(fuse_req_t request, fuse_ino_t node, fuse_ino_t parent, const char* name) {
    serve_entry(request, files(request).link(node, parent, name));
}
void on_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
    serve(request, files(request).unlink(parent, name));
}
void on_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
    serve(request, files(request).remove_directory(parent, name));
}
void on_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
               unsigned flags) {
    serve(request, files(request).rename(parent, name, new_parent, new_name, flags));
}

void tell_opened(fuse_file_info& info, const Opened& opened) {
    info.fh = opened.file;
    info.keep_cache = opened.keep_cache ? 1 : 0;
    // A file open for reading only has nothing to store when it is closed.
    info.noflush = (info.flags & O_ACCMODE) == O_RDONLY ? 1 : 0;
}
void on_open(fuse_req_t request, fuse_ino_t node, fuse_file_info* given) {
    serve(request, files(request).open(node, given->flags), [request, info = *given](Opened opened) mutable {
        tell_opened(info, opened);
        if (fuse_reply_open(request, &info) == -ENOENT) {
            serving(request).tasks.spawn(files(request).release(opened.file));
        }
    });
}
void on_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* given) {
    serve(request, files(request).create(parent, name, mode, given->flags, caller(request)),
          [request, info = *given](std::pair<Found, Opened> made) mutable {
              tell_opened(info, made.second);
              const auto entry = entry_of(request, made.first);
              if (fuse_reply_create(request, &entry, &info) == -ENOENT) {
                  files(request).forget(made.first.node, 1);
                  serving(request).tasks.spawn(files(request).release(made.second.file));
              }
          });
}
void on_read(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
    serve(request, files(request).read(info->fh, static_cast<std::uint64_t>(offset), size),
          [request](base::Buffer data) { fuse_reply_buf(request, data.chars().data(), data.size()); });
}
void on_write(fuse_req_t request, fuse_ino_t, const char* bytes, std::size_t size, off_t offset, fuse_file_info* info) {
    // Pages of a mapping are written where they are.
    const bool append = (info->flags & O_APPEND) != 0 && info->writepage == 0;
    auto task = files(request).write(info->fh, static_cast<std::uint64_t>(offset), base::Buffer::copy_of({bytes, size}),
                                     append);
    serve(request, std::move(task), [request, size] { fuse_reply_write(request, size); });
}
void on_flush(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    serve(request, files(request).flush(info->fh));
}
void on_fsync(fuse_req_t request, fuse_ino_t, int, fuse_file_info* info) {
    serve(request, files(request).sync(info->fh));
}
Task<Answer<>> released(FileSystem& files, FileId file) {
    co_await files.release(file);
    co_return Answer<>();
}
void on_release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    serve(request, released(files(request), info->fh));
}
void on_fallocate(fuse_req_t request, fuse_ino_t, int mode, off_t offset, off_t length, fuse_file_info* info) {
    serve(request, files(request).allocate(info->fh, mode, static_cast<std::uint64_t>(offset),
                                           static_cast<std::uint64_t>(length)));
}
void on_lseek(fuse_req_t request, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
    serve(request, files(request).seek(info->fh, static_cast<std::uint64_t>(offset), whence),
          [request](std::uint64_t there) { fuse_reply_lseek(request, static_cast<off_t>(there)); });
}
void on_copy(fuse_req_t request, fuse_ino_t, off_t offset_in, fuse_file_info* in, fuse_ino_t, off_t offset_out,
             fuse_file_info* out, std::size_t length, int) {
    serve(request,
          files(request).copy_range(in->fh, static_cast<std::uint64_t>(offset_in), out->fh,
                                    static_cast<std::uint64_t>(offset_out), length),
          [request](std::uint64_t copied) { fuse_reply_write(request, copied); });
}

void on_opendir(fuse_req_t request, fuse_ino_t node, fuse_file_info* given) {
    serve(request, files(request).open_directory(node), [request, info = *given](FileId directory) mutable {
        info.fh = directory;
        if (fuse_reply_open(request, &info) == -ENOENT) files(request).release_directory(directory);
    });
}
// One answer's worth of entries.
struct Listing {
    std::vector<char> bytes;
    std::size_t used = 0;
};
void read_directory(fuse_req_t request, std::size_t size, off_t offset, fuse_file_info* info, bool plus) {
    auto out = std::make_shared<Listing>();
    out->bytes.resize(size);
    auto room = [request, out, plus](const DirectoryEntry& entry) {
        auto* const at = out->bytes.data() + out->used;
        const auto left = out->bytes.size() - out->used;
        std::size_t need = 0;
        if (plus) {
            const auto full = entry_of(request, entry.found);
            need = fuse_add_direntry_plus(request, at, left, entry.name.c_str(), &full, static_cast<off_t>(entry.next));
        } else {
            need = fuse_add_direntry(request, at, left, entry.name.c_str(), &entry.found.stat,
                                     static_cast<off_t>(entry.next));
        }
        if (need > left) return false;
        out->used += need;
        return true;
    };
    serve(request, files(request).read_directory(info->fh, static_cast<std::uint64_t>(offset), plus, std::move(room)),
          [request, out] { fuse_reply_buf(request, out->bytes.data(), out->used); });
}
void on_readdir(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
    read_directory(request, size, offset, info, false);
}
void on_readdirplus(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
    read_directory(request, size, offset, info, true);
}
void on_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    files(request).release_directory(info->fh);
    fuse_reply_err(request, 0);
}
void on_fsyncdir(fuse_req_t request, fuse_ino_t node, int, fuse_file_info*) {
    serve(request, files(request).sync_directory(node));
}
void on_statfs(fuse_req_t request, fuse_ino_t) {
    serve(request, files(request).usage(), [request](struct statvfs usage) { fuse_reply_statfs(request, &usage); });
}

void reply_sized(fuse_req_t request, std::size_t size, const std::string& value) {
    if (size == 0) {
        fuse_reply_xattr(request, value.size());
    } else if (value.size() > size) {
        fuse_reply_err(request, ERANGE);
    } else {
        fuse_reply_buf(request, value.data(), value.size());
    }
}
void on_getxattr(fuse_req_t request, fuse_ino_t node, const char* name, std::size_t size) {
    serve(request, files(request).xattr(node, name),
          [request, size](std::string value) { reply_sized(request, size, value); });
}
void on_listxattr(fuse_req_t request, fuse_ino_t node, std::size_t size) {
    serve(request, files(request).xattr_names(node),
          [request, size](std::string names) { reply_sized(request, size, names); });
}
void on_setxattr(fuse_req_t request, fuse_ino_t node, const char* name, const char* value, std::size_t size,
                 int flags) {
    auto mode = engine::XattrMode::create_or_replace;
    if ((flags & XATTR_CREATE) != 0) mode = engine::XattrMode::create;
    if ((flags & XATTR_REPLACE) != 0) mode = engine::XattrMode::replace;
    serve(request, files(request).set_xattr(node, name, std::string(value, size), mode));
}
void on_removexattr(fuse_req_t request, fuse_ino_t node, const char* name) {
    serve(request, files(request).set_xattr(node, name, std::nullopt, engine::XattrMode::replace));
}

fuse_lowlevel_ops make_operations() {
    fuse_lowlevel_ops table{};
    table.init = on_init;
    table.lookup = on_lookup;
    table.forget = on_forget;
    table.forget_multi = on_forget_many;
    table.getattr = on_getattr;
    table.setattr = on_setattr;
    table.readlink = on_readlink;
    table.mknod = on_mknod;
    table.mkdir = on_mkdir;
    table.symlink = on_symlink;
    table.link = on_link;
    table.unlink = on_unlink;
    table.rmdir = on_rmdir;
    table.rename = on_rename;
    table.open = on_open;
    table.create = on_create;
    table.read = on_read;
    table.write = on_write;
    table.flush = on_flush;
    table.fsync = on_fsync;
    table.release = on_release;
    table.fallocate = on_fallocate;
    table.lseek = on_lseek;
    table.copy_file_range = on_copy;
    table.opendir = on_opendir;
    table.readdir = on_readdir;
    table.readdirplus = on_readdirplus;
    table.releasedir = on_releasedir;
    table.fsyncdir = on_fsyncdir;
    table.statfs = on_statfs;
    table.getxattr = on_getxattr;
    table.listxattr = on_listxattr;
    table.setxattr = on_setxattr;
    table.removexattr = on_removexattr;
    return table;
}

}  // namespace

const fuse_lowlevel_ops& operations() {
    static const fuse_lowlevel_ops table = make_operations();
    return table;
}

}  // namespace larder::fuse
