// Where the bytes of content in blocks lie, and the bytes: pieces, their windows, their pages. The one walker of
// pieces: readers, copies, audits and files all go through it. Pages are loaded as they are needed and a few are kept:
// an object of a TiB has thousands, one in ten thousand parts has ten thousand short lists. Inside replication/ only.
#pragma once

#include "replication/local_engine.h"

#include <deque>

namespace larder::engine {

class PieceReader {
 public:
    // `size` of the object; pieces in order and apart. Whoever reads holds a lease on their owners.
    PieceReader(LocalEngine& engine, std::vector<model::Piece> pieces, std::uint64_t size)
        : engine_(engine), pieces_(std::move(pieces)), size_(size) {}

    const std::vector<model::Piece>& pieces() const { return pieces_; }
    // At least one byte from `offset`, at most `length` and one block's; empty at the end. Several may be under way.
    Task<Result<base::Buffer>> read(std::uint64_t offset, std::uint64_t length);
    // The extents of [offset, offset + length), cut to it; their offsets are the object's.
    Task<Result<std::vector<model::Extent>>> extents(std::uint64_t offset, std::uint64_t length);
    // Of one piece, as its owner's list has them: not cut, and counted as there.
    Task<Result<std::vector<model::Extent>>> listed(std::size_t index, std::uint64_t from, std::uint64_t until);

 private:
    using Page = std::shared_ptr<const std::vector<model::Extent>>;
    struct Cached {
        model::Owner owner;
        std::uint32_t number;
        Page page;
    };

    Task<Result<Page>> page(model::Owner owner, std::uint32_t number);
    Task<Result<std::uint32_t>> page_at(model::Owner owner, std::uint32_t pages, std::uint64_t place);

    LocalEngine& engine_;
    std::vector<model::Piece> pieces_;
    std::uint64_t size_;
    std::deque<Cached> cache_;  // the latest last
};

// Adds the parts of the extents that lie in [from, until), moved by `shift` (modulo 2^64).
void cut(const std::vector<model::Extent>& extents, std::uint64_t from, std::uint64_t until, std::uint64_t shift,
         std::vector<model::Extent>& out);

}  // namespace larder::engine
