// File systems over one store in memory, as several mounts of one bucket, without a kernel.
#pragma once

#include "fuse/filesystem.h"
#include "tests/support/memory_files.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

#include <set>

namespace larder::fuse {

// Remembers what the kernel would have been told.
class Told final : public Notifier {
 public:
    void attributes_changed(NodeId node) override { nodes.insert(node); }
    void content_changed(NodeId node) override { nodes.insert(node); }
    void entry_changed(NodeId parent, std::string name) override { entries.insert({parent, std::move(name)}); }
    std::set<NodeId> nodes;
    std::set<std::pair<NodeId, std::string>> entries;
};

// One mount. Calls run to their end; paths are walked as the kernel walks them, name by name.
class Mount {
 public:
    Mount(test::World& world, engine::FileStore& store, Options options = {});
    ~Mount();

    template <typename T>
    T run(Task<T> task) {
        return world_.run(std::move(task));
    }
    FileSystem& files() { return *files_; }
    Told& told() { return told_; }

    Answer<Found> find(const std::string& path);
    // The directory above and the last name.
    std::pair<NodeId, std::string> above(const std::string& path);
    Answer<> mkdir(const std::string& path);
    Answer<> put(const std::string& path, const std::string& content);
    Answer<std::string> get(const std::string& path);
    Answer<> unlink(const std::string& path);
    Answer<> rmdir(const std::string& path);
    Answer<> rename(const std::string& from, const std::string& to, unsigned flags = 0);
    Answer<> link(const std::string& from, const std::string& to);
    // Names by a walk of the directory, "." and ".." left out; `room` entries an answer.
    std::vector<std::string> names(const std::string& path, int room = 1000);
    std::string read(FileId file, std::uint64_t offset, std::uint64_t length);
    Answer<> write(FileId file, std::uint64_t offset, const std::string& bytes);
    Answer<Opened> open(const std::string& path, int flags);

 private:
    test::World& world_;
    Told told_;
    std::unique_ptr<FileSystem> files_;
    io::TaskGroup tasks_;
};

}  // namespace larder::fuse
