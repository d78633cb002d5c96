// What the engine must know of the cluster that its node is part of. Whoever keeps the members and the layout makes
// one.
#pragma once

#include "replication/quorum/distances.h"
#include "replication/quorum/epochs.h"

#include <algorithm>
#include <vector>

namespace larder::engine {

// Engine thread; answers change as the cluster does.
class Members {
 public:
    virtual ~Members() = default;
    virtual const quorum::Placement& placement() const = 0;
    // Where layouts change, and how near replicas are; nothing where neither is known.
    virtual quorum::Epochs* epochs() const { return nullptr; }
    virtual const quorum::Distances* distances() const { return nullptr; }
    // Everyone who may coordinate a write or read content: this node too, and those that are away.
    virtual const std::vector<io::NodeNumber>& all() const = 0;
    // A hint: a message to it has no chance now.
    virtual bool is_away(io::NodeNumber node) const = 0;

    bool alone() const { return all().size() == 1; }
};

// The same ones for ever, each of those that store with everything: a node alone, and tests.
class FixedMembers final : public Members {
 public:
    explicit FixedMembers(const std::vector<io::NodeNumber>& nodes) : FixedMembers(nodes, nodes) {}
    FixedMembers(const std::vector<io::NodeNumber>& nodes, const std::vector<io::NodeNumber>& storing)
        : placement_(storing), nodes_(nodes) {}
    const quorum::Placement& placement() const override { return placement_; }
    const std::vector<io::NodeNumber>& all() const override { return nodes_; }
    bool is_away(io::NodeNumber node) const override { return std::ranges::find(away, node) != away.end(); }

    // It is no member any more, although its place in the placement stays.
    void remove(io::NodeNumber node) { std::erase(nodes_, node); }

    std::vector<io::NodeNumber> away;

 private:
    quorum::FixedPlacement placement_;
    std::vector<io::NodeNumber> nodes_;
};

}  // namespace larder::engine
