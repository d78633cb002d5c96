// The log of a shard: two preallocated files used in turn. A group of changes is durable when its record is synced. A
// file is used for one epoch, until it is full; when SQLite holds all rows of the epoch the file is used again, over
// the old bytes. Which epochs SQLite holds stands in SQLite. The bytes are described in docs/formats.md.
// Inside src/db only; not thread-safe.
#pragma once

#include "src/db/tables.h"
#include "src/io/disk.h"

#include <array>
#include <memory>
#include <string>

namespace larder::db {

using Epoch = std::uint64_t;

struct LogOptions {
    std::string path;            // of the files, without the "0" or "1" at their end
    std::uint64_t identity = 0;  // of the shard: records of another one are not its own
    std::uint64_t file_bytes = 0;
};

class GroupLog {
 public:
    struct Recovered {
        std::optional<Epoch> full;  // the epoch of the older of two files that hold rows not in SQLite
        std::string damage;         // a sentence; empty when every group is there
    };

    static base::Result<std::unique_ptr<GroupLog>> open(io::Disk& disk, LogOptions options);

    // Called once, first: adds all groups of epochs after `poured` to `tables` and goes on behind the last. When two
    // files hold such groups the older one's rows are frozen.
    base::Result<Recovered> recover(Epoch poured, Tables& tables);

    bool has_room(std::size_t payload_bytes) const;
    // Writes and syncs. After io_failure nothing is known of the record.
    base::Result<void> append(std::string_view payload, Sequence sequence);
    // The other file is used from now on; its rows must be in SQLite. Returns the epoch that ended.
    Epoch turn();

    Sequence last_sequence() const { return last_sequence_; }

 private:
    struct File {
        std::string path;
        std::unique_ptr<io::File> file;
        std::uint64_t written = 0;  // up to here since the opening
    };
    struct Record {
        Epoch epoch = 0;
        Sequence sequence = 0;
        std::string_view payload;
        std::uint64_t stored_bytes = 0;
    };
    struct Contents {
        std::size_t file = 0;
        std::string bytes;
        std::vector<Record> records;  // of one epoch
        std::uint64_t end = 0;
        std::uint64_t lost = 0;  // groups that must have been between the records
        Epoch epoch() const { return records.empty() ? 0 : records.front().epoch; }
    };

    explicit GroupLog(LogOptions options) : options_(std::move(options)) {}
    base::Result<Contents> read(std::size_t file);
    base::Result<void> write_ahead(File& file, std::uint64_t from);
    std::optional<Record> record_at(std::string_view bytes, std::uint64_t offset) const;

    LogOptions options_;
    std::array<File, 2> files_;
    std::size_t current_ = 0;
    std::uint64_t end_ = 0;
    Epoch epoch_ = 0;
    Sequence last_sequence_ = 0;
};

// A group as the log keeps it, and back.
std::string encode_group(const Overlay& group);
base::Result<Overlay> decode_group(std::string_view payload);

}  // namespace larder::db
