// Attributes of files: stat, chmod and its kin, extended attributes, statfs.
#include "fuse/filesystem.h"
#include "src/base/limits.h"

#include <cerrno>

namespace larder::fuse {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::uint64_t kStatBlock = 512;
constexpr std::size_t kXattrBytesMax = 64 << 10;
// Read-only, of every file: the key and the ETag it has in S3.
constexpr std::string_view kKeyXattr = "user.s3.key";
constexpr std::string_view kEtagXattr = "user.s3.etag";

timespec timespec_of(std::int64_t ns) {
    auto seconds = ns / kSecondNs;
    auto rest = ns % kSecondNs;
    if (rest < 0) {
        --seconds;
        rest += kSecondNs;
    }
    return {seconds, rest};
}

bool may_have_xattr(std::string_view name) {
    return name.starts_with("user.") || name.starts_with("trusted.") || name.starts_with("security.");
}

}  // namespace

std::int64_t FileSystem::now_ns() {
    // The clock tells milliseconds; two changes are never given the same time.
    last_ns_ = std::max(last_ns_ + 1, env_.clock.wall_now().ms * 1'000'000);
    return last_ns_;
}

struct stat FileSystem::stat_of(const Node& node) const {
    const auto& entry = node.entry;
    const auto& attributes = entry.attributes;
    struct stat out{};
    out.st_ino = entry.inode;
    const std::uint32_t type = node.directory ? S_IFDIR : S_IFREG;
    const std::uint32_t usual = (node.directory ? 0777u : 0666u) & ~options_.umask;
    out.st_mode = attributes.mode.value_or(type | usual);
    // A directory is one whatever was said of it, and nothing else is.
    if (node.directory || S_ISDIR(out.st_mode)) out.st_mode = type | (out.st_mode & 07777);
    if ((out.st_mode & S_IFMT) == 0) out.st_mode |= type;
    if (node.directory) {
        out.st_nlink = node.subdirectories ? 2 + *node.subdirectories : 1;
    } else {
        out.st_nlink = node.gone() ? 0 : std::max(entry.links, 1u);
    }
    out.st_uid = attributes.uid.value_or(options_.uid);
    out.st_gid = attributes.gid.value_or(options_.gid);
    out.st_rdev = attributes.device.value_or(0);
    const auto size = node.content && node.content->is_open() ? node.content->size() : entry.size;
    out.st_size = static_cast<off_t>(node.directory || S_ISFIFO(out.st_mode) ? 0 : size);
    out.st_blksize = 128 << 10;
    out.st_blocks = static_cast<blkcnt_t>((static_cast<std::uint64_t>(out.st_size) + kStatBlock - 1) / kStatBlock);
    const auto modified = attributes.mtime_ns.value_or(entry.modified.ms * 1'000'000);
    out.st_mtim = timespec_of(modified);
    out.st_atim = timespec_of(attributes.atime_ns.value_or(modified));
    out.st_ctim = timespec_of(attributes.ctime_ns.value_or(std::max(modified, entry.modified.ms * 1'000'000)));
    return out;
}

struct stat FileSystem::stat_of_entry(engine::FileEntry entry) const {
    Node node;
    node.directory = entry.key.ends_with('/');
    node.entry = std::move(entry);
    node.places.push_back({nodes_.root(), ""});
    return stat_of(node);
}

Found FileSystem::found(const NodePtr& node) {
    ++node->lookups;
    keep_few();
    return {node->id, stat_of(*node)};
}

bool FileSystem::is_fresh(const Node& node) const {
    if (node.id == kRootNode || node.gone()) return true;
    if (node.stale) return false;
    return env_.clock.now() - node.learnt < ttl();
}

Task<Answer<>> FileSystem::refresh(NodePtr node) {
    if (is_fresh(*node)) co_return Answer<>();
    while (!node->gone()) {
        const auto place = *node->place();
        ANSWER(const auto above, key_of(*place.parent));
        ANSWER(auto there, co_await find(above, place.segment));
        auto& entry = node->directory ? there.directory : there.object;
        const bool beside = there.directory.has_value();
        if (entry && (node->directory || entry->inode == node->entry.inode)) {
            nodes_.place(place.parent, place.segment, std::move(*entry), env_.clock.now());
            nodes_.learn_beside(place.parent, place.segment, beside);
            co_return Answer<>();
        }
        // Gone from there by another door; another name may be left.
        nodes_.remove(place.parent, place.segment, node->directory);
    }
    // Its content may be open here still.
    if (!node->content) co_return refuse(ESTALE);
    co_return Answer<>();
}

Task<Answer<struct stat>> FileSystem::attributes(NodeId id) {
    const auto file = node(id);
    if (!file) co_return refuse(ESTALE);
    ANSWER_VOID(co_await refresh(file));
    co_return stat_of(*file);
}

Task<Answer<struct stat>> FileSystem::set_attributes(NodeId id, AttributeChanges changes) {
    if (options_.read_only) co_return refuse(EROFS);
    const auto file = node(id);
    if (!file) co_return refuse(ESTALE);
    ANSWER_VOID(co_await refresh(file));
    const auto now = now_ns();
    engine::FileAttributes wanted;
    if (changes.mode) wanted.mode = (stat_of(*file).st_mode & S_IFMT) | (*changes.mode & 07777);
    wanted.uid = changes.uid;
    wanted.gid = changes.gid;
    wanted.atime_ns = changes.atime_now ? now : changes.atime_ns;
    wanted.mtime_ns = changes.mtime_now ? now : changes.mtime_ns;
    if (changes.size) {
        ANSWER_VOID(co_await set_size(file, *changes.size));
        if (!wanted.mtime_ns) wanted.mtime_ns = now;
    }
    wanted.ctime_ns = now;
    auto& known = file->entry.attributes;
    const auto merge = [&known, &wanted] {
        if (wanted.mode) known.mode = wanted.mode;
        if (wanted.uid) known.uid = wanted.uid;
        if (wanted.gid) known.gid = wanted.gid;
        if (wanted.atime_ns) known.atime_ns = wanted.atime_ns;
        if (wanted.mtime_ns) known.mtime_ns = wanted.mtime_ns;
        known.ctime_ns = wanted.ctime_ns;
    };
    if (file->gone() || file->id == kRootNode) {
        merge();
        co_return stat_of(*file);
    }
    // What is cut while it is open is told with its content.
    const bool with_content = changes.size && !wanted.mode && !wanted.uid && !wanted.gid && file->content;
    if (!with_content) {
        ANSWER(auto key, key_of(*file));
        auto set = co_await store_.set_attributes(key, wanted);
        ahead_.change(key);
        ANSWER(auto entry, std::move(set));
        file->entry.state = entry.state;
        file->entry.implied = false;
    }
    merge();
    if (changes.size && file->content && file->content->opens == 0) {
        const auto stored = co_await commit(file, true);
        drop_content(file);
        ANSWER_VOID(stored);
    }
    co_return stat_of(*file);
}

Task<Answer<std::string>> FileSystem::read_link(NodeId id) {
    const auto file = node(id);
    if (!file) co_return refuse(ESTALE);
    ANSWER_VOID(co_await refresh(file));
    if (!S_ISLNK(stat_of(*file).st_mode)) co_return refuse(EINVAL);
    if (file->gone()) co_return refuse(ENOENT);
    ANSWER(auto key, key_of(*file));
    ANSWER(const auto handle, co_await store_.open(std::move(key)));
    ANSWER(const auto target, co_await handle->read(0, handle->size()));
    co_return std::string(target.chars());
}

Task<Answer<std::string>> FileSystem::xattr(NodeId id, std::string name) {
    const auto file = node(id);
    if (!file) co_return refuse(ESTALE);
    if (name == kKeyXattr && !file->gone()) co_return key_of(*file);
    if (!may_have_xattr(name)) co_return refuse(EOPNOTSUPP);
    ANSWER_VOID(co_await refresh(file));
    if (name == kEtagXattr && !file->directory) co_return file->entry.etag;
    const auto& xattrs = file->entry.attributes.xattrs;
    const auto there = xattrs.find(name);
    if (there == xattrs.end()) co_return refuse(ENODATA);
    co_return there->second;
}

Task<Answer<std::string>> FileSystem::xattr_names(NodeId id) {
    const auto file = node(id);
    if (!file) co_return refuse(ESTALE);
    ANSWER_VOID(co_await refresh(file));
    std::string out;
    for (const auto& [name, value] : file->entry.attributes.xattrs) out.append(name).push_back('\0');
    co_return out;
}

Task<Answer<>> FileSystem::set_xattr(NodeId id, std::string name, std::optional<std::string> value,
                                     engine::XattrMode mode) {
    if (options_.read_only) co_return refuse(EROFS);
    const auto file = node(id);
    if (!file) co_return refuse(ESTALE);
    if (name == kKeyXattr || name == kEtagXattr) co_return refuse(EPERM);
    if (!may_have_xattr(name)) co_return refuse(EOPNOTSUPP);
    if (value && value->size() > kXattrBytesMax) co_return refuse(E2BIG);
    if (file->id == kRootNode) co_return refuse(EOPNOTSUPP);
    ANSWER(auto key, key_of(*file));
    const auto done = co_await store_.set_xattr(key, name, value, mode, now_ns());
    ahead_.change(key);
    if (!done) {
        const bool missing = done.error().is(base::Code::not_found, base::Subject::none);
        co_return refuse(missing ? ENODATA : errno_of(done.error()));
    }
    file->entry.state = done->state;
    file->entry.attributes.xattrs = done->attributes.xattrs;
    file->entry.attributes.ctime_ns = done->attributes.ctime_ns;
    file->entry.implied = false;
    co_return Answer<>();
}

Task<Answer<struct statvfs>> FileSystem::usage() {
    ANSWER(const auto usage, co_await store_.usage());
    struct statvfs out{};
    constexpr std::uint64_t kBlock = 4096;
    auto total = usage.total_bytes;
    auto free = usage.free_bytes;
    if (usage.quota.bytes_max) {
        total = std::min(total, *usage.quota.bytes_max);
        const auto left = *usage.quota.bytes_max - std::min(*usage.quota.bytes_max, usage.used.bytes);
        free = std::min(free, left);
    }
    out.f_bsize = out.f_frsize = kBlock;
    out.f_blocks = total / kBlock;
    out.f_bfree = out.f_bavail = free / kBlock;
    // Objects are not counted in advance: as many as fit at one block each, or the quota's.
    const auto room = usage.quota.objects_max
                          ? *usage.quota.objects_max - std::min(*usage.quota.objects_max, usage.used.objects)
                          : free / kBlock;
    out.f_files = usage.used.objects + room;
    out.f_ffree = out.f_favail = room;
    out.f_namemax = names::kNameBytesMax;
    co_return out;
}

}  // namespace larder::fuse
