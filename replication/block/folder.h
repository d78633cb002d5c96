// One data folder: who it is, its segments, and the queue of the one writer that appends to the youngest of them.
// Everything that waits together is written together and shares one sync. Engine thread, but for what runs on the pool
// inside.
#pragma once

#include "replication/block/segment.h"
#include "src/io/env.h"
#include "src/io/task_group.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder::block {

// Who a data folder is, wherever it is mounted and in whatever order the folders are configured.
struct FolderIdentity {
    std::uint16_t number = 0;  // in places; never given twice within one store
    FolderMark mark = 0;
};

class Folder {
 public:
    // Makes the folder if it is not there, locks it, and lists its segments. Blocking. Errors name the folder.
    static base::Result<std::unique_ptr<Folder>> open(io::Env& env, std::string path, std::uint64_t segment_bytes);
    ~Folder();

    // Nothing as long as it is new.
    const std::optional<FolderIdentity>& identity() const { return identity_; }
    // Writes the identity. Blocking.
    base::Result<void> found(FolderIdentity identity);

    // A record that is durable. The pin keeps its segment from being removed: it is held until the index names it.
    struct Appended {
        Place place;
        std::shared_ptr<const void> pin;
    };
    // Writes the record durably. no_space when the disk is (nearly) full; io_failure.
    io::Task<base::Result<Appended>> append(Packed packed);

    // The open segment; it stays readable for its holder even if the segment is removed.
    base::Result<Segment> segment(std::uint32_t segment);
    std::vector<std::uint32_t> segments() const;
    bool has(std::uint32_t segment) const { return lengths_.contains(segment); }
    // Whether more may yet be written to it, or named that was written to it.
    bool in_use(std::uint32_t segment) const;
    std::uint32_t youngest() const { return lengths_.empty() ? 0 : lengths_.rbegin()->first; }
    // Where its records end.
    std::uint64_t length(std::uint32_t segment) const;
    // Appending goes on at `offset` of the youngest segment. At open, after its records were looked through; without
    // it a new segment is begun.
    void resume_at(std::uint64_t offset);

    io::Task<base::Result<void>> remove_segment(std::uint32_t segment);

    StoreStatus::Folder status() const;
    std::uint64_t free_bytes() const;
    // Whether so many bytes may be written here now.
    bool has_room(std::uint64_t bytes) const;
    const std::string& path() const { return path_; }

 private:
    struct Pending;
    struct WriteJob;
    struct WriteReport;

    Folder(io::Env& env, std::string path, std::uint64_t segment_bytes);
    base::Result<void> read_identity();
    base::Result<void> find_segments();
    std::string segment_path(std::uint32_t segment) const;
    io::Space space() const;
    std::uint64_t reserve() const;

    // folder_writer.cc
    io::Task<void> write_loop();
    using Batch = std::shared_ptr<std::vector<Pending>>;
    io::Task<base::Result<void>> write_batch(Batch batch);
    base::Result<WriteJob> plan(const std::vector<Pending>& batch, std::uint64_t bytes);
    static WriteReport run(const WriteJob& job);
    base::Result<void> settle(const WriteJob& job, WriteReport report, std::uint64_t bytes);
    void failed(const base::Error& error);
    std::shared_ptr<const void> pin(std::uint32_t segment);

    io::Env& env_;
    std::string path_;
    std::uint64_t segment_bytes_;
    std::unique_ptr<io::FileLock> lock_;
    std::optional<FolderIdentity> identity_;
    std::map<std::uint32_t, std::uint64_t> lengths_;  // of every segment: where its records end
    std::map<std::uint32_t, std::shared_ptr<io::File>> files_;
    std::map<std::uint32_t, std::weak_ptr<const void>> pins_;
    std::uint32_t next_ = 1;      // number of the next segment: never one that was used
    std::uint32_t active_ = 0;    // the segment that is appended to; 0: none
    std::uint64_t reserved_ = 0;  // in the active segment, from its start
    std::vector<Pending> queue_;
    bool writing_now_ = false;
    std::optional<base::Instant> last_failure_;
    std::string problem_;
    mutable io::Space space_;
    mutable std::optional<base::Instant> space_read_;
    io::TaskGroup writing_;
};

}  // namespace larder::block
