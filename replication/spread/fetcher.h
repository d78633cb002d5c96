// Whole blocks from other nodes: to mend a damaged copy here, and to have what this node ought to have. What comes is
// verified against its digest before it is kept.
#pragma once

#include "replication/spread/context.h"
#include "replication/spread/messages.h"
#include "src/base/metrics.h"
#include "src/io/sync.h"
#include "src/io/task_group.h"

#include <deque>
#include <set>

namespace larder::spread {

// Owners that were dropped here: a message about one that was long on its way is refused. They are remembered as long
// as there is room; what slips through later is an orphan and is collected as one.
class DroppedOwners {
 public:
    void add(const Owner& owner);
    bool contains(const Owner& owner) const { return known_.contains(owner); }

 private:
    std::set<Owner> known_;
    std::deque<Owner> order_;
};

class Fetcher {
 public:
    Fetcher(const Context& context, base::Metrics& metrics);

    // Asks `first`, then the holders, then every other node that may have it, one after the other. not_found/block when
    // all of them answered and none has it; quorum_not_reached when some did not answer, or had damaged copies alone.
    io::Task<base::Result<block::Packed>> fetch(Hash256 name, std::vector<io::NodeNumber> first);
    // Makes the reference durable here, with its block, which is fetched if need be and wanted. Never for an owner that
    // was dropped.
    io::Task<Referred> adopt(block::Reference reference, bool fetch, std::vector<io::NodeNumber> sources);
    // Puts a good copy in the place of a damaged one. True when the copy here is good now.
    io::Task<bool> mend(Hash256 name);
    // The same behind, once for each block at a time.
    void mend_later(Hash256 name);

    DroppedOwners& dropped() { return dropped_; }

 private:
    io::Task<void> mend_one(Hash256 name);
    io::Task<base::Result<block::Packed>> fetch_from(Hash256 name, io::NodeNumber node);

    const Context& context_;
    DroppedOwners dropped_;
    base::Counter mended_, unmended_, fetched_, fetched_bytes_;
    std::shared_ptr<io::Semaphore> at_once_;  // calls that the network still holds may outlive this
    std::set<Hash256> being_mended_;
    io::TaskGroup tasks_;
};

}  // namespace larder::spread
