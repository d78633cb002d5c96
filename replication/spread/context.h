// What the parts of this room share: the node they run on, who else there is, how long to wait and how much to hold.
// Inside replication/spread, but for Options.
#pragma once

#include "replication/block/local_blocks.h"
#include "replication/quorum/epochs.h"
#include "replication/spread/holders.h"
#include "replication/spread/peers.h"
#include "replication/spread/read_gate.h"
#include "src/io/env.h"

#include <functional>
#include <set>

namespace larder::spread {

struct Options {
    base::Duration store_timeout = std::chrono::seconds(15);  // for one block to be durable at one replica
    base::Duration read_timeout = std::chrono::seconds(10);   // for one block, or a part of it, from one replica
    base::Duration ask_timeout = std::chrono::seconds(10);    // for everything small
    base::Duration retry = std::chrono::seconds(2);           // between tries to bring what a replica lacks
    base::Duration look_period = std::chrono::hours(24);      // between comparisons with all others
    base::Duration scrub_period = std::chrono::hours(24 * 14);
    // Blocks that have their quorum and are still on their way to others; beyond it those are told to fetch them.
    std::size_t behind_bytes = 64u << 20;
    std::size_t debts_max = 100'000;       // references remembered of each replica that lacks them
    std::size_t fetches = 4;               // blocks fetched at once by background work
    std::size_t page_references = 16'384;  // looked at for one page
    std::uint64_t bytes_per_second = 0;    // of background work; 0: no limit
    // Measured latency of what clients wait for, now, and what it is when all is well: background work slows down by
    // their ratio, to a floor. Without it only the limit holds.
    std::function<base::Duration()> foreground_latency;
    base::Duration good_latency = std::chrono::milliseconds(50);
};

// References only; all outlive the room.
struct Context {
    io::Env& env;
    block::LocalBlocks& local;
    const Holding& holding;
    const Members& members;
    const quorum::Distances* distances;  // or nothing: all are equally near
    quorum::Epochs* epochs;              // or nothing: the layout never changes
    // Stores that are under way here: who lists what is here under a new layout waits for those of older ones.
    ReadGate& arrivals;
    const Options& options;

    io::NodeNumber self() const { return env.network.self(); }
    // The members that may have blocks, without this node.
    std::vector<io::NodeNumber> others() const;
    void sort_by_distance(std::vector<io::NodeNumber>& nodes) const;
    // Calls the block store of a node. When the answer is that it knows a newer layout, that is taken over here before
    // this ends: it is worth trying again.
    io::Task<base::Result<io::Message>> call(io::NodeNumber node, io::Message request, base::Duration timeout) const;
    // Asks every other member; what they name together. Fails when one does not answer, or knows of more members than
    // this node does.
    io::Task<base::Result<std::set<block::Owner>>> ask_everybody(io::Message request) const;
    // Calls all of them at once; ends when each has answered or its time is over. In their order.
    io::Task<std::vector<base::Result<io::Message>>> call_each(std::vector<io::NodeNumber> nodes, io::Message request,
                                                               base::Duration timeout) const;
};

}  // namespace larder::spread
