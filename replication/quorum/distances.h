// How near other nodes are. The links measure it; tests say it.
#pragma once

#include "src/base/time.h"
#include "src/io/network.h"

namespace larder::quorum {

class Distances {
 public:
    virtual ~Distances() = default;
    // The usual time to an answer; zero for this node itself, a large one for a node that cannot be reached.
    virtual base::Duration rtt(io::NodeNumber node) const = 0;
    // Of twenty answers nineteen have come by then: after it another node is asked as well.
    virtual base::Duration p95(io::NodeNumber node) const = 0;
};

}  // namespace larder::quorum
