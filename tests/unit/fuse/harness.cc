#include "tests/unit/fuse/harness.h"

#include <fcntl.h>

namespace larder::fuse {

Mount::Mount(test::World& world, engine::FileStore& store, Options options)
    : world_(world),
      files_(std::make_unique<FileSystem>(world.env(), store, options, told_)),
      tasks_(world.env().executor) {
    tasks_.spawn(files_->follow_changes());
    // The first answer of the store makes the mount live.
    static_cast<void>(run(files_->usage()));
}

Mount::~Mount() {
    tasks_.stop();
}

Answer<Found> Mount::find(const std::string& path) {
    Found at;
    at.node = kRootNode;
    if (path.empty()) {
        const auto root = run(files_->attributes(kRootNode));
        at.stat = *root;
        return at;
    }
    std::size_t from = 0;
    for (;;) {
        const auto slash = path.find('/', from);
        const auto next = run(files_->lookup(at.node, path.substr(from, slash - from)));
        if (!next) return refuse(next.error());
        at = *next;
        if (slash == std::string::npos) return at;
        from = slash + 1;
    }
}

std::pair<NodeId, std::string> Mount::above(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return {kRootNode, path};
    const auto parent = find(path.substr(0, slash));
    return {parent ? parent->node : 0, path.substr(slash + 1)};
}

Answer<> Mount::mkdir(const std::string& path) {
    const auto [parent, name] = above(path);
    const auto made = run(files_->make_directory(parent, name, 0755, {}));
    return made ? Answer<>() : refuse(made.error());
}

Answer<Opened> Mount::open(const std::string& path, int flags) {
    const auto there = find(path);
    if (!there) return refuse(there.error());
    return run(files_->open(there->node, flags));
}

Answer<> Mount::put(const std::string& path, const std::string& content) {
    const auto [parent, name] = above(path);
    auto opened = open(path, O_WRONLY | O_TRUNC);
    if (!opened) {
        const auto made = run(files_->create(parent, name, 0644, O_WRONLY, {}));
        if (!made) return refuse(made.error());
        opened = made->second;
    }
    auto done = write(opened->file, 0, content);
    if (done) done = run(files_->flush(opened->file));
    const auto close = [](FileSystem& files, FileId file) -> Task<bool> {
        co_await files.release(file);
        co_return true;
    };
    run(close(*files_, opened->file));
    return done;
}

Answer<> Mount::write(FileId file, std::uint64_t offset, const std::string& bytes) {
    return run(files_->write(file, offset, base::Buffer::copy_of(bytes)));
}

std::string Mount::read(FileId file, std::uint64_t offset, std::uint64_t length) {
    const auto data = run(files_->read(file, offset, length));
    return data ? std::string(data->chars()) : "error " + std::to_string(data.error());
}

Answer<std::string> Mount::get(const std::string& path) {
    const auto opened = open(path, O_RDONLY);
    if (!opened) return refuse(opened.error());
    return read(opened->file, 0, 10 << 20);
}

Answer<> Mount::unlink(const std::string& path) {
    const auto [parent, name] = above(path);
    return run(files_->unlink(parent, name));
}

Answer<> Mount::rmdir(const std::string& path) {
    const auto [parent, name] = above(path);
    return run(files_->remove_directory(parent, name));
}

Answer<> Mount::rename(const std::string& from, const std::string& to, unsigned flags) {
    const auto [parent, name] = above(from);
    const auto [new_parent, new_name] = above(to);
    return run(files_->rename(parent, name, new_parent, new_name, flags));
}

Answer<> Mount::link(const std::string& from, const std::string& to) {
    const auto there = find(from);
    if (!there) return refuse(there.error());
    const auto [parent, name] = above(to);
    const auto made = run(files_->link(there->node, parent, name));
    return made ? Answer<>() : refuse(made.error());
}

std::vector<std::string> Mount::names(const std::string& path, int room) {
    std::vector<std::string> out;
    const auto there = find(path);
    if (!there) return {"error " + std::to_string(there.error())};
    const auto directory = run(files_->open_directory(there->node));
    std::uint64_t offset = 0;
    for (bool more = true; more;) {
        int taken = 0;
        more = false;
        const auto take = [&](const DirectoryEntry& entry) {
            if (taken++ == room) return more = true, false;
            offset = entry.next;
            if (entry.name != "." && entry.name != "..") out.push_back(entry.name);
            return true;
        };
        const auto done = run(files_->read_directory(*directory, offset, true, take));
        if (!done) return {"error " + std::to_string(done.error())};
    }
    files_->release_directory(*directory);
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace larder::fuse
