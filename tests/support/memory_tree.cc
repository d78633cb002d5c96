#include "tests/support/memory_tree.h"

#include "src/base/encoding.h"
#include "src/base/limits.h"

namespace larder::test {

using base::Code;
using base::fail;
using base::Subject;
using engine::FileAttributes;
using engine::FileEntry;

namespace {

constexpr std::size_t kChangesKept = 4096;

auto nothing_at(const std::string& key) {
    return fail(Code::not_found, Subject::object, "nothing stands at \"" + key + "\".");
}
auto taken(const std::string& key) {
    return fail(Code::already_exists, Subject::object, "something stands at \"" + key + "\" already.");
}
auto not_empty(const std::string& key) {
    return fail(Code::conflict, Subject::object, "keys stand under \"" + key + "\".");
}
auto wrong(std::string why) {
    return fail(Code::invalid_argument, Subject::object, std::move(why));
}

base::Result<void> check_key(const std::string& key) {
    if (key.empty() || key.size() > base::limits::kKeyBytesMax || !base::is_text(key))
        return wrong("a key is 1 to 1024 bytes of UTF-8 without NUL.");
    return {};
}

bool is_directory(const std::string& key) {
    return key.ends_with('/');
}

void merge(FileAttributes& into, const FileAttributes& changes) {
    const auto one = [](auto& to, const auto& from) {
        if (from) to = from;
    };
    one(into.mode, changes.mode);
    one(into.uid, changes.uid);
    one(into.gid, changes.gid);
    one(into.device, changes.device);
    one(into.mtime_ns, changes.mtime_ns);
    one(into.atime_ns, changes.atime_ns);
    one(into.ctime_ns, changes.ctime_ns);
}

}  // namespace

MemoryTree::MemoryTree(io::Env& e) : env(e) {
    bucket.id = base::BucketId{{7}};
    bucket.names = {"memory"};
}

FileEntry MemoryTree::entry_of(const std::string& key, const Inode& inode) {
    FileEntry entry;
    entry.key = key;
    entry.version = inode.version;
    entry.state = inode.state;
    entry.modified = inode.modified;
    entry.size = inode.content.size();
    entry.inode = inode.number;
    entry.links = inode.links;
    entry.attributes = inode.attributes;
    return entry;
}

FileEntry MemoryTree::implied(const std::string& key) {
    auto& number = implied_inodes_[key];
    if (number == 0) number = key.empty() ? 1 : ++last_inode_;
    FileEntry entry;
    entry.key = key;
    entry.implied = true;
    entry.inode = number;
    return entry;
}

bool MemoryTree::anything_below(const std::string& directory) const {
    const auto next = names_.upper_bound(directory);
    return next != names_.end() && next->first.starts_with(directory);
}

MemoryTree::InodePtr MemoryTree::inode_at(const std::string& key) const {
    const auto found = names_.find(key);
    return found == names_.end() ? nullptr : found->second;
}

MemoryTree::InodePtr MemoryTree::make_inode(std::uint64_t number) {
    auto inode = std::make_shared<Inode>();
    inode->number = number != 0 ? number : ++last_inode_;
    replace_content(*inode, {});
    return inode;
}

base::Tag MemoryTree::next_tag() {
    return {base::make_hybrid(static_cast<std::uint64_t>(env.clock.wall_now().ms), 0) + ++last_version_, 1, 1};
}

void MemoryTree::replace_content(Inode& inode, MemoryContent content) {
    inode.content = std::move(content);
    inode.version = inode.state = next_tag();
    inode.modified = env.clock.wall_now();
}

void MemoryTree::changed(const std::string& key, Inode& inode, bool removed) {
    if (!removed) inode.state = next_tag();
    changes_.push_back({bucket.id, key, inode.state, removed});
    ++newest_change_;
    if (changes_.size() > kChangesKept) changes_.pop_front();
    for (auto& watcher : std::exchange(watchers_, {})) watcher.set(io::Done{});
}

// Every name of the file shows the change.
void MemoryTree::changed_everywhere(Inode& inode) {
    for (const auto& [key, there] : names_) {
        if (there.get() == &inode) changed(key, inode, false);
    }
}

void MemoryTree::place(const std::string& key, InodePtr inode) {
    ++inode->links;
    names_[key] = inode;
    changed(key, *inode, false);
}

void MemoryTree::take_away(const std::string& key, std::int64_t ctime_ns) {
    const auto inode = inode_at(key);
    if (!inode) return;
    names_.erase(key);
    changed(key, *inode, true);
    if (--inode->links == 0) return;
    inode->attributes.ctime_ns = ctime_ns;
    changed_everywhere(*inode);
}

engine::FoundPath MemoryTree::find(const std::string& path) {
    engine::FoundPath found;
    if (path.empty()) {
        found.directory = implied("");
        return found;
    }
    if (const auto file = inode_at(path)) found.object = entry_of(path, *file);
    const auto key = path + '/';
    if (const auto marker = inode_at(key)) {
        found.directory = entry_of(key, *marker);
    } else if (anything_below(key)) {
        found.directory = implied(key);
    }
    return found;
}

engine::DirectoryPage MemoryTree::list(const std::string& directory, const std::string& after, int limit) {
    engine::DirectoryPage page;
    // Everything under a sub-directory is one entry: '0' is the byte after '/'.
    const auto past = [](std::string key) {
        if (is_directory(key))
            key.back() = '0';
        else
            key.push_back('\0');
        return key;
    };
    auto at = directory.empty() ? names_.begin() : names_.upper_bound(directory);
    if (!after.empty()) at = names_.lower_bound(std::max(past(after), directory));
    while (at != names_.end() && at->first.starts_with(directory)) {
        const auto slash = at->first.find('/', directory.size());
        const auto key = slash == std::string::npos ? at->first : at->first.substr(0, slash + 1);
        if (page.entries.size() >= static_cast<std::size_t>(std::max(limit, 1))) {
            page.truncated = true;
            break;
        }
        const auto inode = inode_at(key);
        page.entries.push_back(inode ? entry_of(key, *inode) : implied(key));
        page.next = key;
        at = names_.lower_bound(past(key));
    }
    return page;
}

base::Result<FileEntry> MemoryTree::create(engine::NewFile file) {
    TRY_VOID(check_key(file.key));
    if (file.content.size() > base::limits::kInlineBytesMax || (is_directory(file.key) && !file.content.empty()))
        return fail(Code::too_large, Subject::object, "a new file holds at most 16 KiB, a directory nothing.");
    const auto there = inode_at(file.key);
    if (there && file.exclusive) return taken(file.key);
    std::uint64_t number = is_directory(file.key) ? 0 : file.inode;
    if (const auto known = implied_inodes_.extract(file.key)) number = known.mapped();
    auto inode = make_inode(number);
    inode->content = MemoryContent(file.content);
    inode->attributes = std::move(file.attributes);
    take_away(file.key, inode->attributes.ctime_ns.value_or(0));
    place(file.key, inode);
    return entry_of(file.key, *inode);
}

base::Result<FileEntry> MemoryTree::set_attributes(const std::string& key, const FileAttributes& changes) {
    auto inode = inode_at(key);
    if (!inode && is_directory(key) && anything_below(key)) {
        TRY_VOID(create({key, {}, {}, true}));
        inode = inode_at(key);
    }
    if (!inode) return nothing_at(key);
    merge(inode->attributes, changes);
    changed_everywhere(*inode);
    return entry_of(key, *inode);
}

base::Result<FileEntry> MemoryTree::set_xattr(const std::string& key, XattrChange change, std::int64_t ctime_ns) {
    const auto inode = inode_at(key);
    const bool there = inode && inode->attributes.xattrs.contains(change.name);
    if (!inode && !(is_directory(key) && anything_below(key))) return nothing_at(key);
    if (!there && (!change.value || change.mode == engine::XattrMode::replace))
        return fail(Code::not_found, Subject::none, "there is no attribute \"" + change.name + "\".");
    if (there && change.value && change.mode == engine::XattrMode::create) return taken(change.name);
    FileAttributes changes;
    changes.ctime_ns = ctime_ns;
    TRY(auto entry, set_attributes(key, changes));
    auto& xattrs = inode_at(key)->attributes.xattrs;
    if (change.value) {
        xattrs[change.name] = *change.value;
    } else {
        xattrs.erase(change.name);
    }
    entry.attributes.xattrs = xattrs;
    return entry;
}

base::Result<FileEntry> MemoryTree::remove(const std::string& key, std::int64_t ctime_ns) {
    if (is_directory(key) && anything_below(key)) return not_empty(key);
    const auto inode = inode_at(key);
    if (!inode) return nothing_at(key);
    take_away(key, ctime_ns);
    return entry_of(key, *inode);
}

base::Result<FileEntry> MemoryTree::rename(const std::string& from, const std::string& to, bool exclusive,
                                           std::int64_t ctime_ns) {
    TRY_VOID(check_key(to));
    if (is_directory(from) || is_directory(to)) return wrong("rename is for files.");
    const auto inode = inode_at(from);
    if (!inode) return nothing_at(from);
    const auto there = inode_at(to);
    if (there && exclusive) return taken(to);
    if (there == inode) return entry_of(to, *inode);
    take_away(to, ctime_ns);
    names_.erase(from);
    --inode->links;
    inode->attributes.ctime_ns = ctime_ns;
    place(to, inode);
    changed(from, *inode, true);
    return entry_of(to, *inode);
}

base::Result<FileEntry> MemoryTree::link(const std::string& from, const std::string& to, std::int64_t ctime_ns) {
    TRY_VOID(check_key(to));
    if (is_directory(from) || is_directory(to)) return wrong("a directory has one name.");
    const auto inode = inode_at(from);
    if (!inode) return nothing_at(from);
    if (inode_at(to)) return taken(to);
    inode->attributes.ctime_ns = ctime_ns;
    place(to, inode);
    changed_everywhere(*inode);
    return entry_of(to, *inode);
}

// Names below `from` (the marker with them) and what is known of implied directories there.
void MemoryTree::move_below(const std::string& from, const std::string& to) {
    std::vector<std::pair<std::string, InodePtr>> moved;
    for (auto at = names_.lower_bound(from); at != names_.end() && at->first.starts_with(from);) {
        moved.emplace_back(at->first, at->second);
        at = names_.erase(at);
    }
    std::vector<std::pair<std::string, std::uint64_t>> numbers;
    for (auto at = implied_inodes_.lower_bound(from); at != implied_inodes_.end() && at->first.starts_with(from);) {
        numbers.emplace_back(to + at->first.substr(from.size()), at->second);
        at = implied_inodes_.erase(at);
    }
    for (const auto& [key, number] : numbers) implied_inodes_[key] = number;
    for (const auto& [key, inode] : moved) {
        const auto target = to + key.substr(from.size());
        names_[target] = inode;
        changed(target, *inode, false);
        changed(key, *inode, true);
    }
}

base::Result<void> MemoryTree::rename_directory(std::string from, std::string to, std::int64_t ctime_ns) {
    if (!is_directory(from)) from.push_back('/');
    if (!is_directory(to)) to.push_back('/');
    TRY_VOID(check_key(to));
    if (!inode_at(from) && !anything_below(from)) return nothing_at(from);
    if (from == to) return {};
    if (to.starts_with(from)) return wrong("a directory cannot move into itself.");
    if (anything_below(to)) return not_empty(to);
    take_away(to, ctime_ns);
    move_below(from, to);
    if (const auto marker = inode_at(to)) marker->attributes.ctime_ns = ctime_ns;
    return {};
}

base::Result<void> MemoryTree::exchange(const std::string& first, const std::string& second, std::int64_t ctime_ns) {
    const auto one = inode_at(first);
    const auto two = inode_at(second);
    if (is_directory(first) != is_directory(second)) return wrong("a file and a directory do not change places.");
    if (!is_directory(first)) {
        if (!one || !two) return nothing_at(one ? second : first);
        one->attributes.ctime_ns = two->attributes.ctime_ns = ctime_ns;
        names_[first] = two;
        names_[second] = one;
        changed(first, *two, false);
        changed(second, *one, false);
        return {};
    }
    if (first == second) return {};
    if (first.starts_with(second) || second.starts_with(first)) return wrong("one directory lies in the other.");
    if (!one && !anything_below(first)) return nothing_at(first);
    if (!two && !anything_below(second)) return nothing_at(second);
    const std::string aside = "\x01/";
    move_below(first, aside);
    move_below(second, first);
    move_below(aside, second);
    if (one) one->attributes.ctime_ns = ctime_ns;
    if (two) two->attributes.ctime_ns = ctime_ns;
    return {};
}

base::Result<FileEntry> MemoryTree::commit(const std::string& key, const MemoryContent* content,
                                           const FileAttributes& changes) {
    const auto inode = inode_at(key);
    if (!inode) return nothing_at(key);
    if (content != nullptr) replace_content(*inode, *content);
    merge(inode->attributes, changes);
    for (const auto& [name, value] : changes.xattrs) inode->attributes.xattrs[name] = value;
    changed_everywhere(*inode);
    return entry_of(key, *inode);
}

void MemoryTree::put(const std::string& key, std::string_view content) {
    if (const auto inode = inode_at(key)) {
        replace_content(*inode, MemoryContent(content));
        changed_everywhere(*inode);
        return;
    }
    auto inode = make_inode(0);
    inode->content = MemoryContent(content);
    place(key, inode);
}

void MemoryTree::erase(const std::string& key) {
    take_away(key, 0);
}

std::vector<engine::ChangeEvent> MemoryTree::changes_since(std::uint64_t place) const {
    const auto skip = std::min<std::uint64_t>(place - oldest_change(), changes_.size());
    return {changes_.begin() + static_cast<std::ptrdiff_t>(skip), changes_.end()};
}

io::Promise<io::Done> MemoryTree::next_change() {
    return watchers_.emplace_back(env.executor);
}

}  // namespace larder::test
