// Ranges over rows of which some stand under the former name of their directory.
#include "replication/moved_rows.h"

#include <algorithm>

namespace larder::engine {

using base::Result;
using io::Task;
using table::RangeEntry;
using table::RangePage;
using table::RangeQuery;

namespace {

constexpr std::size_t kRowsAtOnce = 256;

std::string_view keep(RangePage& page, std::string text) {
    page.held.push_back(std::make_shared<const std::string>(std::move(text)));
    return *page.held.back();
}

// A row that is on its way.
bool is_left_behind(const RangeEntry& entry, const DirectoryMove& move) {
    return !entry.damaged && entry.sort_key.starts_with(move.from) && entry.version < move.since;
}

// Where a range goes on after this entry.
std::string behind(const RangeEntry& entry) {
    return entry.is_prefix ? table::after_prefix(std::string(entry.sort_key)) : std::string(entry.sort_key) + '\0';
}

// The bound of a range below `to` as a bound below `from`; empty when it lies before all of them.
std::string moved_bound(const std::string& bound, const DirectoryMove& move) {
    if (bound.starts_with(move.to)) return move.from + bound.substr(move.to.size());
    return bound > move.to ? table::after_prefix(move.from) : std::string();
}

// Folds what lies below the delimiter, once each. Ascending already.
void fold(std::vector<RangeEntry>& entries, const RangeQuery& query) {
    std::vector<RangeEntry> out;
    for (auto& entry : entries) {
        const auto at = entry.sort_key.find(query.delimiter, query.prefix.size());
        if (at != std::string_view::npos) {
            entry = RangeEntry{entry.sort_key.substr(0, at + query.delimiter.size()), true, false, {}, {}, {}};
        }
        const bool again = entry.is_prefix && !out.empty() && out.back().sort_key == entry.sort_key;
        if (!again) out.push_back(entry);
    }
    entries = std::move(out);
}

// Both ascend; of what both have, the page's own.
void merge(RangePage& page, RangePage part, std::size_t limit) {
    std::vector<RangeEntry> all;
    std::ranges::set_union(page.entries, part.entries, std::back_inserter(all), {}, &RangeEntry::sort_key,
                           &RangeEntry::sort_key);
    std::ranges::move(part.held, std::back_inserter(page.held));
    page.entries = std::move(all);
    page.truncated = page.truncated || part.truncated || page.entries.size() > limit;
    if (page.entries.size() > limit) page.entries.resize(limit);
}

struct Source {
    table::Registers& rows;
    const std::vector<DirectoryMove>& moves;  // that may have left rows where they do not belong
};
using Belongs = std::function<bool(const RangeEntry&)>;

// Whether anything below the prefix belongs. A directory that no move touches needs no look.
Task<Result<bool>> any(Source source, RangeQuery query, std::string prefix, Belongs belongs) {
    const auto meets = [&](const DirectoryMove& move) {
        return move.from.starts_with(prefix) || prefix.starts_with(move.from);
    };
    if (std::ranges::none_of(source.moves, meets)) co_return true;
    RangeQuery below;
    below.partition_key = query.partition_key;
    below.prefix = std::move(prefix);
    below.start_after = query.start_after;
    below.start_at = query.start_at;
    below.end_before = query.end_before;
    below.row_bytes = 0;
    for (;;) {
        CO_TRY(auto page, co_await source.rows.range(below));
        if (std::ranges::any_of(page.entries, belongs)) co_return true;
        if (!page.truncated) co_return false;
        below.start_at = std::move(page.resume);
        below.start_after.clear();
    }
}

// The range of what belongs, as long as the query wants it. A common prefix does when anything below it does.
Task<Result<RangePage>> pick(Source source, RangeQuery query, Belongs belongs) {
    RangePage out;
    const auto limit = query.limit;
    // Many may have to be passed over.
    query.limit = std::max(limit, kRowsAtOnce);
    for (;;) {
        CO_TRY(auto part, co_await source.rows.range(query));
        std::ranges::move(part.held, std::back_inserter(out.held));
        for (const auto& entry : part.entries) {
            bool wanted = !entry.is_prefix && belongs(entry);
            if (entry.is_prefix) {
                CO_TRY(wanted, co_await any(source, query, std::string(entry.sort_key), belongs));
            }
            if (!wanted) continue;
            if (out.entries.size() == limit) {
                out.truncated = true;
                co_return out;
            }
            out.entries.push_back(entry);
        }
        if (!part.truncated) co_return out;
        query.start_at = std::move(part.resume);
        query.start_after.clear();
    }
}

// The part of the range that still stands under the former name, under its present one.
Task<Result<RangePage>> arriving(table::Registers& rows, RangeQuery query, DirectoryMove move) {
    RangePage out;
    const bool inside = query.prefix.starts_with(move.to);
    if (!inside && !move.to.starts_with(query.prefix)) co_return out;
    auto there = query;
    there.prefix = inside ? move.from + query.prefix.substr(move.to.size()) : move.from;
    there.start_at = moved_bound(query.start_at, move);
    there.start_after = moved_bound(query.start_after, move);
    if (!query.end_before.empty()) {
        there.end_before = moved_bound(query.end_before, move);
        if (there.end_before.empty()) co_return out;
    }
    // Above the directory all of it may fold into one; and a delimiter of several bytes may begin in its name and end
    // below it, so that it has to be looked for in whole names.
    const bool folds = !inside && !query.delimiter.empty();
    const bool to_one = folds && move.to.find(query.delimiter, query.prefix.size()) != std::string::npos;
    if (folds) there.delimiter.clear();
    if (to_one) there.limit = 1;
    const std::vector<DirectoryMove> only{move};
    for (;;) {
        CO_TRY(auto part,
               co_await pick({rows, only}, there, [&move](const auto& entry) { return is_left_behind(entry, move); }));
        const bool more = part.truncated && !to_one;
        if (more) there.start_at = behind(part.entries.back());
        part.truncated = false;
        for (auto& entry : part.entries) {
            entry.sort_key = keep(part, move.to + std::string(entry.sort_key.substr(move.from.size())));
        }
        if (folds) fold(part.entries, query);
        merge(out, std::move(part), query.limit);
        // Only what folds may need more than one page to fill one.
        out.truncated = out.truncated || (more && !folds);
        if (out.truncated || !more) co_return out;
        there.start_after.clear();
    }
}

}  // namespace

// What still stands under a former name is looked at first: a row that moves meanwhile is met once or twice, never
// missed.
Task<Result<RangePage>> MovedRows::range(RangeQuery query) {
    std::vector<DirectoryMove> moves;
    for (const auto& move : moves_) {
        if (query.partition_key.starts_with(move.bucket.view())) moves.push_back(move);
    }
    if (moves.empty() || query.limit == 0) co_return co_await rows_.range(std::move(query));
    RangePage arrived;
    for (const auto& move : moves) {
        CO_TRY(auto part, co_await arriving(rows_, query, move));
        merge(arrived, std::move(part), query.limit);
    }
    CO_TRY(auto page, co_await pick({rows_, moves}, query, [&moves](const RangeEntry& entry) {
               return std::ranges::none_of(moves, [&](const auto& move) { return is_left_behind(entry, move); });
           }));
    merge(page, std::move(arrived), query.limit);
    if (page.truncated) page.resume = behind(page.entries.back());
    co_return page;
}

}  // namespace larder::engine
