// One data folder: its segments, and the queue of the one writer that appends to the youngest of them. Everything that
// waits together is written together and shares one sync.
#pragma once

#include "replication/block/index.h"
#include "src/io/task_group.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace larder::block {

struct FolderOptions {
    std::string path;
    std::uint16_t number = 0;
    std::uint64_t segment_bytes = 1ull << 30;
};

// Sees each intact record header of a segment with its offset; return false to stop.
using RecordVisit = std::function<bool(std::uint64_t offset, const RecordHeader& header)>;

// Engine thread, but for what runs on the pool inside.
class Folder {
 public:
    // Makes the folder if it is new, locks it, and finds its segments. Blocking.
    static base::Result<std::unique_ptr<Folder>> open(io::Env& env, FolderOptions options);

    // Writes the record durably. no_space when the disk is (nearly) full; io_failure.
    io::Task<base::Result<Place>> append(Packed packed);

    // The open file of a segment; it stays readable for its holder even if the segment is removed.
    base::Result<std::shared_ptr<io::File>> segment_file(std::uint32_t segment);
    std::vector<std::uint32_t> segments() const;
    std::uint32_t active_segment() const { return active_; }
    std::uint64_t segment_length(std::uint32_t segment) const;
    // Reads the headers of a segment in order, stepping over damage. Blocking.
    base::Result<void> scan(std::uint32_t segment, const RecordVisit& visit);
    // Reads one record's payload and checks it. Blocking.
    base::Result<void> check_payload(std::uint32_t segment, std::uint64_t offset, const RecordHeader& header);
    // Sets where appending goes on in the youngest segment. At open, after its records were scanned.
    void resume_at(std::uint64_t offset) { tail_ = offset; }

    // Gives a dead record's space back. unsupported when the file system cannot.
    io::Task<base::Result<void>> punch(Place place);
    io::Task<base::Result<void>> remove_segment(std::uint32_t segment);
    // Stops appending to the present segment; the next append starts a new one.
    void seal() { sealed_ = true; }

    StoreStatus::Folder status() const;
    // Whether blocks may be written here now.
    bool has_room(std::uint64_t bytes) const;
    bool writable() const { return problem_.empty(); }
    const std::string& path() const { return options_.path; }
    std::uint16_t number() const { return options_.number; }

 private:
    struct Pending {
        Packed packed;
        std::string header;
        std::uint64_t offset = 0;
        io::Promise<base::Result<Place>> done;
    };
    struct Batch;

    Folder(io::Env& env, FolderOptions options) : env_(env), options_(std::move(options)), writing_(env.executor) {}
    base::Result<void> find_segments();
    io::Task<void> write_loop();
    base::Result<void> prepare_segment(std::uint64_t bytes);
    void finish_batch(std::shared_ptr<Batch> batch, base::Result<void> outcome);
    void sync_failed(const base::Error& error);
    void refresh_space();
    std::string segment_path(std::uint32_t segment) const;

    io::Env& env_;
    FolderOptions options_;
    std::unique_ptr<io::FileLock> lock_;
    std::map<std::uint32_t, std::uint64_t> lengths_;  // of every segment: where its records end
    std::map<std::uint32_t, std::shared_ptr<io::File>> files_;
    std::uint32_t active_ = 0;     // 0: none yet
    std::uint64_t tail_ = 0;       // where the next record goes
    std::uint64_t allocated_ = 0;  // reserved in the active segment
    bool sealed_ = true;
    std::vector<Pending> queue_;
    bool looping_ = false;
    std::optional<base::Instant> last_sync_failure_;
    std::string problem_;
    io::Space space_;
    base::Instant space_read_;
    io::TaskGroup writing_;
};

}  // namespace larder::block
