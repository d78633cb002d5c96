// Which pieces the folder holds, in the order of their last use: some 130 bytes of memory for each. Inside
// replication/read_cache.
#pragma once

#include "replication/read_cache/piece.h"

#include <list>
#include <unordered_map>

namespace larder::read_cache {

class Index {
 public:
    Index(std::uint64_t bytes_max, std::size_t pieces_max) : bytes_max_(bytes_max), pieces_max_(pieces_max) {}

    // The piece, which becomes the one used last.
    std::optional<Kept> use(const PieceName& name);
    bool has(const PieceName& name) const { return places_.contains(name); }
    // As the one used last. The piece is not here, and there is room for it.
    void add(const Kept& kept);
    // Whether it was here, with this sequence.
    bool remove(const Kept& kept);
    // Takes out what was used longest ago until a piece of this length fits; nothing fits that is larger than all.
    std::vector<Kept> make_room(std::uint32_t length);
    bool fits(std::uint32_t length) const { return disk_bytes(length) <= bytes_max_ && pieces_max_ > 0; }
    void clear();

    std::uint64_t bytes() const { return bytes_; }  // of the disk
    std::size_t pieces() const { return places_.size(); }

 private:
    struct Hash {
        // A digest is as good as any hash of it.
        std::size_t operator()(const PieceName& name) const {
            std::size_t out = 0;
            std::memcpy(&out, name.bytes.data(), sizeof out);
            return out;
        }
    };

    std::uint64_t bytes_max_;
    std::size_t pieces_max_;
    std::uint64_t bytes_ = 0;
    std::list<Kept> by_use_;  // the one used longest ago first
    std::unordered_map<PieceName, std::list<Kept>::iterator, Hash> places_;
};

}  // namespace larder::read_cache
