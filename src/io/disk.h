// The disk: plain blocking calls, made on pool threads and committing threads, never on the engine thread (but for
// reads known to be small and cached). Nothing is durable before sync_data (contents) or sync_dir (names). Real: the
// file system. Simulated: forgets what was not synced, tears writes, fills up, flips bits, fails.
//
// Errors: not_found, already_exists, no_space, io_failure, permission_denied; Subject::disk, the path in the message.
// After a failed sync_data nothing is known of the writes before it: the caller abandons the file (Rebello, ATC 2020).
#pragma once

#include "src/base/error.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace larder::io {

// An open file. Any thread; concurrent calls on separate ranges are safe.
class File {
 public:
    virtual ~File() = default;
    // Reads until `out` is full or the file ends; returns how many bytes.
    virtual base::Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) = 0;
    // Writes all of `data`, growing the file as needed.
    virtual base::Result<void> write_at(std::uint64_t offset, std::span<const std::byte> data) = 0;
    // Makes all earlier writes of this file durable, its size included.
    virtual base::Result<void> sync_data() = 0;
    virtual base::Result<void> truncate(std::uint64_t size) = 0;
    // Reserves space for [0, size) without changing what reads see beyond zeroes.
    virtual base::Result<void> allocate(std::uint64_t size) = 0;
    // Gives [offset, offset + length) back to the file system; it reads as zeroes. Whole 4 KiB pages only.
    virtual base::Result<void> punch_hole(std::uint64_t offset, std::uint64_t length) = 0;
    virtual base::Result<std::uint64_t> size() = 0;
    // Bytes on the disk, holes left out.
    virtual base::Result<std::uint64_t> allocated() = 0;
};

enum class OpenMode { read_only, read_write, create, create_new };

struct Space {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;  // for an ordinary user
};

// Held: no other process has this path locked. Released by destruction or by the end of the process.
class FileLock {
 public:
    virtual ~FileLock() = default;
};

class Disk {
 public:
    virtual ~Disk() = default;
    virtual base::Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
    // Atomic; replaces `to`.
    virtual base::Result<void> rename(const std::string& from, const std::string& to) = 0;
    virtual base::Result<void> remove(const std::string& path) = 0;
    // Names (not paths) in the folder, sorted.
    virtual base::Result<std::vector<std::string>> list(const std::string& folder) = 0;
    // Makes the folder and its parents, durably; no error if it is there.
    virtual base::Result<void> make_folder(const std::string& folder) = 0;
    virtual base::Result<void> sync_dir(const std::string& folder) = 0;
    virtual base::Result<bool> exists(const std::string& path) = 0;
    virtual base::Result<Space> space(const std::string& folder) = 0;
    // Fails with `conflict` when another process holds it.
    virtual base::Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;

    // Whole small files. write_file is atomic and durable: temporary name, sync, rename, sync of the folder.
    base::Result<std::string> read_file(const std::string& path);
    base::Result<void> write_file(const std::string& path, std::string_view contents);
};

}  // namespace larder::io
