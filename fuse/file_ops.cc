// The content of files.
#include "fuse/filesystem.h"
#include "src/base/limits.h"
#include "src/base/log.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/falloc.h>

namespace larder::fuse {

namespace {

bool writes(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
}

}  // namespace

// The file's content, open; `for_writing` at the key it has now.
Task<Answer<std::shared_ptr<Content>>> FileSystem::content_of(NodePtr node, bool for_writing) {
    if (!node->content) node->content = std::make_shared<Content>(env_, node->entry.size);
    auto content = node->content;
    auto key = key_of(*node);
    const bool moved = for_writing && key && !content->bound_to(*key);
    if (content->is_open() && !moved) co_return content;
    if (!key) co_return refuse(content->is_open() ? ESTALE : ENOENT);
    auto opened = co_await store_.open(std::move(*key));
    if (!opened) {
        if (content->opens == 0) drop_content(node);
        co_return refuse(opened.error().is(base::Code::not_found) ? ESTALE : errno_of(opened.error()));
    }
    // Another may have opened it meanwhile.
    if (content->is_open() && content->bound_to((*opened)->entry().key)) co_return content;
    if ((*opened)->entry().inode != node->entry.inode) {
        node->stale = true;
        if (content->opens == 0) drop_content(node);
        co_return refuse(ESTALE);
    }
    if (content->changed()) {
        // Written while the file was being renamed.
        ANSWER_VOID(co_await content->move_to(std::move(*opened)));
    } else {
        content->adopt(std::move(*opened));
    }
    co_return content;
}

void FileSystem::drop_content(const NodePtr& node) {
    node->content.reset();
    nodes_.release(node);
}

Task<Answer<>> FileSystem::hold_content(NodePtr node) {
    if (node->directory || !node->content || node->content->opens == 0 || node->content->is_open())
        co_return Answer<>();
    ANSWER_VOID(co_await content_of(node, false));
    co_return Answer<>();
}

// A change through another door is seen here at the latest: opening asks the store.
Task<Answer<Opened>> FileSystem::open(NodeId id, int flags) {
    if (options_.read_only && writes(flags)) co_return refuse(EROFS);
    const auto file = node(id);
    if (!file) co_return refuse(ESTALE);
    if (file->directory) co_return refuse(EISDIR);
    Opened out;
    const bool mine = file->content && (file->content->changed() || file->gone());
    if (!mine) {
        ANSWER(auto key, key_of(*file));
        auto opened = co_await store_.open(std::move(key));
        while (!opened ? opened.error().is(base::Code::not_found) : (*opened)->entry().inode != file->entry.inode) {
            // Another door has put something else there, or nothing; the file may have another name left.
            file->stale = true;
            ahead_.clear();
            ANSWER_VOID(co_await refresh(file));
            ANSWER(auto other, key_of(*file));
            opened = co_await store_.open(std::move(other));
        }
        if (!opened) co_return refuse(errno_of(opened.error()));
        const auto& entry = (*opened)->entry();
        file->entry = entry;
        file->learnt = env_.clock.now();
        file->stale = false;
        out.keep_cache = file->cached == entry.version;
        file->cached = entry.version;
        if (!file->content) file->content = std::make_shared<Content>(env_, entry.size);
        if (!file->content->changed()) file->content->adopt(std::move(*opened));
    } else {
        out.keep_cache = true;
    }
    ++file->content->opens;
    out.file = ++last_file_;
    files_[out.file] = file;
    if ((flags & O_TRUNC) != 0) {
        const auto cut = co_await set_size(file, 0);
        if (!cut) {
            co_await release(out.file);
            co_return refuse(cut.error());
        }
    }
    co_return out;
}

Task<Answer<std::pair<Found, Opened>>> FileSystem::create(NodeId parent, std::string name, std::uint32_t mode,
                                                          int flags, Caller caller) {
    const auto directory = node(parent);
    if (!directory) co_return refuse(ESTALE);
    engine::NewFile wanted;
    wanted.attributes.mode = S_IFREG | (mode & 07777);
    wanted.may_wait = (flags & O_EXCL) == 0;
    auto made = co_await make_entry(directory, name, std::move(wanted), caller);
    if (!made && made.error() == EEXIST && (flags & O_EXCL) == 0) {
        // Another door was faster: what it made is opened.
        ANSWER(const auto there, co_await resolve(directory, name, false));
        ANSWER(const auto opened, co_await open(there.node->id, flags));
        co_return std::pair(found(there.node), opened);
    }
    if (!made) co_return refuse(made.error());
    const auto& file = *made;
    // The store's handle is opened by the first read or write.
    file->content = std::make_shared<Content>(env_, 0);
    ++file->content->opens;
    file->cached = file->entry.version;
    Opened out;
    out.file = ++last_file_;
    files_[out.file] = file;
    co_return std::pair(found(file), out);
}

Task<Answer<base::Buffer>> FileSystem::read(FileId id, std::uint64_t offset, std::uint64_t length) {
    const auto open = files_.find(id);
    if (open == files_.end()) co_return refuse(EBADF);
    const auto file = open->second;
    ANSWER(const auto content, co_await content_of(file, false));
    ANSWER(auto data, co_await content->read(offset, length));
    co_return data;
}

Task<Answer<>> FileSystem::write(FileId id, std::uint64_t offset, base::Buffer data, bool append) {
    const auto open = files_.find(id);
    if (open == files_.end()) co_return refuse(EBADF);
    const auto file = open->second;
    ANSWER(const auto content, co_await content_of(file, true));
    if (append && offset != content->size()) notifier_.content_changed(file->id);
    ANSWER_VOID(append ? co_await content->append(std::move(data)) : co_await content->write(offset, std::move(data)));
    file->entry.attributes.mtime_ns = file->entry.attributes.ctime_ns = now_ns();
    co_return Answer<>();
}

Task<Answer<>> FileSystem::set_size(NodePtr file, std::uint64_t size) {
    if (file->directory) co_return refuse(EISDIR);
    if (size > base::limits::kObjectBytesMax) co_return refuse(EFBIG);
    ANSWER(const auto content, co_await content_of(file, true));
    ANSWER_VOID(co_await content->truncate(size));
    file->entry.attributes.mtime_ns = file->entry.attributes.ctime_ns = now_ns();
    co_return Answer<>();
}

// Another door has changed what this one appends to.
Task<Answer<>> FileSystem::follow_on(NodePtr file) {
    ANSWER(auto key, key_of(*file));
    auto there = co_await store_.open(std::move(key));
    if (!there) co_return refuse(there.error().is(base::Code::not_found) ? ESTALE : errno_of(there.error()));
    ANSWER_VOID(co_await file->content->follow_on(std::move(*there)));
    notifier_.content_changed(file->id);
    co_return Answer<>();
}

Task<Answer<>> FileSystem::commit(NodePtr file, bool soon) {
    const auto content = file->content;
    // What has no name any more is nobody's to read later.
    if (!content || !content->changed() || file->gone()) co_return Answer<>();
    ANSWER_VOID(co_await content_of(file, true));
    engine::FileAttributes times;
    times.mtime_ns = file->entry.attributes.mtime_ns;
    times.ctime_ns = file->entry.attributes.ctime_ns;
    auto done = co_await content->commit(times, soon);
    while (!done && done.error().is(base::Code::conflict, base::Subject::object) &&
           (content->only_appended() || !content->changed())) {
        ANSWER_VOID(co_await follow_on(file));
        done = co_await content->commit(times, soon);
    }
    if (const auto key = key_of(*file)) ahead_.change(*key);
    if (!done) {
        if (file->gone()) co_return Answer<>();
        const bool gone = done.error().is(base::Code::not_found);
        co_return refuse(gone ? ESTALE : errno_of(done.error()));
    }
    file->entry.version = done->version;
    file->entry.state = done->state;
    file->entry.etag = done->etag;
    file->entry.size = done->size;
    file->entry.modified = done->modified;
    file->cached = done->version;
    co_return Answer<>();
}

Task<Answer<>> FileSystem::commit_below(NodePtr top) {
    std::vector<NodePtr> open;
    nodes_.each([&](const NodePtr& node) {
        if (!node->content || node->gone()) return;
        for (auto at = node; at; at = at->place() ? at->place()->parent : nullptr) {
            if (at == top) open.push_back(node);
        }
    });
    for (auto& node : open) ANSWER_VOID(co_await commit(node, true));
    co_return Answer<>();
}

Task<Answer<>> FileSystem::flush(FileId id) {
    const auto open = files_.find(id);
    if (open == files_.end()) co_return refuse(EBADF);
    const auto file = open->second;
    co_return co_await commit(file, true);
}

Task<Answer<>> FileSystem::sync(FileId id) {
    const auto open = files_.find(id);
    if (open == files_.end()) co_return refuse(EBADF);
    const auto file = open->second;
    co_return co_await commit(file, false);
}

Task<void> FileSystem::release(FileId id) {
    const auto open = files_.find(id);
    if (open == files_.end()) co_return;
    const auto file = open->second;
    files_.erase(open);
    if (!file->content || --file->content->opens > 0) co_return;
    // Nearly always flush() has done it; a mapping may have written since, and nobody is left to be told of a failure.
    if (const auto stored = co_await commit(file, true); !stored) {
        base::log::error("what was written into a file after it was closed could not be stored",
                         "see what the daemon's log says, and write it again", {{"errno", stored.error()}});
    }
    if (file->content && file->content->opens == 0) drop_content(file);
}

Task<Answer<>> FileSystem::allocate(FileId id, int mode, std::uint64_t offset, std::uint64_t length) {
    const auto open = files_.find(id);
    if (open == files_.end()) co_return refuse(EBADF);
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0)
        co_return refuse(EOPNOTSUPP);
    if (length == 0) co_return refuse(EINVAL);
    const auto file = open->second;
    ANSWER(const auto content, co_await content_of(file, true));
    const auto end = offset + length;
    if (end < offset || end > base::limits::kObjectBytesMax) co_return refuse(EFBIG);
    if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0)
        ANSWER_VOID(co_await content->punch(offset, length));
    // Space is not set aside: a write may still find none.
    if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > content->size()) ANSWER_VOID(co_await content->truncate(end));
    file->entry.attributes.mtime_ns = file->entry.attributes.ctime_ns = now_ns();
    co_return Answer<>();
}

Task<Answer<std::uint64_t>> FileSystem::seek(FileId id, std::uint64_t offset, int whence) {
    const auto open = files_.find(id);
    if (open == files_.end()) co_return refuse(EBADF);
    if (whence != SEEK_DATA && whence != SEEK_HOLE) co_return refuse(EINVAL);
    const auto file = open->second;
    ANSWER(const auto content, co_await content_of(file, false));
    if (offset >= content->size()) co_return refuse(ENXIO);
    const auto there = co_await content->seek(offset, whence == SEEK_HOLE);
    if (!there) co_return refuse(there.error().is(base::Code::not_found) ? ENXIO : errno_of(there.error()));
    co_return *there;
}

Task<Answer<std::uint64_t>> FileSystem::copy_range(FileId from, std::uint64_t from_offset, FileId to,
                                                   std::uint64_t to_offset, std::uint64_t length) {
    const auto source = files_.find(from);
    const auto target = files_.find(to);
    if (source == files_.end() || target == files_.end()) co_return refuse(EBADF);
    const auto file = target->second;
    ANSWER(const auto out, co_await content_of(file, true));
    ANSWER(const auto in, co_await content_of(source->second, false));
    if (from_offset >= in->size()) co_return 0;
    const auto count = std::min(length, in->size() - from_offset);
    ANSWER_VOID(co_await out->copy_from(*in, from_offset, to_offset, count));
    file->entry.attributes.mtime_ns = file->entry.attributes.ctime_ns = now_ns();
    co_return count;
}

}  // namespace larder::fuse
