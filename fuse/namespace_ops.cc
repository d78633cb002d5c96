// Names: looking them up, making, moving and removing them.
#include "fuse/filesystem.h"
#include "src/base/encoding.h"
#include "src/base/limits.h"

#include <cerrno>
#include <fcntl.h>

namespace larder::fuse {

namespace {

// The key a new entry would get, or why it cannot be made.
Answer<std::string> key_for_new(const Node& parent, const std::string& name, bool directory) {
    if (name.size() > names::kNameBytesMax) return refuse(ENAMETOOLONG);
    if (!base::is_utf8(name)) return refuse(EILSEQ);
    if (!names::can_be_made(name)) return refuse(EINVAL);
    if (parent.gone()) return refuse(ENOENT);
    auto key = key_of(parent);
    if (!key) return key;
    key->append(names::read(name).segment);
    if (directory) key->push_back('/');
    if (key->size() > base::limits::kKeyBytesMax) return refuse(ENAMETOOLONG);
    return key;
}

}  // namespace

Task<Answer<FileSystem::Resolved>> FileSystem::resolve(NodePtr parent, std::string name, bool use_known) {
    if (name.size() > names::kNameBytesMax) co_return refuse(ENAMETOOLONG);
    if (parent->gone()) co_return refuse(ENOENT);
    const auto meaning = names::read(name);
    if (meaning.kind == names::Meaning::Kind::nothing) co_return refuse(ENOENT);
    if (meaning.kind == names::Meaning::Kind::search) co_return co_await search(parent, name, meaning.segment);
    const auto& segment = meaning.segment;
    const bool object_only = meaning.kind == names::Meaning::Kind::object;
    if (use_known) {
        const auto directory = nodes_.child(*parent, segment, true);
        const auto object = nodes_.child(*parent, segment, false);
        const bool stands = directory && is_fresh(*directory);
        if (stands && !object_only) co_return Resolved{directory, segment};
        const auto* const place = object ? object->place_at(*parent, segment) : nullptr;
        if (place && !place->doubted && is_fresh(*object) && place->beside == object_only &&
            (!directory || stands == object_only))
            co_return Resolved{object, segment};
    }
    ANSWER(const auto above, key_of(*parent));
    const auto path = above + segment;
    if (path.size() > base::limits::kKeyBytesMax) co_return refuse(ENAMETOOLONG);
    ANSWER(auto there, co_await ask(above, segment));
    if (parent->gone()) co_return refuse(ENOENT);
    const bool beside = there.directory.has_value();
    if (!beside) nodes_.remove(parent, segment, true);
    if (!there.object) nodes_.remove(parent, segment, false);
    // Beside a directory the object has a name of its own.
    if (object_only && !there.directory) co_return refuse(ENOENT);
    auto& entry = there.directory && !object_only ? there.directory : there.object;
    if (!entry) co_return refuse(ENOENT);
    auto node = nodes_.place(parent, segment, std::move(*entry), env_.clock.now());
    nodes_.learn_beside(parent, segment, beside);
    co_return Resolved{std::move(node), segment};
}

Task<base::Result<engine::FoundPath>> FileSystem::ask(std::string directory, std::string segment) {
    if (segment.empty()) co_return co_await find(std::move(directory), "");
    if (live_) {
        if (auto known = ahead_.find(directory, segment, env_.clock.now())) co_return std::move(*known);
    }
    const auto path = directory + segment;
    if (live_ && ahead_.missed(directory)) {
        ahead_.begin(directory);
        tasks_.spawn(look_ahead(directory, path));
    }
    co_return co_await store_.find(path);
}

Task<base::Result<engine::FoundPath>> FileSystem::find(std::string directory, std::string segment) {
    if (!segment.empty()) co_return co_await store_.find(directory + segment);
    // Only a directory can have no name: what stands at the key "a/" is a itself.
    if (!directory.empty()) {
        CO_TRY(auto there, co_await store_.find(directory));
        there.object.reset();
        co_return there;
    }
    // In the root no path tells it from the root.
    engine::FoundPath there;
    for (std::string after;;) {
        CO_TRY(auto page, co_await store_.list("", after, base::limits::kListKeysMax));
        for (auto& entry : page.entries) {
            if (entry.key == "/") there.directory = std::move(entry);
        }
        if (there.directory || !page.truncated || page.next > "/") co_return there;
        after = page.next;
    }
}

Task<void> FileSystem::look_ahead(std::string directory, std::string after) {
    // Names that begin with this one stand in front of the directory of its name.
    auto page = co_await store_.list(directory, after, LookAhead::kPage);
    if (page && live_) {
        ahead_.end(std::move(after), std::move(*page), env_.clock.now());
    } else {
        ahead_.give_up();
    }
}

Task<Answer<FileSystem::Resolved>> FileSystem::search(NodePtr parent, std::string name, std::string prefix) {
    ANSWER(const auto directory, key_of(*parent));
    std::string after;
    for (;;) {
        ANSWER(auto page, co_await store_.list(directory, after, base::limits::kListKeysMax));
        for (auto& entry : page.entries) {
            auto segment = entry.key.substr(directory.size());
            if (segment.ends_with('/')) segment.pop_back();
            const bool plain = names::show(segment) == name;
            if (!segment.starts_with(prefix) || (!plain && names::show(segment, true) != name)) continue;
            ANSWER(auto there, co_await find(directory, segment));
            const bool beside = there.directory.has_value();
            auto& found = beside && plain ? there.directory : there.object;
            if (!found || (!plain && !beside)) continue;
            auto node = nodes_.place(parent, segment, std::move(*found), env_.clock.now());
            nodes_.learn_beside(parent, segment, beside);
            co_return Resolved{std::move(node), std::move(segment)};
        }
        if (!page.truncated) co_return refuse(ENOENT);
        after = page.next;
    }
}

Task<Answer<Found>> FileSystem::lookup(NodeId parent, std::string name) {
    const auto directory = node(parent);
    if (!directory) co_return refuse(ESTALE);
    ANSWER(const auto there, co_await resolve(directory, std::move(name), true));
    co_return found(there.node);
}

void FileSystem::forget(NodeId id, std::uint64_t lookups) {
    nodes_.forget(id, lookups);
}

Task<Answer<NodePtr>> FileSystem::make_entry(NodePtr parent, std::string name, engine::NewFile file, Caller caller) {
    if (options_.read_only) co_return refuse(EROFS);
    auto& attributes = file.attributes;
    attributes.uid = caller.uid;
    attributes.gid = caller.gid;
    const auto parent_mode = stat_of(*parent).st_mode;
    if ((parent_mode & S_ISGID) != 0) {
        attributes.gid = stat_of(*parent).st_gid;
        if (S_ISDIR(*attributes.mode)) *attributes.mode |= S_ISGID;
    }
    const auto now = now_ns();
    attributes.mtime_ns = attributes.atime_ns = attributes.ctime_ns = now;
    ANSWER(file.key, key_for_new(*parent, name, S_ISDIR(*attributes.mode)));
    auto made = co_await store_.create(file);
    ahead_.change(file.key);
    ANSWER(auto entry, std::move(made));
    if (parent->gone()) co_return refuse(ENOENT);
    touch_directory(parent);
    co_return nodes_.place(parent, names::read(name).segment, std::move(entry), env_.clock.now());
}

Task<Answer<Found>> FileSystem::make(NodeId parent, std::string name, std::uint32_t mode, std::uint64_t device,
                                     Caller caller) {
    const auto directory = node(parent);
    if (!directory) co_return refuse(ESTALE);
    engine::NewFile file;
    file.attributes.mode = mode;
    if (S_ISCHR(mode) || S_ISBLK(mode)) file.attributes.device = device;
    ANSWER(const auto made, co_await make_entry(directory, std::move(name), std::move(file), caller));
    co_return found(made);
}

Task<Answer<Found>> FileSystem::make_directory(NodeId parent, std::string name, std::uint32_t mode, Caller caller) {
    const auto directory = node(parent);
    if (!directory) co_return refuse(ESTALE);
    engine::NewFile file;
    file.attributes.mode = S_IFDIR | (mode & 07777);
    ANSWER(const auto made, co_await make_entry(directory, std::move(name), std::move(file), caller));
    made->subdirectories = 0;
    if (directory->subdirectories) ++*directory->subdirectories;
    co_return found(made);
}

Task<Answer<Found>> FileSystem::make_symlink(NodeId parent, std::string name, std::string target, Caller caller) {
    const auto directory = node(parent);
    if (!directory) co_return refuse(ESTALE);
    engine::NewFile file;
    file.attributes.mode = S_IFLNK | 0777;
    file.content = std::move(target);
    ANSWER(const auto made, co_await make_entry(directory, std::move(name), std::move(file), caller));
    co_return found(made);
}

Task<Answer<Found>> FileSystem::link(NodeId id, NodeId parent, std::string name) {
    if (options_.read_only) co_return refuse(EROFS);
    const auto file = node(id);
    const auto directory = node(parent);
    if (!file || !directory) co_return refuse(ESTALE);
    if (file->gone()) co_return refuse(ENOENT);
    ANSWER(auto key, key_for_new(*directory, name, false));
    // The content moves to a row of its own, which an open handle does not follow.
    ANSWER_VOID(co_await commit_below(file));
    ANSWER(auto from, key_of(*file));
    auto linked = co_await store_.link(from, key, now_ns());
    ahead_.change(from);
    ahead_.change(key);
    ANSWER(auto entry, std::move(linked));
    touch_directory(directory);
    file->entry = entry;
    co_return found(nodes_.place(directory, names::read(name).segment, std::move(entry), env_.clock.now()));
}

Task<Answer<>> FileSystem::unlink(NodeId parent, std::string name) {
    if (options_.read_only) co_return refuse(EROFS);
    const auto directory = node(parent);
    if (!directory) co_return refuse(ESTALE);
    ANSWER(const auto there, co_await resolve(directory, std::move(name), true));
    const auto& file = there.node;
    if (file->directory) co_return refuse(EISDIR);
    ANSWER_VOID(co_await hold_content(file));
    ANSWER_VOID(co_await keep_directory(directory));
    ANSWER(const auto above, key_of(*directory));
    const auto removed = co_await store_.remove(above + there.segment, now_ns());
    ahead_.change(above + there.segment);
    ANSWER(const auto left, removed);
    file->entry.links = left.links;
    file->entry.state = left.state;
    file->entry.attributes.ctime_ns = now_ns();
    nodes_.remove(directory, there.segment, false);
    touch_directory(directory);
    co_return Answer<>();
}

Task<Answer<>> FileSystem::remove_directory(NodeId parent, std::string name) {
    if (options_.read_only) co_return refuse(EROFS);
    const auto directory = node(parent);
    if (!directory) co_return refuse(ESTALE);
    ANSWER(const auto there, co_await resolve(directory, std::move(name), true));
    const auto& child = there.node;
    if (!child->directory) co_return refuse(ENOTDIR);
    ANSWER(auto key, key_of(*child));
    if (directory->entry.implied) ANSWER_VOID(co_await check_empty(key));
    ANSWER_VOID(co_await keep_directory(directory));
    const auto removed = co_await store_.remove(key, now_ns());
    ahead_.change(key);
    if (!removed && (removed.error().is(base::Code::conflict, base::Subject::object) ||
                     (child->entry.implied && removed.error().is(base::Code::not_found)))) {
        co_return refuse(ENOTEMPTY);
    }
    ANSWER_VOID(removed);
    nodes_.remove(directory, there.segment, true);
    if (directory->subdirectories) --*directory->subdirectories;
    touch_directory(directory);
    co_return Answer<>();
}

Task<Answer<>> FileSystem::rename(NodeId parent, std::string name, NodeId new_parent, std::string new_name,
                                  unsigned flags) {
    if (options_.read_only) co_return refuse(EROFS);
    if ((flags & ~unsigned{RENAME_NOREPLACE | RENAME_EXCHANGE}) != 0) co_return refuse(EINVAL);
    const auto from = node(parent);
    const auto to = node(new_parent);
    if (!from || !to) co_return refuse(ESTALE);
    ANSWER(const auto moved, co_await resolve(from, std::move(name), true));
    const auto there = co_await resolve(to, new_name, true);
    if (!there && there.error() != ENOENT) co_return refuse(there.error());
    if ((flags & RENAME_EXCHANGE) != 0) {
        if (!there) co_return refuse(ENOENT);
        co_return co_await exchange(from, moved, to, *there);
    }
    const bool exclusive = (flags & RENAME_NOREPLACE) != 0;
    const bool directory = moved.node->directory;
    if (there && exclusive) co_return refuse(EEXIST);
    if (there && there->node == moved.node) co_return Answer<>();
    if (there && there->node->directory != directory) co_return refuse(directory ? ENOTDIR : EISDIR);
    ANSWER(const auto key, key_for_new(*to, new_name, directory));
    if (there && directory) ANSWER_VOID(co_await check_empty(key));
    ANSWER_VOID(co_await keep_directory(from));
    ANSWER_VOID(co_await commit_below(moved.node));
    if (there) ANSWER_VOID(co_await hold_content(there->node));
    const auto target = names::read(new_name).segment;
    if (directory) {
        ANSWER_VOID(co_await rename_directory(from, moved.segment, to, target, exclusive));
    } else {
        ANSWER_VOID(co_await rename_file(from, moved.segment, to, target, exclusive));
    }
    touch_directory(from);
    touch_directory(to);
    co_return Answer<>();
}

Task<Answer<>> FileSystem::rename_file(NodePtr from, std::string segment, NodePtr to, std::string target,
                                       bool exclusive) {
    const auto moved = nodes_.child(*from, segment, false);
    const auto replaced = nodes_.child(*to, target, false);
    ANSWER(const auto old_key, key_of(*from));
    ANSWER(const auto new_key, key_of(*to));
    auto renamed = co_await store_.rename(old_key + segment, new_key + target, exclusive, now_ns());
    ahead_.change(old_key + segment);
    ahead_.change(new_key + target);
    ANSWER(auto entry, std::move(renamed));
    if (replaced && replaced->entry.links > 0) {
        --replaced->entry.links;
        replaced->entry.attributes.ctime_ns = now_ns();
    }
    nodes_.move(from, segment, to, target, false);
    if (moved) {
        // The bytes are the same under their new version.
        if (moved->cached == moved->entry.version) moved->cached = entry.version;
        moved->entry = std::move(entry);
        moved->learnt = env_.clock.now();
    }
    co_return Answer<>();
}

Task<Answer<>> FileSystem::rename_directory(NodePtr from, std::string segment, NodePtr to, std::string target,
                                            bool exclusive) {
    const auto moved = nodes_.child(*from, segment, true);
    ANSWER(const auto old_key, key_of(*from));
    ANSWER(const auto new_key, key_of(*to));
    const auto done = co_await store_.rename_directory(old_key + segment + '/', new_key + target + '/', now_ns());
    ahead_.clear();
    if (!done && done.error().is(base::Code::conflict, base::Subject::object)) {
        co_return refuse(exclusive ? EEXIST : ENOTEMPTY);
    }
    ANSWER_VOID(done);
    const bool replaced = nodes_.child(*to, target, true) != nullptr;
    nodes_.move(from, segment, to, target, true);
    if (moved) moved->entry.attributes.ctime_ns = now_ns();
    if (from->subdirectories) --*from->subdirectories;
    if (to->subdirectories && !replaced) ++*to->subdirectories;
    co_return Answer<>();
}

Task<Answer<>> FileSystem::exchange(NodePtr from, Resolved first, NodePtr to, Resolved second) {
    if (first.node == second.node) co_return Answer<>();
    // A file and a directory cannot take each other's key in one step.
    const bool directory = first.node->directory;
    if (directory != second.node->directory) co_return refuse(EINVAL);
    ANSWER_VOID(co_await commit_below(first.node));
    ANSWER_VOID(co_await commit_below(second.node));
    const std::string end = directory ? "/" : "";
    ANSWER(const auto one, key_of(*from));
    ANSWER(const auto two, key_of(*to));
    const auto exchanged = co_await store_.exchange(one + first.segment + end, two + second.segment + end, now_ns());
    ahead_.clear();
    ANSWER_VOID(exchanged);
    nodes_.exchange(from, first.segment, to, second.segment, directory);
    first.node->stale = second.node->stale = true;
    touch_directory(from);
    touch_directory(to);
    co_return Answer<>();
}

Task<Answer<>> FileSystem::keep_directory(NodePtr directory) {
    if (!directory->entry.implied || directory->id == kRootNode) co_return Answer<>();
    engine::FileAttributes times;
    times.mtime_ns = times.ctime_ns = now_ns();
    ANSWER(auto key, key_of(*directory));
    auto kept = co_await store_.set_attributes(key, std::move(times));
    ahead_.change(key);
    ANSWER(directory->entry, std::move(kept));
    co_return Answer<>();
}

void FileSystem::touch_directory(const NodePtr& directory) {
    auto& attributes = directory->entry.attributes;
    attributes.mtime_ns = attributes.ctime_ns = now_ns();
    if (directory->id == kRootNode || directory->entry.implied) return;
    if (std::exchange(directory->times_dirty, true)) return;
    // Stored once for the many changes that come together.
    tasks_.spawn(store_times_later(directory));
}

Task<void> FileSystem::store_times_later(NodePtr directory) {
    co_await env_.clock.sleep_for(std::chrono::seconds(2));
    co_await store_times(directory);
}

Task<void> FileSystem::store_times(NodePtr directory) {
    auto key = key_of(*directory);
    if (!std::exchange(directory->times_dirty, false) || !key) co_return;
    engine::FileAttributes times;
    times.mtime_ns = directory->entry.attributes.mtime_ns;
    times.ctime_ns = directory->entry.attributes.ctime_ns;
    // A directory removed meanwhile has no times; one that cannot be reached shows its older ones later.
    const auto stored = co_await store_.set_attributes(*key, std::move(times));
    ahead_.change(*key);
    if (stored) directory->entry.state = stored->state;
}

}  // namespace larder::fuse
