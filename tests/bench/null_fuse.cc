// The floor of the mount: a file system that answers everything from memory, over the same session loop (one thread)
// and with the same kernel options and times to live as larder-mount. Nothing of it lasts.
//
//   null_fuse FOLDER
//
// Prints "mounted" once the folder is there. SIGUSR1 mounts it anew with the same files, so that the kernel knows none
// of them, and prints "mounted" again; SIGTERM and SIGINT end it.
#include "fuse/filesystem.h"
#include "fuse/read_ahead.h"
#include "fuse/requests.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <memory>
#include <poll.h>
#include <string>
#include <sys/signalfd.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::size_t kChunk = 1 << 20;
constexpr int kRequestsPerTurn = 32;

struct Node {
    std::map<std::string, fuse_ino_t, std::less<>> children;
    std::vector<std::vector<char>> chunks;  // what a chunk does not have is zeros
    struct stat stat{};
};

class Memory {
 public:
    Memory() { make(S_IFDIR | 0755); }  // the root, FUSE_ROOT_ID

    fuse_ino_t make(mode_t mode) {
        auto node = std::make_unique<Node>();
        node->stat.st_ino = ++last_;
        node->stat.st_mode = mode;
        node->stat.st_nlink = 1;
        node->stat.st_uid = ::getuid();
        node->stat.st_gid = ::getgid();
        node->stat.st_blksize = 128 << 10;
        ::clock_gettime(CLOCK_REALTIME, &node->stat.st_mtim);
        nodes_[last_] = std::move(node);
        return last_;
    }
    // The kernel asks for what it was told of only.
    Node& at(fuse_ino_t id) { return *nodes_.at(id); }
    void drop(fuse_ino_t id) { nodes_.erase(id); }

    void resize(Node& node, std::size_t size) {
        node.chunks.resize((size + kChunk - 1) / kChunk);
        const auto last = size % kChunk;
        if (last > 0 && node.chunks.back().size() > last) node.chunks.back().resize(last);
        node.stat.st_size = static_cast<off_t>(size);
        node.stat.st_blocks = static_cast<blkcnt_t>((size + 511) / 512);
    }

 private:
    std::unordered_map<fuse_ino_t, std::unique_ptr<Node>> nodes_;
    fuse_ino_t last_ = 0;
};

double ttl() {
    return std::chrono::duration<double>(larder::fuse::Options().live_ttl).count();
}
Memory& memory(fuse_req_t request) {
    return *static_cast<Memory*>(fuse_req_userdata(request));
}
fuse_entry_param entry_of(fuse_req_t request, fuse_ino_t id) {
    fuse_entry_param entry{};
    entry.attr_timeout = entry.entry_timeout = ttl();
    entry.ino = id;
    if (id != 0) entry.attr = memory(request).at(id).stat;
    return entry;
}
void reply_entry(fuse_req_t request, fuse_ino_t id) {
    const auto entry = entry_of(request, id);
    fuse_reply_entry(request, &entry);
}
fuse_ino_t child(fuse_req_t request, fuse_ino_t parent, const char* name) {
    const auto& children = memory(request).at(parent).children;
    const auto there = children.find(std::string_view(name));
    return there == children.end() ? 0 : there->second;
}
fuse_ino_t add(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
    const auto made = memory(request).make(mode);
    memory(request).at(parent).children[name] = made;
    return made;
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    reply_entry(request, child(request, parent, name));
}
void on_forget(fuse_req_t request, fuse_ino_t, std::uint64_t) {
    fuse_reply_none(request);
}
void on_forget_many(fuse_req_t request, std::size_t, fuse_forget_data*) {
    fuse_reply_none(request);
}
void on_getattr(fuse_req_t request, fuse_ino_t id, fuse_file_info*) {
    fuse_reply_attr(request, &memory(request).at(id).stat, ttl());
}
void on_setattr(fuse_req_t request, fuse_ino_t id, struct stat* wanted, int set, fuse_file_info*) {
    auto& node = memory(request).at(id);
    if ((set & FUSE_SET_ATTR_SIZE) != 0) memory(request).resize(node, static_cast<std::size_t>(wanted->st_size));
    if ((set & FUSE_SET_ATTR_MODE) != 0) node.stat.st_mode = (node.stat.st_mode & S_IFMT) | (wanted->st_mode & 07777);
    if ((set & FUSE_SET_ATTR_MTIME) != 0) node.stat.st_mtim = wanted->st_mtim;
    fuse_reply_attr(request, &node.stat, ttl());
}
void on_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
    reply_entry(request, add(request, parent, name, S_IFDIR | mode));
}
void on_remove(fuse_req_t request, fuse_ino_t parent, const char* name) {
    const auto id = child(request, parent, name);
    if (id == 0 || !memory(request).at(id).children.empty()) {
        fuse_reply_err(request, id == 0 ? ENOENT : ENOTEMPTY);
        return;
    }
    memory(request).at(parent).children.erase(name);
    memory(request).drop(id);
    fuse_reply_err(request, 0);
}
void on_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t to, const char* new_name, unsigned) {
    const auto id = child(request, parent, name);
    if (id != 0) {
        memory(request).at(parent).children.erase(name);
        memory(request).at(to).children[new_name] = id;
    }
    fuse_reply_err(request, id == 0 ? ENOENT : 0);
}

void on_open(fuse_req_t request, fuse_ino_t id, fuse_file_info* info) {
    if ((info->flags & O_TRUNC) != 0) memory(request).resize(memory(request).at(id), 0);
    info->keep_cache = 1;
    info->noflush = (info->flags & O_ACCMODE) == O_RDONLY ? 1 : 0;
    fuse_reply_open(request, info);
}
void on_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* info) {
    auto id = child(request, parent, name);
    if (id == 0) id = add(request, parent, name, S_IFREG | mode);
    const auto entry = entry_of(request, id);
    fuse_reply_create(request, &entry, info);
}
void on_read(fuse_req_t request, fuse_ino_t id, std::size_t size, off_t offset, fuse_file_info*) {
    static char zeros[kChunk];
    const auto& node = memory(request).at(id);
    const auto end = std::min(static_cast<std::size_t>(node.stat.st_size), static_cast<std::size_t>(offset) + size);
    std::vector<iovec> parts;
    for (auto at = static_cast<std::size_t>(offset); at < end;) {
        const auto inside = at % kChunk;
        const auto count = std::min(end - at, kChunk - inside);
        const auto& chunk = node.chunks[at / kChunk];
        const auto there = std::min(count, chunk.size() - std::min(chunk.size(), inside));
        if (there > 0) parts.push_back({const_cast<char*>(chunk.data()) + inside, there});
        if (there < count) parts.push_back({zeros, count - there});
        at += count;
    }
    fuse_reply_iov(request, parts.data(), static_cast<int>(parts.size()));
}
void on_write(fuse_req_t request, fuse_ino_t id, const char* bytes, std::size_t size, off_t offset, fuse_file_info*) {
    auto& node = memory(request).at(id);
    const auto begin = static_cast<std::size_t>(offset);
    if (begin + size > static_cast<std::size_t>(node.stat.st_size)) memory(request).resize(node, begin + size);
    for (std::size_t done = 0; done < size;) {
        const auto inside = (begin + done) % kChunk;
        const auto count = std::min(size - done, kChunk - inside);
        auto& chunk = node.chunks[(begin + done) / kChunk];
        const auto kept = std::min(count, chunk.size() - std::min(chunk.size(), inside));
        if (chunk.size() < inside) chunk.resize(inside);
        if (kept > 0) std::memcpy(chunk.data() + inside, bytes + done, kept);
        chunk.insert(chunk.end(), bytes + done + kept, bytes + done + count);
        done += count;
    }
    fuse_reply_write(request, size);
}
void on_done(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
    fuse_reply_err(request, 0);
}
void on_sync(fuse_req_t request, fuse_ino_t, int, fuse_file_info*) {
    fuse_reply_err(request, 0);
}

using Listing = std::vector<std::pair<std::string, fuse_ino_t>>;

void on_opendir(fuse_req_t request, fuse_ino_t id, fuse_file_info* info) {
    const auto& children = memory(request).at(id).children;
    auto* listing = new Listing{{".", id}, {"..", id}};
    listing->insert(listing->end(), children.begin(), children.end());
    info->fh = reinterpret_cast<std::uint64_t>(listing);
    fuse_reply_open(request, info);
}
void read_directory(fuse_req_t request, std::size_t size, off_t offset, fuse_file_info* info, bool plus) {
    const auto& listing = *reinterpret_cast<Listing*>(info->fh);
    std::vector<char> bytes(size);
    std::size_t used = 0;
    for (auto i = static_cast<std::size_t>(offset); i < listing.size(); ++i) {
        const auto& [name, id] = listing[i];
        auto entry = entry_of(request, id);
        if (i < 2) entry.ino = 0;  // dots are no lookups
        const auto next = static_cast<off_t>(i + 1);
        auto* const at = bytes.data() + used;
        const auto need = plus ? fuse_add_direntry_plus(request, at, size - used, name.c_str(), &entry, next)
                               : fuse_add_direntry(request, at, size - used, name.c_str(), &entry.attr, next);
        if (need > size - used) break;
        used += need;
    }
    fuse_reply_buf(request, bytes.data(), used);
}
void on_readdir(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
    read_directory(request, size, offset, info, false);
}
void on_readdirplus(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
    read_directory(request, size, offset, info, true);
}
void on_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
    delete reinterpret_cast<Listing*>(info->fh);
    fuse_reply_err(request, 0);
}

fuse_lowlevel_ops make_operations() {
    fuse_lowlevel_ops table{};
    table.init = larder::fuse::operations().init;  // the very options of larder-mount
    table.lookup = on_lookup;
    table.forget = on_forget;
    table.forget_multi = on_forget_many;
    table.getattr = on_getattr;
    table.setattr = on_setattr;
    table.mkdir = on_mkdir;
    table.unlink = on_remove;
    table.rmdir = on_remove;
    table.rename = on_rename;
    table.open = on_open;
    table.create = on_create;
    table.read = on_read;
    table.write = on_write;
    table.flush = on_done;
    table.release = on_done;
    table.fsync = on_sync;
    table.fsyncdir = on_sync;
    table.opendir = on_opendir;
    table.readdir = on_readdir;
    table.readdirplus = on_readdirplus;
    table.releasedir = on_releasedir;
    return table;
}

// Takes requests until the session ends, or returns the signal that came.
int serve(fuse_session* session, int signals) {
    fuse_buf buffer{};
    const int fd = fuse_session_fd(session);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    pollfd wanted[] = {{fd, POLLIN, 0}, {signals, POLLIN, 0}};
    int signal = 0;
    bool over = false;
    while (!over && signal == 0) {
        ::poll(wanted, 2, -1);
        signalfd_siginfo came{};
        if (wanted[1].revents != 0 && ::read(signals, &came, sizeof came) == sizeof came) {
            signal = static_cast<int>(came.ssi_signo);
        }
        for (int i = 0; i < kRequestsPerTurn && !over; ++i) {
            const int got = fuse_session_receive_buf(session, &buffer);
            if (got == -EINTR) continue;
            if (got == -EAGAIN) break;
            if (got > 0) fuse_session_process_buf(session, &buffer);
            over = got <= 0 || fuse_session_exited(session) != 0;
        }
    }
    std::free(buffer.mem);
    return signal;
}

fuse_session* mount(const char* folder, const fuse_lowlevel_ops& operations, Memory& files) {
    fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
    fuse_opt_add_arg(&arguments, "null_fuse");
    fuse_opt_add_arg(&arguments, "-o");
    fuse_opt_add_arg(&arguments, "default_permissions,fsname=null,subtype=null");
    auto* session = fuse_session_new(&arguments, &operations, sizeof operations, &files);
    fuse_opt_free_args(&arguments);
    if (session == nullptr || fuse_session_mount(session, folder) != 0) {
        std::fprintf(stderr, "null_fuse: mounting at %s failed\n", folder);
        std::exit(1);
    }
    larder::fuse::widen_read_ahead(folder);
    std::puts("mounted");
    std::fflush(stdout);
    return session;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: null_fuse FOLDER\n");
        return 2;
    }
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int signal : {SIGUSR1, SIGTERM, SIGINT}) sigaddset(&wanted, signal);
    sigprocmask(SIG_BLOCK, &wanted, nullptr);
    const int signals = ::signalfd(-1, &wanted, SFD_CLOEXEC);
    const auto operations = make_operations();
    Memory files;
    int signal = SIGUSR1;
    while (signal == SIGUSR1) {
        auto* session = mount(argv[1], operations, files);
        signal = serve(session, signals);
        fuse_session_unmount(session);
        fuse_session_destroy(session);
    }
    return 0;
}
