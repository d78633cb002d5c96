// The order of layouts, as replicas and coordinators use it: who is fenced, and how to catch up.
#pragma once

#include "replication/quorum/placement.h"
#include "src/base/error.h"
#include "src/io/task.h"

namespace larder::quorum {

// What a node may say of a partition.
enum class Standing {
    votes,   // reads, promises and accepts
    waits,   // what it held is being wiped, or must first be merged from others: it says nothing
    absent,  // no live layout puts the partition here: who asks knows less than this node
};

// Engine thread.
class Epochs {
 public:
    virtual ~Epochs() = default;
    // Adopted durably: what was asked under a smaller epoch is refused here for ever, and all that such requests had
    // begun here is over.
    virtual Epoch epoch() const = 0;
    // Refused below it already; greater than epoch() while a newer one is being adopted.
    virtual Epoch fence() const = 0;
    virtual Standing standing(Partition partition, bool everywhere) const = 0;
    // Takes over what `from` knows of layouts, for it knows newer ones; asked of this node itself, it waits for what is
    // being adopted. Ends when it is durable here; errors as of the network and the disk.
    virtual io::Task<base::Result<void>> catch_up(io::NodeNumber from) = 0;
};

}  // namespace larder::quorum
