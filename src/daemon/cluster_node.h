// A daemon's part in its cluster: links, the control plane, the door for joiners, and what keeps them up to date. Made
// before the engine, which needs the links, and attached to it when it is open.
#pragma once

#include "src/daemon/machine.h"
#include "src/daemon/peers.h"

namespace larder::daemon {

using Started = std::expected<void, admin::Problem>;

class ClusterNode {
 public:
    // Reads who this node is; `create`: it may be made. not_found/node when nothing is here and it may not.
    static base::Result<std::unique_ptr<ClusterNode>> open(io::RealEnv& world, const Config& config, bool create);

    // What the engine needs to know of the cluster. Problems of the machine: capacity-too-big.
    Started complete(engine::Options& options, bool create);
    // Other members may come from now on: before the engine is opened, since it waits for word from them, as theirs do
    // when all start at once.
    Started listen();
    io::Env& env() { return peers_->env(); }
    // The engine is open: the control plane begins, and others are let in. `create`: this node is new.
    io::Task<Started> start(engine::Engine& engine, bool create);
    cluster::Cluster& cluster() { return *control_; }

    // No more calls to and from others; those under way may end.
    io::Task<void> leave(base::Instant deadline);
    // Before the engine goes.
    void detach();

 private:
    ClusterNode(io::RealEnv& world, const Config& config, rpc::NodeKey key, std::unique_ptr<Peers> peers);
    io::Task<void> keep_up();

    io::RealEnv& world_;
    const Config& config_;
    rpc::NodeKey key_;
    std::unique_ptr<Peers> peers_;
    control::Machine machine_;
    std::unique_ptr<control::ClusterControl> control_;
    std::unique_ptr<rpc::JoinDoor> door_;
    io::TaskGroup tasks_;
};

// `larderd --join`: asks to become a member of the cluster of the token, keeps what it is told, and prints what comes
// next.
io::Task<Started> join_cluster(io::RealEnv& world, const Config& config);

}  // namespace larder::daemon
