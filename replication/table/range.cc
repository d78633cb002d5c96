// Range reads: the pages of a quorum of replicas merged key by key. Nothing is filtered before the merge.
#include "replication/table/round.h"

namespace larder::table {

using base::Code;
using base::Result;

namespace {

// What several replicas say of one sort key or prefix: the newest, and how many say the same.
struct Merged {
    RangeItem* item = nullptr;
    std::size_t agreeing = 0;

    void take(RangeItem& other) {
        // A damaged row agrees with none; what the others say decides.
        if (agreeing == 0 || other.row.acc > item->row.acc) {
            item = &other;
            agreeing = other.row.damaged ? 0 : 1;
        } else if (other.row.acc == item->row.acc && other.witness == item->witness && !other.row.damaged) {
            ++agreeing;
        }
    }
};

// What all replicas say alike; nothing when it is a deletion.
std::optional<RangeEntry> agreed_entry(RangeItem& item) {
    if (!item.is_prefix && !item.row.has_value()) return std::nullopt;
    RangeEntry out;
    out.is_prefix = item.is_prefix;
    out.sort_key = std::move(item.sort_key);
    if (out.is_prefix) return out;
    out.row.version = item.row.version;
    out.row.value = Value{std::move(item.row.row), std::move(item.body)};
    return out;
}

// The parts of a range that a quorum has answered.
struct Heard {
    std::size_t replicas = 0;
    std::vector<RangeItem> items;  // of all of them, by sort key
    bool more = false;
    std::string covered;  // keys below it have been heard from all; only meaningful with `more`

    Result<void> take(std::string_view body) {
        TRY(auto reply, decode_range_reply(body));
        ++replicas;
        if (reply.more && (!more || reply.resume < covered)) covered = reply.resume;
        more = more || reply.more;
        if (items.empty()) {
            items = std::move(reply.items);
            return {};
        }
        std::move(reply.items.begin(), reply.items.end(), std::back_inserter(items));
        std::ranges::sort(items, {}, &RangeItem::sort_key);
        return {};
    }
};

}  // namespace

io::Task<Result<RangePage>> Coordinator::range(RangeQuery query) {
    // One entry more than asked for tells exactly whether something follows.
    const auto wanted = std::min(query.limit, SIZE_MAX - 1);
    RangePage page;
    if (wanted == 0) co_return page;
    query.limit = wanted + 1;
    for (;;) {
        CO_TRY(auto part, co_await range_once(query));
        for (auto& entry : part.entries) {
            // Replicas that reach a prefix in different messages name it in each.
            const bool again =
                entry.is_prefix && !page.entries.empty() && page.entries.back().sort_key == entry.sort_key;
            if (!again) page.entries.push_back(std::move(entry));
        }
        if (page.entries.size() > wanted) {
            page.resume = page.entries[wanted].sort_key;
            page.entries.resize(wanted);
            page.truncated = true;
            co_return page;
        }
        if (!part.truncated) co_return page;
        query.start_at = std::move(part.resume);
        query.start_after.clear();
        query.limit = wanted + 1 - page.entries.size();
    }
}

// One message to each replica: the part of the range that all that answered have covered.
io::Task<Result<RangePage>> Coordinator::range_once(RangeQuery query) {
    const RowKey place{query.partition_key, {}};
    const auto set = set_of(place);
    const auto enough = [&set](const quorum::Answers& answers) {
        return static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(),
                                                      [](const auto& a) { return a.has_value(); })) >= set.read_quorum;
    };
    CO_TRY(const auto answers, co_await ask(set, encode(options_.table, query), enough));
    Heard heard;
    for (const auto& answer : answers) {
        if (answer) CO_TRY_VOID(heard.take(answer->body));
    }
    if (heard.replicas < set.read_quorum) {
        co_return base::fail(Code::quorum_not_reached, "too few replicas answered the range read");
    }
    RangePage page;
    page.entries.reserve(heard.items.size());
    for (auto next = heard.items.begin(); next != heard.items.end();) {
        if (heard.more && next->sort_key >= heard.covered) break;
        Merged merged;
        for (const auto first = next; next != heard.items.end() && next->sort_key == first->sort_key; ++next) {
            merged.take(*next);
        }
        std::optional<RangeEntry> entry;
        if (merged.agreeing == heard.replicas) {
            entry = agreed_entry(*merged.item);
        } else {
            CO_TRY(entry, co_await settled_entry(query, std::move(*merged.item)));
        }
        if (entry) page.entries.push_back(std::move(*entry));
    }
    page.truncated = heard.more;
    page.resume = std::move(heard.covered);
    co_return page;
}

// Replicas disagree on a key or prefix: the row itself tells. Nothing when it is not there.
io::Task<Result<std::optional<RangeEntry>>> Coordinator::settled_entry(const RangeQuery query, RangeItem item) {
    RangeEntry out;
    out.is_prefix = item.is_prefix;
    out.sort_key = std::move(item.sort_key);
    if (out.is_prefix) {
        CO_TRY(const auto lives, co_await prefix_lives(query, out.sort_key));
        if (!lives) co_return std::nullopt;
        co_return out;
    }
    auto row = co_await read(RowKey{query.partition_key, out.sort_key}, query.with_bodies);
    out.damaged = !row && row.error().code == Code::corrupted;
    if (out.damaged) co_return out;
    if (!row) co_return base::fail(row.error());
    if (!row->exists()) co_return std::nullopt;
    out.row = std::move(*row);
    if (out.row.value->row.size() > query.row_bytes) out.row.value->row.resize(query.row_bytes);
    co_return out;
}

// Replicas disagree on what lies below a prefix: look at the rows themselves.
io::Task<Result<bool>> Coordinator::prefix_lives(const RangeQuery query, std::string prefix) {
    RangeQuery below;
    below.partition_key = query.partition_key;
    below.prefix = prefix;
    below.start_after = query.start_after;
    below.start_at = query.start_at;
    below.end_before = query.end_before;
    below.limit = 1;
    below.row_bytes = 0;
    CO_TRY(const auto page, co_await range(std::move(below)));
    co_return !page.entries.empty();
}

}  // namespace larder::table
