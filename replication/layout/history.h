// The layouts that are in force together while data moves from one to the next, and how far each node has come. A
// join semilattice: merge() is commutative, associative and idempotent, so nodes exchange histories in any order and
// any number of times. Pure values; any thread.
#pragma once

#include "replication/layout/layout.h"

#include <map>
#include <vector>

namespace larder::layout {

// How far a node has come, each the greatest epoch of which it holds. Never falls.
struct Progress {
    Epoch adopted = 0;  // refuses what was asked under an earlier epoch, durably
    Epoch synced = 0;   // has, as a replica of this epoch, what a quorum of each earlier live epoch held
    Epoch settled = 0;  // and every key found in dispute is settled under the joint quorums

    bool operator==(const Progress&) const = default;
};

struct History {
    // Live layouts, epochs following each other without a gap. Empty before a cluster has a layout.
    std::map<Epoch, Layout> live;
    std::map<base::NodeId, Progress> progress;
    // Operator's decision: nodes that are given up, in all epochs before the one named. They are not waited for.
    std::map<base::NodeId, Epoch> given_up;

    bool operator==(const History&) const = default;
};

// One set of nodes and how many of them must answer. A quorum for reads and for writes alike: more than half of the
// copies, so that any two meet.
struct Quorum {
    Epoch epoch = 0;
    std::vector<base::NodeId> nodes;
    std::size_t needed = 0;
};

// The quorums that every write, read and promise on a partition must all reach: one in each live epoch. Sets that are
// the same in several epochs come once. Empty for a partition that is not there.
std::vector<Quorum> joint_quorums(const History& history, Partition partition);

// Appends the next layout. Fails with conflict when its epoch does not follow the newest: somebody else's came first.
base::Result<void> append(History& history, Layout next);

// Notes what a node says of itself; what it said before stays where that was more. Fails with invalid_argument when
// settled <= synced <= adopted does not hold.
base::Result<void> advance(History& history, const base::NodeId& node, const Progress& progress);

// Joins `other` into `into`: what either has, without the epochs that either has retired. Fails with corrupted,
// changing nothing, when the two have different layouts under one epoch; the conditional write of layouts excludes
// that.
base::Result<void> merge(History& into, const History& other);

// Whether the oldest live epoch may end, because in every partition
//   - more than half of its replicas, and of the next epoch's, have adopted the next epoch or a later one: nobody can
//     reach a quorum of the oldest alone any more, and
//   - more than half of the next epoch's replicas have settled it: it holds all that the oldest held.
// A node given up is not waited for: where fewer than a quorum remain, all that remain are asked.
bool may_retire_oldest(const History& history);

// Removes each oldest epoch that may end. Returns how many went.
std::size_t retire(History& history);

// What giving up nodes would cost, told before the operator decides.
struct Loss {
    std::vector<Partition> lost;     // no replica of the oldest epoch remains
    std::vector<Partition> at_risk;  // some remain, and fewer than a quorum: the last writes may be missing
};
Loss loss_of(const History& history, const std::vector<base::NodeId>& dead);

// Gives up nodes in all epochs before the newest. Fails with invalid_argument when only one epoch is live (nothing
// waits for them), and when a node is still in the newest layout: replace it there first. Where loss_of is not
// empty it fails with precondition_failed unless `allow_loss`.
base::Result<void> give_up(History& history, const std::vector<base::NodeId>& dead, bool allow_loss);

}  // namespace larder::layout
