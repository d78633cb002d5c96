// All data folders of this node: who is who, and which one takes the next record. Engine thread.
#pragma once

#include "replication/block/folder.h"
#include "replication/block/index.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace larder::block {

class FolderSet {
 public:
    explicit FolderSet(io::Env& env) : env_(env) {}

    // Opens the configured folders and matches them with those this store knows: by what stands in them, not by where
    // they are. New ones get a number. Fails, with a cure, when a folder that held blocks is empty now (a disk that is
    // not mounted), or belongs to another store.
    io::Task<base::Result<void>> open(const StoreOptions& options, Index& index);

    // nullptr when no such folder is configured.
    Folder* find(std::uint16_t number) const;
    // io_failure when the folder is not configured; not_found when the segment is gone.
    base::Result<Segment> segment(const Place& place) const;
    // Writes the record to the folder with the most free space; if that one fails, to another.
    io::Task<base::Result<Folder::Appended>> append(Packed packed);

    const std::map<std::uint16_t, std::unique_ptr<Folder>>& all() const { return folders_; }
    // Folders that hold blocks and are not configured.
    const std::vector<KnownFolder>& missing() const { return missing_; }
    // Folder, segment and offset, for a person.
    std::string text(const Place& place) const;

 private:
    io::Task<base::Result<void>> take(std::unique_ptr<Folder> folder, std::vector<KnownFolder>& known, Index& index);
    base::Result<FolderIdentity> new_identity(const Folder& folder, const std::vector<KnownFolder>& known,
                                              const Index& index) const;
    Folder* choose(std::uint64_t bytes, const std::vector<Folder*>& but) const;
    std::string full_message() const;

    io::Env& env_;
    std::map<std::uint16_t, std::unique_ptr<Folder>> folders_;
    std::vector<KnownFolder> missing_;
};

}  // namespace larder::block
