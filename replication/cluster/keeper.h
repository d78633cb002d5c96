// What one node knows of layouts, and what it makes of it. It keeps the history durably, tells and hears of newer ones,
// adopts them in the order that safety asks for (fence, wait for what is under way, make durable, publish, wipe), and
// says whether this node may vote. docs/protocol.md, "Changing layouts".
#pragma once

#include "replication/cluster/keeper_messages.h"
#include "replication/cluster/layout_placement.h"
#include "replication/cluster/standing.h"
#include "replication/quorum/tag_source.h"
#include "src/io/env.h"
#include "src/io/sync.h"
#include "src/io/task_group.h"

#include <optional>

namespace larder::cluster {

// Where the record lies. Two makers: a row of the node's own store, and the simulator's memory.
class KeeperStore {
 public:
    virtual ~KeeperStore() = default;
    virtual base::Result<std::optional<std::string>> load() = 0;
    // Ends when it is durable. One at a time.
    virtual io::Task<base::Result<void>> save(std::string record) = 0;
};

struct KeeperOptions {
    base::NodeId self;
    Numbers numbers;
    // Whom to exchange what is known with: all members that are known.
    std::function<std::vector<io::NodeNumber>()> peers;
    base::Duration gossip_every = std::chrono::seconds(1);
    base::Duration call_timeout = std::chrono::seconds(5);
    // Off in the simulator alone, to show what they are for.
    bool wipes = true;     // what a node still holds of an older membership is wiped before it votes again
    bool joint = true;     // the quorums of all live layouts must be reached, not those of the newest alone
    bool recovers = true;  // a node that lost what it held merges it from others before it votes
};

// Engine thread. partitions(), replicas() and everywhere() only once ready() has ended.
class LayoutKeeper final : public quorum::Epochs, public quorum::Placement {
 public:
    // All outlive it; nothing that was asked of it may be under way when it dies.
    LayoutKeeper(io::Env& env, KeeperStore& store, quorum::TagSource& tags, KeeperOptions options);

    // Reads the record; then it gossips, and serves "layout". `boot`: how often this node has started as far as it
    // knows. `tenant` outlives this.
    io::Task<base::Result<void>> open(quorum::Tenant& tenant, std::uint32_t boot);
    // A new cluster: its first layout, made durable. Before open() has ended nobody else knows of it. Fails with
    // already_exists where a layout is known.
    io::Task<base::Result<void>> found(layout::Layout first);
    // Ends once a layout is known and enough others have been heard to trust what this node remembers: a coordinator
    // may begin.
    io::Task<void> ready();
    bool is_ready() const { return vouched_ && standing_.newest() > 0; }

    // quorum::Epochs
    quorum::Epoch epoch() const override { return epoch_; }
    quorum::Epoch fence() const override { return fence_; }
    quorum::Standing standing(quorum::Slot slot) const override;
    io::Task<base::Result<void>> catch_up(io::NodeNumber from) override;

    // quorum::Placement
    std::uint32_t partitions() const override {
        return placement_ ? placement_->partitions() : layout::kDefaultPartitions;
    }
    quorum::Replicas replicas(quorum::Partition partition) const override { return placement_->replicas(partition); }
    quorum::Replicas everywhere() const override { return placement_->everywhere(); }

    // The layout that follows the newest; whoever calls has won the conditional write of the layout row. conflict when
    // another one has come first. Ends when it is adopted here; the others hear of it.
    io::Task<base::Result<void>> adopt(layout::Layout next);
    // Operator's decision (layout::give_up).
    io::Task<base::Result<void>> give_up(std::vector<base::NodeId> dead, bool allow_loss);
    // A member has become known, or its number.
    void members_changed() { publish(); }
    const layout::History& history() const { return standing_.history; }

    // Whom to ask to bring a slot up to date: empty, or groups of nodes with how many of each must answer.
    struct Source {
        std::vector<io::NodeNumber> nodes;
        std::size_t needed = 0;
    };
    std::vector<Source> sources_of(quorum::Slot slot) const;
    bool is_member(quorum::Slot slot) const;
    bool is_wiping(quorum::Slot slot) const { return standing_.wiping.contains(slot); }
    quorum::Epoch settled_here() const;
    bool lost(quorum::Slot slot) const { return standing_.recovering.contains(slot); }
    std::set<quorum::Slot> to_recover() const { return standing_.recovering; }
    // The slot has been brought back: it votes.
    io::Task<base::Result<void>> recovered(quorum::Slot slot);
    // Every slot that this node has in the layouts up to `epoch` has been brought up to date.
    io::Task<base::Result<void>> settled(quorum::Epoch epoch);
    // Ends when something has changed since `seen`, or after a while; returns what to ask with next.
    io::Task<std::uint64_t> changed(std::uint64_t seen, base::Duration at_most);

 private:
    io::Task<base::Result<io::Message>> hear(io::NodeNumber from, io::Message request);
    io::Task<base::Result<void>> greet(io::NodeNumber peer);
    io::Task<void> gossip();
    io::Task<void> greet_quietly(io::NodeNumber peer);
    Greeting greeting_for(const base::NodeId& peer, Epoch they_have) const;
    io::Task<base::Result<void>> learn(Known known);
    io::Task<base::Result<void>> replace(Standing next);
    io::Task<base::Result<void>> save_with(Standing next);
    io::Task<void> wipe_all();
    io::Task<base::Result<void>> heard_of_me(std::uint32_t boot, std::uint64_t life);
    void publish();
    void note(const base::NodeId& peer);

    io::Env& env_;
    KeeperStore& store_;
    quorum::TagSource& tags_;
    KeeperOptions options_;
    quorum::Tenant* tenant_ = nullptr;
    Standing standing_;
    quorum::Epoch epoch_ = 0;
    quorum::Epoch fence_ = 0;
    std::unique_ptr<LayoutPlacement> placement_;
    bool vouched_ = false;
    std::set<base::NodeId> heard_;
    bool wiping_ = false;
    std::map<io::NodeNumber, std::vector<io::Promise<io::Done>>> greeted_;  // being greeted, and who waits for it
    std::uint64_t life_ = 0;
    std::uint64_t changes_ = 0;
    std::vector<io::Promise<io::Done>> waiting_;
    io::Semaphore turn_;  // of whoever changes the record
    io::TaskGroup tasks_;
};

}  // namespace larder::cluster
