// The writer's half of a folder: what waits, and one write of it. Inside the room only.
#pragma once

#include "replication/block/folder.h"

namespace larder::block {

struct Folder::Pending {
    Packed packed;
    io::Promise<base::Result<Appended>> done;
};

// What one pool job does: begin a segment if it must, reserve space, write every record, sync once.
struct Folder::WriteJob {
    struct Piece {
        std::uint64_t offset = 0;
        std::string header;
        base::Buffer payload;
    };
    io::Disk* disk = nullptr;
    std::string folder;
    std::string path;
    std::uint32_t segment = 0;
    std::shared_ptr<io::File> file;      // null: the segment is to be made
    std::shared_ptr<io::File> finished;  // the segment before, to be cut to its records
    std::uint64_t finished_at = 0;
    std::uint64_t tail = 0;        // where the records begin
    std::uint64_t reserve_to = 0;  // 0: enough is reserved
    std::vector<Piece> pieces;
};

struct Folder::WriteReport {
    base::Result<void> outcome;
    std::shared_ptr<io::File> file;  // null when the segment could not be made
    bool reserved = false;
    bool cut = false;  // after a failure: nothing of the records is left in the file
};

}  // namespace larder::block
