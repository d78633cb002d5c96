// What tests of files do with handles: each a task, so that Catch2 assertions stay outside.
#pragma once

#include "replication/file_handle.h"
#include "tests/unit/engine/harness.h"

namespace larder::engine {

using Handle = std::unique_ptr<FileHandle>;

// A handle on a node's file, used a call at a time.
class OpenFile {
 public:
    OpenFile(Node& node, BucketId bucket, const std::string& key);

    Result<void> write(std::uint64_t offset, const std::string& bytes);
    std::string read(std::uint64_t offset, std::uint64_t length);
    // All of it.
    std::string content() { return read(0, handle->size()); }
    Result<void> truncate(std::uint64_t size) { return node.run(handle->truncate(size)); }
    Result<void> punch(std::uint64_t offset, std::uint64_t length) { return node.run(handle->punch(offset, length)); }
    std::optional<std::uint64_t> seek(std::uint64_t offset, bool hole);
    Result<void> copy_from(OpenFile& from, std::uint64_t source_offset, std::uint64_t offset, std::uint64_t length) {
        return node.run(handle->copy_from(*from.handle, source_offset, offset, length));
    }
    // Of a node that is gone with all its memory: the handle may not even be destroyed.
    void lose();
    Result<FileEntry> commit(FileAttributes changes = {}) { return node.run(handle->commit(std::move(changes))); }

    Node& node;
    Handle handle;
};

// The bytes of an object through the S3 side of the engine, also in parts, which must agree.
std::string object_bytes(Node& node, BucketId bucket, const std::string& key);

}  // namespace larder::engine
