// The other nodes, as the content of a cluster needs to know them.
#pragma once

#include "src/base/id.h"
#include "src/io/network.h"
#include "src/io/task.h"

#include <vector>

namespace larder::spread {

// Engine thread.
class Members {
 public:
    virtual ~Members() = default;
    // Every member, this node and gateways among them; not those that were removed. Reads may be under way at any.
    virtual std::vector<io::NodeNumber> all() const = 0;
    // Grows with every change. Who asks everybody must know of everybody: an answer from a node that knows of more
    // members than the asker shows that it does not.
    virtual std::uint64_t version() const = 0;
    // Those that may have blocks: also one that is leaving, until it is removed.
    virtual std::vector<io::NodeNumber> storing() const = 0;
};

// What the rows of this node say of owners. The engine answers; each answer holds from when it was asked for.
class OwnerBook {
 public:
    virtual ~OwnerBook() = default;
    // Which of them have a write under way here (from before its first block is stored until its row is committed, or
    // its owner given up), or an intent.
    virtual io::Task<base::Result<std::vector<base::UploadId>>> under_way(std::vector<base::UploadId> owners) = 0;
    // Which of them a row names that lies here, of whatever version; damaged rows are an error.
    virtual io::Task<base::Result<std::vector<base::UploadId>>> in_rows(std::vector<base::UploadId> owners) = 0;
};

}  // namespace larder::spread
