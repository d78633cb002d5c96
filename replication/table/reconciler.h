// Compares the replicas of each slot in the background and evens out what differs, both ways: so a node that was away
// catches up. What one lacks it gets as the ACCEPT of that value sent once more; where a promise stands against it, the
// row is settled. Nothing is ever overwritten blindly.
#pragma once

#include "replication/cluster/keeper.h"
#include "replication/table/coordinator.h"
#include "replication/table/sync.h"

namespace larder::table {

struct ReconcilerOptions {
    base::Duration every = std::chrono::minutes(10);  // for all slots
    base::Duration pause{0};                          // between slots
    std::size_t page_rows = 1000;
    std::uint8_t bits = 8;  // of the leaves compared
    base::Duration call_timeout = std::chrono::seconds(10);
    bool blind = false;  // in the simulator alone: the greater tag is stored, whatever has been promised
    Rules rules;
};

struct ReconcilerProgress {
    std::uint64_t rounds = 0, compared = 0, differed = 0;       // of pairs of replicas of a slot
    std::uint64_t pulled = 0, pushed = 0, settled = 0, failed = 0;  // rows
};

// Engine thread.
class Reconciler {
 public:
    // All outlive it.
    Reconciler(io::Env& env, cluster::LayoutKeeper& keeper, Replica& replica, Sync& sync, quorum::TagSource& tags,
               ReconcilerOptions options);
    // Never ends.
    io::Task<void> run();
    // Every slot of this node with each of its other replicas, once.
    io::Task<void> round();
    io::Task<base::Result<void>> reconcile(quorum::Slot slot, io::NodeNumber peer);
    const ReconcilerProgress& progress() const { return progress_; }

 private:
    using Differing = std::map<std::string, std::pair<base::Tag, base::Tag>>;  // place → acc here, acc there
    io::Task<base::Result<Differing>> differing(quorum::Slot slot, io::NodeNumber peer, quorum::Epoch epoch,
                                                std::vector<std::uint32_t> leaves);
    io::Task<base::Result<void>> pull(quorum::Slot slot, io::NodeNumber peer, quorum::Epoch epoch,
                                      std::vector<std::string> places);
    io::Task<base::Result<void>> push(io::NodeNumber peer, quorum::Epoch epoch, std::string place);
    io::Task<void> settle(std::string place);

    io::Env& env_;
    cluster::LayoutKeeper& keeper_;
    Replica& replica_;
    Sync& sync_;
    quorum::TagSource& tags_;
    ReconcilerOptions options_;
    std::map<TableId, std::unique_ptr<Coordinator>> coordinators_;
    ReconcilerProgress progress_;
};

}  // namespace larder::table
