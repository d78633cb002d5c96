// What two mounts and S3 show, against the model.
#include "tests/model/play.h"

#include <fcntl.h>

namespace larder::model_test {
namespace {

std::string kind(bool directory) {
    return directory ? "a directory" : "a file";
}

}  // namespace

Task<fuse::Answer<std::vector<Play::Entry>>> Play::names(int mount, fuse::NodeId node, unsigned room) {
    std::vector<Entry> out;
    auto& system = files(mount);
    ANSWER(const auto directory, co_await system.open_directory(node));
    std::uint64_t offset = 0;
    for (bool more = true; more;) {
        unsigned taken = 0;
        more = false;
        const auto take = [&](const fuse::DirectoryEntry& entry) {
            if (taken++ == room) return more = true, false;
            offset = entry.next;
            if (entry.name != "." && entry.name != "..") out.push_back({entry.name, S_ISDIR(entry.found.stat.st_mode)});
            return true;
        };
        const auto done = co_await system.read_directory(directory, offset, room % 2 == 1, take);
        if (!done) co_return fuse::refuse(done.error());
    }
    system.release_directory(directory);
    co_return out;
}

Task<std::string> Play::check_file(int mount, fuse::Found found, Shown shown) {
    auto& system = files(mount);
    const auto& inode = shown.inode;
    if (S_ISLNK(found.stat.st_mode) != inode->symlink) co_return "is of another kind";
    if (inode->symlink) {
        const auto target = co_await system.read_link(found.node);
        if (!target) co_return "has no target: " + std::to_string(target.error());
        co_return *target == inode->content ? "" : "links to " + *target;
    }
    const auto* const mine = state(mount, inode);
    if (mine == nullptr && static_cast<std::size_t>(found.stat.st_size) != inode->content.size())
        co_return "has size " + std::to_string(found.stat.st_size) + ", not " + std::to_string(inode->content.size());
    const auto opened = co_await system.open(found.node, O_RDONLY);
    if (!opened) co_return "cannot be opened: " + std::to_string(opened.error());
    model_.refresh(mount, inode);
    const auto data = co_await system.read(opened->file, 0, 1 << 20);
    const auto content = data ? std::string(data->chars()) : "error " + std::to_string(data.error());
    co_await system.release(opened->file);
    const auto& expected = model_.content(mount, inode);
    if (content != expected) co_return "holds \"" + content + "\", not \"" + expected + "\"";
    if (!patient_ && found.stat.st_nlink != model_.keys_of(inode).size())
        co_return "has " + std::to_string(found.stat.st_nlink) + " names";
    co_return "";
}

Task<std::string> Play::check_node(int mount, fuse::NodeId node, std::string path, Shown shown) {
    const auto stat = co_await files(mount).attributes(node);
    if (!stat) co_return path + " has no attributes: " + std::to_string(stat.error());
    if (S_ISDIR(stat->st_mode) != shown.directory) co_return path + " is not " + kind(shown.directory);
    if (shown.inode && shown.inode->mode && (stat->st_mode & 07777) != *shown.inode->mode)
        co_return path + " has another mode";
    if (shown.inode) {
        for (const auto& [name, value] : shown.inode->xattrs) {
            const auto there = co_await files(mount).xattr(node, name);
            if (!there || *there != value) co_return path + " has lost " + name;
        }
    }
    if (shown.directory) co_return "";
    const auto wrong = co_await check_file(mount, {node, *stat}, shown);
    co_return wrong.empty() ? "" : path + " " + wrong;
}

Task<std::string> Play::walk(int mount, fuse::NodeId node, std::string prefix, unsigned room) {
    const auto tree = materialise(model_.keys);
    const auto entries = co_await names(mount, node, room);
    if (!entries) co_return "\"" + prefix + "\" cannot be listed: " + std::to_string(entries.error());
    std::map<std::string, bool> seen;
    for (const auto& entry : *entries) {
        const auto path = prefix + entry.name;
        if (!seen.emplace(path, entry.directory).second) co_return path + " is listed twice";
        const auto there = tree.find(path);
        if (there == tree.end()) co_return "the listing shows " + path + ", which is not there";
        if (there->second.directory != entry.directory) co_return "the listing shows " + path + " as another kind";
        const auto found = co_await files(mount).lookup(node, entry.name);
        if (!found) co_return path + " is listed and not found: " + std::to_string(found.error());
        auto wrong = co_await check_node(mount, found->node, path, there->second);
        if (wrong.empty() && entry.directory) wrong = co_await walk(mount, found->node, path + "/", room);
        if (!wrong.empty()) co_return wrong;
    }
    for (const auto& [path, shown] : tree) {
        if (path.starts_with(prefix) && path.find('/', prefix.size()) == std::string::npos && !seen.contains(path))
            co_return "the listing misses " + path;
    }
    co_return "";
}

Task<std::string> Play::find_all(int mount) {
    for (const auto& [path, shown] : materialise(model_.keys)) {
        const auto at = co_await locate(mount, path);
        if (!at.wrong.empty()) co_return at.wrong;
        const auto wrong = co_await check_node(mount, at.node, path, shown);
        if (!wrong.empty()) co_return wrong;
    }
    // What could stand there by a mistake of names.
    for (const auto* name : {"%empty", "%dot", "%dotdot", "a%obj", "b%obj", "%obj", "a%obj%obj", "%long-"}) {
        const auto at = co_await locate(mount, name);
        if (!at.wrong.empty()) co_return at.wrong;
        const auto below = co_await locate(mount, "a/" + std::string(name));
        if (!below.wrong.empty()) co_return below.wrong;
    }
    co_return "";
}

Task<std::string> Play::compare_mount(int mount, unsigned room) {
    // By lookups first, or by listings first: each leaves something known to the other.
    for (const bool listing : {room % 4 < 2, room % 4 >= 2}) {
        auto wrong = listing ? co_await walk(mount, fuse::kRootNode, "", room) : co_await find_all(mount);
        if (!wrong.empty()) co_return wrong;
    }
    co_return "";
}

Task<std::string> Play::compare(unsigned room) {
    const auto all = co_await doors_->all(static_cast<int>(room));
    for (const auto& [key, inode] : model_.keys) {
        const auto there = all.find(key);
        if (there == all.end()) co_return "S3 does not list " + key;
        if (there->second != inode->content)
            co_return "S3 has \"" + there->second + "\" in " + key + ", not \"" + inode->content + "\"";
    }
    for (const auto& [key, content] : all) {
        if (!model_.keys.contains(key)) co_return "S3 lists " + key + ", which is not there";
    }
    for (int mount = 0; mount < 2; ++mount) {
        const auto wrong = co_await compare_mount(mount, room);
        if (!wrong.empty()) co_return (mount == 0 ? "first: " : "second: ") + wrong;
    }
    co_return "";
}

Task<std::string> Play::compare_patiently(unsigned room) {
    auto wrong = co_await compare(room);
    // Mounts are told of changes a moment after they happened.
    for (int i = 0; patient_ && !wrong.empty() && i < 200; ++i) {
        co_await env_.clock.sleep_for(std::chrono::milliseconds(5));
        wrong = co_await compare(room);
    }
    co_return wrong;
}

// A mount that has seen nothing yet, by direct lookups alone.
Task<std::string> Play::fresh_mount() {
    tasks_.stop();
    mounts_[0] = std::make_unique<fuse::FileSystem>(env_, doors_->store(0), fuse::Options{}, silent_);
    const auto wrong = co_await find_all(0);
    co_return wrong.empty() ? "" : "a new mount: " + wrong;
}

}  // namespace larder::model_test
