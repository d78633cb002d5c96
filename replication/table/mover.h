// Brings this node up to date when layouts change, and when it has lost what it held: slot by slot, each row as a
// quorum of its earlier holders has it. A row in dispute is settled under the joint quorums; any other is taken as its
// ACCEPT sent once more, with the promises that were made on it. docs/protocol.md, "Changing layouts".
#pragma once

#include "replication/cluster/keeper.h"
#include "replication/table/coordinator.h"
#include "replication/table/sync.h"

namespace larder::table {

struct MoverOptions {
    std::size_t page_rows = 1000;
    base::Duration pause{0};                              // between pages
    base::Duration retry = std::chrono::seconds(1);       // after a slot that could not be brought
    base::Duration look_every = std::chrono::seconds(5);  // for what changed unseen
    base::Duration call_timeout = std::chrono::seconds(10);
    Rules rules;
};

// How far the move to the newest layout has come here. `keys` and `bytes` of the slots that were to be brought; what is
// left to bring is known once every slot has been asked for its size.
struct MoverProgress {
    quorum::Epoch epoch = 0;
    std::size_t slots_done = 0, slots_total = 0;
    std::uint64_t keys_done = 0, keys_total = 0;
    std::uint64_t bytes_done = 0, bytes_total = 0;
    std::uint64_t settled = 0;  // rows in dispute that were settled
    std::uint64_t taken = 0;    // rows taken over since the start, for whatever layout
    bool idle = true;           // nothing to bring
};

// Engine thread.
class Mover {
 public:
    // All outlive it.
    Mover(io::Env& env, cluster::LayoutKeeper& keeper, Replica& replica, Sync& sync, quorum::TagSource& tags,
          MoverOptions options);
    // Never ends.
    io::Task<void> run();
    const MoverProgress& progress() const { return progress_; }

 private:
    struct Work;
    struct Page;
    struct Seen;
    io::Task<bool> bring_all(quorum::Epoch epoch);
    io::Task<void> bring_some(std::shared_ptr<Work> work);
    io::Task<void> measure(quorum::Epoch epoch, std::vector<quorum::Slot> slots);
    io::Task<void> measure_some(std::shared_ptr<Work> work);
    io::Task<base::Result<void>> bring(quorum::Slot slot, quorum::Epoch epoch);
    io::Task<base::Result<Page>> next_page(quorum::Slot slot, quorum::Epoch epoch, std::vector<io::NodeNumber> nodes,
                                           std::string from);
    io::Task<base::Result<bool>> take_page(quorum::Slot slot, quorum::Epoch epoch, const Page page);
    io::Task<base::Result<void>> take_from(quorum::Slot slot, quorum::Epoch epoch, io::NodeNumber holder,
                                           std::map<std::string, base::Tag> fences);
    io::Task<base::Result<void>> settle(std::string place);
    std::vector<quorum::Slot> slots_to_bring() const;
    std::vector<io::NodeNumber> asked_of(quorum::Slot slot) const;

    io::Env& env_;
    cluster::LayoutKeeper& keeper_;
    Replica& replica_;
    Sync& sync_;
    quorum::TagSource& tags_;
    MoverOptions options_;
    std::map<TableId, std::unique_ptr<Coordinator>> coordinators_;
    std::map<quorum::Slot, quorum::Epoch> done_;
    std::size_t attempts_ = 0;  // another choice of sources each time
    MoverProgress progress_;
};

}  // namespace larder::table
