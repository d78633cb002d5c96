// A node on a temporary folder, for tests of the engine through its front door.
#pragma once

#include "replication/files.h"
#include "tests/support/run_task.h"
#include "tests/unit/engine/faulty_disk.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace larder::engine {

// `size` bytes that differ from place to place and from seed to seed.
std::string pattern(std::size_t size, std::uint64_t seed = 1);
std::string etag_of(std::string_view body);

// Writes the body in blocks and commits it; `properties` and `condition` as given.
Task<Result<ObjectInfo>> write_all(std::unique_ptr<ObjectWriter> writer, std::string body, Condition condition = {},
                                   ObjectProperties properties = {});
// Bytes [offset, offset + length) or to the end.
Task<Result<std::string>> read_some(ObjectReader& reader, std::uint64_t offset, std::uint64_t length);
Task<Result<std::string>> read_object(Engine& engine, BucketId bucket, std::string key);
// One object under another key, as a mount renames a file.
Task<Result<FileEntry>> rename_object(Engine& engine, BucketId bucket, std::string from, std::string to);
// Looks again and again until it holds; for what happens in the background. False after ten seconds.
Task<bool> eventually(io::Env& env, std::function<Task<bool>()> holds);

class Node {
 public:
    Node();
    ~Node() { kill(); }

    // The engine must open.
    void open();
    Result<std::unique_ptr<Engine>> try_open(Options options);
    Options options() const;
    void close();
    // Leaves without closing, as a process that ends at once.
    void kill() { engine.reset(); }
    void restart() {
        close();
        open();
    }

    template <typename T>
    T run(Task<T> task) {
        return world.run(std::move(task));
    }

    BucketId bucket(const std::string& name);
    Result<ObjectInfo> put(BucketId in, const std::string& key, const std::string& body, Condition condition = {},
                           ObjectProperties properties = {});
    Result<std::string> get(BucketId in, const std::string& key);
    Result<ObjectInfo> head(BucketId in, const std::string& key);
    Result<DeleteOutcome> remove(BucketId in, const std::string& key, Condition condition = {});
    EngineStatus status();
    // Whether the store comes to hold exactly so many blocks.
    bool comes_to_blocks(std::uint64_t count);
    std::vector<std::string> damage();

    std::string meta_folder() const { return folder.path() + "/meta"; }
    std::string data_folder() const { return folder.path() + "/data"; }

    test::TempFolder folder;
    test::World world;
    test::FaultyDisk disk;
    io::Env env;  // the world's, with the faulty disk
    base::Metrics metrics;
    std::unique_ptr<Engine> engine;
};

}  // namespace larder::engine
