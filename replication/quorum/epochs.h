// The order of layouts, as replicas and coordinators use it: who is fenced, and how to catch up.
#pragma once

#include "replication/quorum/placement.h"
#include "src/base/error.h"
#include "src/io/task.h"

namespace larder::quorum {

// What is placed, moved and wiped as one: the rows of a partition that its own replicas hold, or those of its rows that
// every storing node holds.
struct Slot {
    Partition partition = 0;
    bool everywhere = false;
    auto operator<=>(const Slot&) const = default;
};

// What a node may say of a slot.
enum class Standing {
    votes,   // reads, promises and accepts
    waits,   // what it held is being wiped, or must first be merged from others: it says nothing
    absent,  // no live layout puts it here: who asks knows less than this node
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
    virtual Standing standing(Slot slot) const = 0;
    // Takes over what `from` knows of layouts, for it knows newer ones; asked of this node itself, it waits for what is
    // being adopted. Ends when it is durable here; errors as of the network and the disk.
    virtual io::Task<base::Result<void>> catch_up(io::NodeNumber from) = 0;
};

// What is under way at a node, and what it holds, as a change of layouts needs it.
class Tenant {
 public:
    virtual ~Tenant() = default;
    // Ends when no change is under way. None begins meanwhile if the fence has been raised.
    virtual io::Task<void> quiesce() = 0;
    // Forgets every row of the slot, durably. Nobody may ask for them meanwhile (Standing::waits or absent).
    virtual io::Task<base::Result<void>> wipe(Slot slot) = 0;
};

}  // namespace larder::quorum
