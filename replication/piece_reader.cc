#include "replication/piece_reader.h"

#include "src/base/limits.h"

#include <algorithm>
#include <ranges>

namespace larder::engine {

namespace {

constexpr std::size_t kPagesKept = 16;  // more than one search looks at, in the longest object

base::Buffer zeroes(std::uint64_t length) {
    auto out = base::Buffer::allocate(std::min<std::uint64_t>(length, base::limits::kBlockBytes));
    std::memset(out.writable().data(), 0, out.size());
    return out;
}

// The extents that have bytes in [from, until).
auto touched(const std::vector<model::Extent>& extents, std::uint64_t from, std::uint64_t until) {
    const auto over = [](const model::Extent& e, std::uint64_t at) { return e.offset + e.length <= at; };
    const auto before = [](const model::Extent& e, std::uint64_t at) { return e.offset < at; };
    const auto first = std::lower_bound(extents.begin(), extents.end(), from, over);
    return std::ranges::subrange(first, std::lower_bound(first, extents.end(), until, before));
}

void add_touched(const std::vector<model::Extent>& extents, std::uint64_t from, std::uint64_t until,
                 std::vector<model::Extent>& out) {
    const auto found = touched(extents, from, until);
    out.insert(out.end(), found.begin(), found.end());
}

}  // namespace

void cut(const std::vector<model::Extent>& extents, std::uint64_t from, std::uint64_t until, std::uint64_t shift,
         std::vector<model::Extent>& out) {
    for (const auto& extent : touched(extents, from, until)) {
        const auto begin = std::max(extent.offset, from);
        const auto end = std::min(extent.offset + extent.length, until);
        out.push_back({begin + shift, static_cast<std::uint32_t>(end - begin),
                       extent.block_offset + static_cast<std::uint32_t>(begin - extent.offset), extent.block});
    }
}

Task<Result<base::Buffer>> PieceReader::read(std::uint64_t offset, std::uint64_t length) {
    if (offset >= size_ || length == 0) co_return base::Buffer();
    length = std::min<std::uint64_t>({length, size_ - offset, base::limits::kBlockBytes});
    CO_TRY(const auto found, co_await extents(offset, length));
    if (found.empty()) co_return zeroes(length);
    const auto& first = found.front();
    if (first.offset > offset) co_return zeroes(first.offset - offset);
    co_return co_await engine_.blocks().get(first.block, first.block_offset, first.length);
}

Task<Result<std::vector<model::Extent>>> PieceReader::extents(std::uint64_t offset, std::uint64_t length) {
    std::vector<model::Extent> out;
    const auto until = offset + length;
    const auto over = [](const model::Piece& piece, std::uint64_t at) { return piece.offset + piece.size <= at; };
    const auto first = std::lower_bound(pieces_.begin(), pieces_.end(), offset, over);
    for (auto i = static_cast<std::size_t>(first - pieces_.begin()); i < pieces_.size(); ++i) {
        if (pieces_[i].offset >= until) break;
        const auto begin = std::max(pieces_[i].offset, offset);
        const auto end = std::min(pieces_[i].offset + pieces_[i].size, until);
        const auto shift = pieces_[i].offset - pieces_[i].skip;
        CO_TRY(const auto list, co_await listed(i, begin - shift, end - shift));
        cut(list, begin - shift, end - shift, shift, out);
    }
    co_return out;
}

Task<Result<std::vector<model::Extent>>> PieceReader::listed(std::size_t index, std::uint64_t from,
                                                             std::uint64_t until) {
    std::vector<model::Extent> out;
    const auto owner = pieces_[index].owner;
    const auto pages = pieces_[index].pages;
    if (pages == 0) {
        add_touched(pieces_[index].extents, from, until, out);
        co_return out;
    }
    CO_TRY(auto number, co_await page_at(owner, pages, from));
    for (; number < pages; ++number) {
        CO_TRY(const auto list, co_await page(owner, number));
        if (list->front().offset >= until) break;
        add_touched(*list, from, until, out);
    }
    co_return out;
}

// The last page that begins at or before `place`; the first if none does.
Task<Result<std::uint32_t>> PieceReader::page_at(model::Owner owner, std::uint32_t pages, std::uint64_t place) {
    std::uint32_t low = 0;
    std::uint32_t high = pages;
    while (high - low > 1) {
        const auto middle = low + (high - low) / 2;
        CO_TRY(const auto list, co_await page(owner, middle));
        (list->front().offset <= place ? low : high) = middle;
    }
    co_return low;
}

Task<Result<PieceReader::Page>> PieceReader::page(model::Owner owner, std::uint32_t number) {
    const auto same = [&](const Cached& c) { return c.number == number && c.owner == owner; };
    if (const auto known = std::find_if(cache_.rbegin(), cache_.rend(), same); known != cache_.rend()) {
        co_return known->page;
    }
    CO_TRY(auto loaded, co_await engine_.page_of(owner, number));
    Page page = std::make_shared<const std::vector<model::Extent>>(std::move(loaded));
    cache_.push_back({owner, number, page});
    if (cache_.size() > kPagesKept) cache_.pop_front();
    co_return page;
}

}  // namespace larder::engine
