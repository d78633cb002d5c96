// Which nodes hold a block: those of the partition that the first bits of its name pick, in every live layout. The one
// place of this room that knows what a placement looks like.
#pragma once

#include "replication/quorum/placement.h"
#include "src/base/id.h"

#include <set>
#include <string>
#include <vector>

namespace larder::spread {

using Nodes = std::set<io::NodeNumber>;

// The nodes that hold a block, and the quorums that must all be reached.
struct Holders {
    struct Quorum {
        std::vector<io::NodeNumber> nodes;
        std::size_t needed = 1;
    };
    std::vector<io::NodeNumber> nodes;
    std::vector<Quorum> quorums;

    bool has(io::NodeNumber node) const;
    // Whether these nodes are enough for a write to count, and for a reader to have met every write that counts.
    bool reached(const Nodes& answered) const;
};

class Holding {
 public:
    explicit Holding(const quorum::Placement& placement);

    std::uint32_t partitions() const { return placement_.partitions(); }
    // Names are digests: their first bits spread as evenly as any hash of them, and the blocks of one partition lie
    // together in an index.
    quorum::Partition partition_of(const base::Hash256& name) const;
    Holders of(quorum::Partition partition) const;
    Holders of(const base::Hash256& name) const { return of(partition_of(name)); }
    // Grows with every change of the layout.
    quorum::Epoch epoch() const { return placement_.epoch(); }
    // Whether the node is the one holder of every partition.
    bool alone(io::NodeNumber node) const;

 private:
    const quorum::Placement& placement_;
    int bits_;
};

// Some partitions, one bit each. Travels as bytes.
class Partitions {
 public:
    explicit Partitions(std::uint32_t count) : bits_((count + 7) / 8, '\0') {}
    explicit Partitions(std::string bits) : bits_(std::move(bits)) {}
    void add(quorum::Partition p) { bits_[p / 8] = static_cast<char>(bits_[p / 8] | 1 << p % 8); }
    bool has(quorum::Partition p) const { return p / 8 < bits_.size() && (bits_[p / 8] >> p % 8 & 1) != 0; }
    const std::string& bytes() const { return bits_; }

 private:
    std::string bits_;
};

}  // namespace larder::spread
