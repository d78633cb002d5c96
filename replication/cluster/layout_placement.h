// A placement made of a history: what coordinators and replicas go by until the next one is adopted.
#pragma once

#include "replication/layout/history.h"
#include "replication/quorum/placement.h"

#include <functional>

namespace larder::cluster {

// The number of a member; 0 where it is not known here yet.
using Numbers = std::function<io::NodeNumber(const base::NodeId&)>;

class LayoutPlacement final : public quorum::Placement {
 public:
    // `history` has a live layout.
    LayoutPlacement(const layout::History& history, const Numbers& numbers);
    std::uint32_t partitions() const override { return static_cast<std::uint32_t>(sets_.size()); }
    quorum::Replicas replicas(quorum::Partition partition) const override { return sets_[partition]; }
    quorum::Replicas everywhere() const override { return everywhere_; }
    quorum::Epoch epoch() const override { return epoch_; }

 private:
    quorum::Epoch epoch_;
    std::vector<quorum::Replicas> sets_;
    quorum::Replicas everywhere_;
};

}  // namespace larder::cluster
