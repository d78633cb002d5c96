// Range reads: the pages of a quorum of replicas merged key by key. Nothing is filtered before the merge.
#include "replication/table/round.h"

namespace larder::table {

using base::Code;
using base::Result;

namespace {

// What several replicas say of one sort key or prefix.
struct Merged {
    RangeItem item;
    std::size_t agreeing = 0;
};

}  // namespace

io::Task<Result<RangePage>> Coordinator::range(RangeQuery query) {
    // One entry more than asked for tells exactly whether something follows.
    const auto wanted = query.limit;
    RangePage page;
    if (wanted == 0) co_return page;
    query.limit = wanted + 1;
    for (;;) {
        CO_TRY(auto part, co_await range_once(query));
        for (auto& entry : part.entries) page.entries.push_back(std::move(entry));
        if (page.entries.size() > wanted) {
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
    std::size_t heard = 0;
    bool more = false;
    std::string covered;  // keys below it have been heard from all; only meaningful with `more`
    std::map<std::string, Merged> merged;
    for (const auto& answer : answers) {
        if (!answer) continue;
        CO_TRY(auto reply, decode_range_reply(answer->body));
        ++heard;
        if (reply.more && (!more || reply.resume < covered)) covered = reply.resume;
        more = more || reply.more;
        for (auto& item : reply.items) {
            auto& entry = merged[item.sort_key];
            // A damaged row agrees with none; what the others say decides.
            if (item.row.damaged) continue;
            if (entry.agreeing == 0 || item.row.acc > entry.item.row.acc) {
                entry = Merged{std::move(item), 1};
            } else if (item.row.acc == entry.item.row.acc && item.witness == entry.item.witness) {
                ++entry.agreeing;
            }
        }
    }
    if (heard < set.read_quorum) {
        co_return base::fail(Code::quorum_not_reached, "too few replicas answered the range read");
    }
    RangePage page;
    for (auto& [sort_key, entry] : merged) {
        if (more && sort_key >= covered) break;
        RangeEntry out{sort_key, entry.item.is_prefix, {}, false};
        if (entry.item.is_prefix) {
            bool lives = entry.agreeing == heard;
            if (!lives) {
                CO_TRY(lives, co_await prefix_lives(query, sort_key));
            }
            if (!lives) continue;
        } else if (entry.agreeing == heard) {
            if (!entry.item.row.has_value()) continue;
            out.row.version = entry.item.row.version;
            out.row.value = Value{std::move(entry.item.row.row), std::move(entry.item.body)};
        } else {
            auto row = co_await read(RowKey{query.partition_key, sort_key}, query.with_bodies);
            out.damaged = !row && row.error().code == Code::corrupted;
            if (!row && !out.damaged) co_return base::fail(row.error());
            if (row) out.row = std::move(*row);
            if (!out.damaged && !out.row.exists()) continue;
            if (!out.damaged && out.row.value->row.size() > query.row_bytes) out.row.value->row.resize(query.row_bytes);
        }
        page.entries.push_back(std::move(out));
    }
    page.truncated = more;
    page.resume = std::move(covered);
    co_return page;
}

// Replicas disagree on what lies below a prefix: look at the rows themselves.
io::Task<Result<bool>> Coordinator::prefix_lives(const RangeQuery query, std::string prefix) {
    RangeQuery below;
    below.partition_key = query.partition_key;
    below.prefix = prefix;
    below.start_after = query.start_after;
    below.start_at = query.start_at;
    below.end_before = after_prefix(prefix);
    below.limit = 1;
    below.row_bytes = 0;
    CO_TRY(const auto page, co_await range(std::move(below)));
    co_return !page.entries.empty();
}

}  // namespace larder::table
