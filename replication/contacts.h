// What the engine of a node of several must be told about the others: who they are and whether they can be reached.
// Whoever keeps the links makes one (the daemon).
#pragma once

#include "replication/quorum/distances.h"
#include "src/base/id.h"
#include "src/io/network.h"

#include <vector>

namespace larder::engine {

// Engine thread; answers change as the cluster does.
class Contacts {
 public:
    virtual ~Contacts() = default;
    // 0 for who is not known here (yet).
    virtual io::NodeNumber number_of(const base::NodeId& id) const = 0;
    // All members, this node and those that are away among them.
    virtual const std::vector<io::NodeNumber>& all() const = 0;
    // Grows with every change of members.
    virtual std::uint64_t version() const = 0;
    // A hint: a message to it has no chance now.
    virtual bool is_away(io::NodeNumber node) const = 0;
    virtual const quorum::Distances& distances() const = 0;
};

}  // namespace larder::engine
