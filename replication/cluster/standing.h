// What a node must not forget about layouts, as one durable record: the history it has adopted, what waits to be wiped
// or recovered, and how often other nodes have started.
#pragma once

#include "replication/cluster/since.h"
#include "replication/quorum/epochs.h"

#include <set>

namespace larder::cluster {

struct Standing {
    // No record was found and no layout has been heard of since: it cannot be told whether this node ever voted.
    bool fresh = true;
    layout::History history;
    Since since;                        // of the oldest live layout
    std::set<quorum::Slot> wiping;      // must be empty of rows before anything else happens there
    std::set<quorum::Slot> recovering;  // what was held there is lost: no vote until it has been merged from others
    std::uint32_t boot = 0;             // of this node
    struct Start {
        std::uint32_t boot = 0;
        std::uint64_t life = 0;
        auto operator<=>(const Start&) const = default;
    };
    std::map<base::NodeId, Start> starts;  // the last of each other node, as it told

    bool operator==(const Standing&) const = default;
    Epoch newest() const { return history.live.empty() ? 0 : history.live.rbegin()->first; }
    Epoch oldest() const { return history.live.empty() ? 0 : history.live.begin()->first; }
};

// docs/formats.md, "Standing".
std::string encode(const Standing& standing);
base::Result<Standing> decode_standing(std::string_view bytes);

// The live layouts, oldest first, with the memberships that `standing` has of them.
bool stores(const Layout& layout, const base::NodeId& node);
bool is_member(const Layout& layout, quorum::Slot slot, const base::NodeId& node);
// In any live layout.
bool is_member(const layout::History& history, quorum::Slot slot, const base::NodeId& node);
// All of which a live layout has the node in it.
std::set<quorum::Slot> slots_of(const layout::History& history, const base::NodeId& node);

// What adopting `next` after `before` takes from the node: the slots whose rows it holds and must forget. A slot is
// kept while a live layout has the node in it, if the node has been a member without a break since an epoch it had
// adopted.
std::set<quorum::Slot> wiped_by(const Standing& before, const Standing& next, const base::NodeId& self);

// Joins what another node knows, retires what may end, and keeps `since` in step. Fails as layout::merge.
base::Result<void> join(Standing& into, const layout::History& history, const Since& since);

// As layout::joint_quorums, of what lies on every storing node.
std::vector<layout::Quorum> storing_quorums(const layout::History& history);

// The members of a slot in each live layout before the last one that has `self` in it, and how many of them must be
// asked so that whatever a quorum of them held or promised is seen; `self` is left out where it has `lost` what it
// held. None where they are the same members.
std::vector<layout::Quorum> sources(const layout::History& history, quorum::Slot slot, const base::NodeId& self,
                                    bool lost);

}  // namespace larder::cluster
