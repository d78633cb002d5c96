// Range reads: the pages of a quorum of replicas merged key by key. Nothing is filtered before the merge.
#include "replication/table/round.h"

namespace larder::table {

using base::Code;
using base::Result;

namespace {

// What several replicas say of one sort key or prefix: the newest, and how many say the same.
struct Merged {
    const RangeItem* item = nullptr;
    std::size_t agreeing = 0;

    void take(const RangeItem& other) {
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
std::optional<RangeEntry> agreed_entry(const RangeItem& item) {
    if (item.is_prefix) return RangeEntry{item.sort_key, true, false, {}, {}, {}};
    if (!item.row.has_value()) return std::nullopt;
    return RangeEntry{item.sort_key, false, false, item.row.version, item.row.row, item.body};
}

// The parts of a range that a quorum has answered.
struct Heard {
    std::size_t replicas = 0;
    std::vector<RangeItem> items;  // of all of them, by sort key
    bool more = false;
    std::string covered;  // keys below it have been heard from all; only meaningful with `more`

    // `body` outlives this.
    Result<void> take(std::string_view body) {
        TRY(auto reply, decode_range_reply(body));
        ++replicas;
        if (reply.more && (!more || reply.resume < covered)) covered = reply.resume;
        more = more || reply.more;
        if (items.empty()) {
            items = std::move(reply.items);
            return {};
        }
        items.insert(items.end(), reply.items.begin(), reply.items.end());
        std::ranges::sort(items, {}, &RangeItem::sort_key);
        return {};
    }
};

// Keeps `text` with the page and gives it back.
std::string_view keep(std::vector<std::shared_ptr<const std::string>>& held, std::string text) {
    held.push_back(std::make_shared<const std::string>(std::move(text)));
    return *held.back();
}

// A member that knows newer layouts; 0: none says so.
io::NodeNumber ahead_of(const quorum::ReplicaSet& set, const quorum::Answers& answers) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i] && word_of(answers[i]->body) == Word::stale) return set.nodes[i];
    }
    return 0;
}

void append(RangePage& page, RangePage part) {
    if (page.entries.empty() && page.held.empty()) {
        page.entries = std::move(part.entries);
        page.held = std::move(part.held);
        return;
    }
    for (const auto& entry : part.entries) {
        // Replicas that reach a prefix in different messages name it in each.
        const bool again = entry.is_prefix && !page.entries.empty() && page.entries.back().sort_key == entry.sort_key;
        if (!again) page.entries.push_back(entry);
    }
    std::ranges::move(part.held, std::back_inserter(page.held));
}

}  // namespace

io::Task<Result<RangePage>> Coordinator::range(RangeQuery query) {
    // One entry more than asked for tells exactly whether something follows.
    const auto wanted = std::min(query.limit, SIZE_MAX - 1);
    RangePage page;
    if (wanted == 0) co_return page;
    query.limit = wanted + 1;
    for (;;) {
        CO_TRY(auto part, co_await range_once(query));
        const bool more = part.truncated;
        auto resume = std::move(part.resume);
        append(page, std::move(part));
        if (page.entries.size() > wanted) {
            page.resume = page.entries[wanted].sort_key;
            page.entries.resize(wanted);
            page.truncated = true;
            co_return page;
        }
        if (!more) co_return page;
        query.start_at = std::move(resume);
        query.start_after.clear();
        query.limit = wanted + 1 - page.entries.size();
    }
}

// One message to each replica: the part of the range that all that answered have covered.
io::Task<Result<RangePage>> Coordinator::range_once(RangeQuery query) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const auto set = set_of(query.partition_key);
        const auto judge = [&set](const quorum::Answers& answers) {
            if (ahead_of(*set, answers) != 0) return quorum::Enough::yes;
            const bool all = set->reached([&](std::size_t member) { return answers[member].has_value(); });
            return all ? quorum::Enough::yes : quorum::Enough::no;
        };
        CO_TRY(auto answers, co_await ask(set, encode(heading(*set), query), true, judge));
        if (const auto node = ahead_of(*set, answers); node != 0) {
            if (co_await catch_up_with(node, set)) continue;
            co_return no_quorum();
        }
        if (answers.size() == 1 && answers[0]) co_return co_await only_page(query, std::move(answers[0]->body));
        if (!set->reached([&](std::size_t member) { return answers[member].has_value(); })) break;
        co_return co_await merged_page(query, std::move(answers));
    }
    co_return base::fail(Code::quorum_not_reached, "too few replicas answered the range read");
}

// The pages of a quorum, key by key.
io::Task<Result<RangePage>> Coordinator::merged_page(RangeQuery query, quorum::Answers answers) {
    RangePage page;
    Heard heard;
    for (auto& answer : answers) {
        if (answer) CO_TRY_VOID(heard.take(keep(page.held, std::move(answer->body))));
    }
    page.entries.reserve(heard.items.size());
    for (auto next = heard.items.begin(); next != heard.items.end();) {
        if (heard.more && next->sort_key >= heard.covered) break;
        Merged merged;
        for (const auto first = next; next != heard.items.end() && next->sort_key == first->sort_key; ++next) {
            merged.take(*next);
        }
        if (merged.agreeing == heard.replicas) {
            if (const auto entry = agreed_entry(*merged.item)) page.entries.push_back(*entry);
        } else {
            CO_TRY(auto settled, co_await settled_entry(query, *merged.item));
            append(page, std::move(settled));
        }
    }
    page.truncated = heard.more;
    page.resume = std::move(heard.covered);
    co_return page;
}

// There is one replica: what it says is what there is, unless it cannot read a row.
io::Task<Result<RangePage>> Coordinator::only_page(RangeQuery query, std::string reply) {
    RangePage page;
    CO_TRY(auto items, RangeReplyReader::open(keep(page.held, std::move(reply))));
    page.entries.reserve(items.left());
    while (items.left() > 0) {
        CO_TRY(const auto item, items.next());
        if (item.row.damaged) {
            CO_TRY(auto settled, co_await settled_entry(query, item));
            append(page, std::move(settled));
        } else if (const auto entry = agreed_entry(item)) {
            page.entries.push_back(*entry);
        }
    }
    page.truncated = items.more();
    page.resume = items.resume();
    co_return page;
}

// Replicas disagree on a key or prefix: the row itself tells. Nothing when it is not there. The key stays a view of the
// item's message.
io::Task<Result<RangePage>> Coordinator::settled_entry(const RangeQuery query, RangeItem item) {
    RangePage out;
    RangeEntry entry;
    entry.is_prefix = item.is_prefix;
    entry.sort_key = item.sort_key;
    if (entry.is_prefix) {
        CO_TRY(const auto lives, co_await prefix_lives(query, std::string(entry.sort_key)));
        if (lives) out.entries.push_back(entry);
        co_return out;
    }
    auto row = co_await read(RowKey{query.partition_key, std::string(entry.sort_key)}, query.with_bodies);
    entry.damaged = !row && row.error().code == Code::corrupted;
    if (!row && !entry.damaged) co_return base::fail(row.error());
    if (row && !row->exists()) co_return out;
    if (row) {
        entry.version = row->version;
        entry.row = keep(out.held, std::move(row->value->row)).substr(0, query.row_bytes);
        entry.body = keep(out.held, std::move(row->value->body));
    }
    out.entries.push_back(entry);
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
