// The answers of one round of messages, and what they add up to. Inside replication/table only.
#pragma once

#include "replication/table/coordinator.h"
#include "replication/table/replica.h"

#include <algorithm>

namespace larder::table {

// One answer a member, in the order of set->nodes; those that did not answer are missing.
struct Coordinator::Round {
    quorum::Replicas set;
    std::vector<std::optional<Reply>> replies;

    bool ok(std::size_t member) const { return replies[member] && replies[member]->ok; }
    // Every quorum said ok.
    bool reached() const {
        return set->reached([this](std::size_t member) { return ok(member); });
    }
    // Every quorum holds what was sent: none of those that count has called it superseded.
    bool stored() const {
        return set->reached([this](std::size_t member) {
            return ok(member) && std::ranges::none_of(replies[member]->rows, &RowReply::superseded);
        });
    }
    // Every member said ok.
    bool all() const {
        return std::all_of(replies.begin(), replies.end(), [](const auto& r) { return r && r->ok; });
    }
    // Enough are there, whatever they say.
    bool answered() const {
        return set->reached([this](std::size_t member) { return replies[member].has_value(); });
    }
    // A member that knows newer layouts; 0: none says so. It took nothing.
    io::NodeNumber ahead() const {
        for (std::size_t i = 0; i < replies.size(); ++i) {
            if (replies[i] && replies[i]->stale) return set->nodes[i];
        }
        return 0;
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
    // Among the members that said ok: the newest state of the i-th row, and whether every quorum holds exactly it.
    struct Newest {
        RowReply row;
        bool at_quorum = false;
    };
    Newest newest(std::size_t i) const {
        const RowReply* most = nullptr;
        for (const auto& reply : replies) {
            if (!reply || !reply->ok || i >= reply->rows.size()) continue;
            const auto& row = reply->rows[i];
            if (most == nullptr || row.row.acc > most->row.acc) most = &row;
        }
        if (most == nullptr) return {};
        const auto acc = most->row.acc;
        return {*most, set->reached([&](std::size_t member) {
                    return ok(member) && i < replies[member]->rows.size() && replies[member]->rows[i].row.acc == acc;
                })};
    }
};

constexpr int kAttempts = 8;

inline std::unexpected<base::Error> no_quorum() {
    return base::fail(base::Code::quorum_not_reached, "too few replicas of the row answered");
}
inline std::unexpected<base::Error> unknown() {
    return base::fail(base::Code::unknown_outcome, "whether the write took effect is not known");
}
// Errors of a replica that changed nothing.
inline bool is_final(const base::Error& error) {
    return error.is(base::Code::no_space) || error.is(base::Code::corrupted) || error.is(base::Code::shutting_down);
}

inline std::vector<Proposal> one(Proposal proposal) {
    std::vector<Proposal> out;
    out.push_back(std::move(proposal));
    return out;
}

inline Proposal proposal_of(const RowKey& key, base::Tag version, std::optional<Value> value) {
    Proposal proposal{key, version, !value.has_value(), {}};
    if (value) proposal.value = std::move(*value);
    return proposal;
}

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
    bool at_quorum = true;  // every one is held by every quorum
};
template <typename AnyRound>
Present present_in(const AnyRound& round, const std::vector<RowKey>& keys) {
    Present out;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto newest = round.newest(i);
        out.at_quorum = out.at_quorum && newest.at_quorum;
        out.versions.push_back(newest.row.row.version);
        out.rows.push_back(row_of(newest.row));
        out.proposals.push_back(same_again(keys[i], newest.row));
    }
    return out;
}

}  // namespace larder::table
