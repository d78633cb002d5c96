// Since when each replica of a layout has been one without a break. A node that comes back after it had left finds an
// epoch above all it ever adopted there, and knows that what it still holds is of another time.
#pragma once

#include "replication/layout/history.h"

namespace larder::cluster {

using layout::Epoch;
using layout::Layout;

// Pure values, as the layouts they belong to: the same on every node.
struct Since {
    std::vector<std::vector<Epoch>> replicas;  // by partition, in the order of Layout::replicas
    std::map<base::NodeId, Epoch> stores;      // of the nodes that store

    bool operator==(const Since&) const = default;
};

// Of a layout that had none before it.
Since since_first(const Layout& layout);
// Of the layout that follows `before`.
Since since_next(const Since& since, const Layout& before, const Layout& next);

}  // namespace larder::cluster
