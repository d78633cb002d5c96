// The answers of one round of messages, and what they add up to. Inside replication/table only.
#pragma once

#include "replication/table/coordinator.h"
#include "replication/table/replica.h"

#include <algorithm>

namespace larder::table {

// One answer a member; those that did not answer are missing.
struct Coordinator::Round {
    std::vector<std::optional<Reply>> replies;

    std::size_t oks() const {
        return static_cast<std::size_t>(
            std::count_if(replies.begin(), replies.end(), [](const auto& r) { return r && r->ok; }));
    }
    std::size_t answers() const {
        return static_cast<std::size_t>(
            std::count_if(replies.begin(), replies.end(), [](const auto& r) { return r.has_value(); }));
    }
    // Every member answered and none took anything.
    bool clean_refusal() const {
        return std::all_of(replies.begin(), replies.end(), [](const auto& r) { return r && !r->ok; });
    }
    // The greatest tag anybody mentioned.
    base::Tag greatest() const {
        base::Tag most;
        for (const auto& reply : replies) {
            if (!reply) continue;
            for (const auto& row : reply->rows) most = std::max({most, row.row.acc, row.bound()});
        }
        return most;
    }
    base::Tag greatest_low() const {
        base::Tag most;
        for (const auto& reply : replies) {
            if (!reply) continue;
            for (const auto& row : reply->rows) most = std::max(most, row.low);
        }
        return most;
    }
    // Among the members that said ok: the newest state of the i-th row, and how many hold exactly it.
    struct Newest {
        RowReply row;
        std::size_t holders = 0;
    };
    Newest newest(std::size_t i) const {
        Newest out;
        for (const auto& reply : replies) {
            if (!reply || !reply->ok || i >= reply->rows.size()) continue;
            const auto& row = reply->rows[i];
            if (out.holders == 0 || row.row.acc > out.row.row.acc) {
                out.row = row;
                out.holders = 1;
            } else if (row.row.acc == out.row.row.acc) {
                ++out.holders;
            }
        }
        return out;
    }
};

inline Row row_of(RowReply reply) {
    Row row;
    row.version = reply.row.version;
    if (reply.row.has_value()) row.value = Value{std::move(reply.row.row), std::move(reply.body)};
    return row;
}

// The value a member reported, proposed again as it is.
inline Proposal same_again(const RowKey& key, const RowReply& reply) {
    Proposal proposal;
    proposal.key = key;
    proposal.version = reply.row.version;
    proposal.tombstone = !reply.row.has_value();
    if (reply.row.has_value()) proposal.value = Value{reply.row.row, reply.body};
    return proposal;
}

// The newest state of several rows in one round, each also as a proposal of itself.
struct Present {
    std::vector<Row> rows;
    std::vector<Proposal> proposals;
    std::vector<base::Tag> versions;
    bool at_quorum = true;  // every one is held by `needed` members
};
template <typename AnyRound>
Present present_in(const AnyRound& round, const std::vector<RowKey>& keys, std::size_t needed) {
    Present out;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto newest = round.newest(i);
        out.at_quorum = out.at_quorum && newest.holders >= needed;
        out.versions.push_back(newest.row.row.version);
        out.rows.push_back(row_of(newest.row));
        out.proposals.push_back(same_again(keys[i], newest.row));
    }
    return out;
}

}  // namespace larder::table
