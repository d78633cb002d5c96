// The other machines, for everything in a daemon that must know them: the links to them, who they are and how near, and
// what the control plane decides about them and the layout. It keeps the file of members, so that a start needs nobody.
#pragma once

#include "replication/contacts.h"
#include "replication/control/control.h"
#include "replication/engine.h"
#include "src/daemon/cluster_door.h"
#include "src/rpc/peer_network.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder::daemon {

class Peers final : public engine::Contacts, public quorum::Distances, public control::Surroundings {
 public:
    // Reads the file of members, if there is one; else this node is the first of a cluster. corrupted when it cannot be
    // read. The references outlive this.
    static base::Result<std::unique_ptr<Peers>> open(io::RealEnv& world, rpc::NodeKey key, std::string meta_folder);
    ~Peers() override;

    bool is_joined() const { return joined_; }  // by file
    const std::string& cluster_name() const { return membership_.cluster_name; }
    // The world as the engine sees it: with links to the others.
    io::Env& env() { return *env_; }
    rpc::PeerNetwork& network() { return *network_; }
    // From now on layouts are asked of it. It outlives the use of this as Surroundings.
    void attach(engine::Engine& engine, std::string cluster_name);
    void detach() { engine_ = nullptr; }
    // Where others reach this node; with none no tokens are made.
    void advertise(std::vector<std::string> addresses) { advertised_ = std::move(addresses); }
    // Asks those that are up how far they have come. Now and then.
    io::Task<void> ask_progress();
    // The first member's id, from which the cluster's fingerprint follows.
    base::NodeId founder() const;

    // engine::Contacts
    io::NodeNumber number_of(const base::NodeId& id) const override;
    const std::vector<io::NodeNumber>& all() const override { return all_; }
    std::uint64_t version() const override { return version_; }
    bool is_away(io::NodeNumber node) const override;
    const quorum::Distances& distances() const override { return *this; }

    // quorum::Distances
    base::Duration rtt(io::NodeNumber node) const override;
    base::Duration p95(io::NodeNumber node) const override;

    // control::Surroundings
    layout::History history() const override;
    io::Task<base::Result<void>> adopt(layout::Layout next) override;
    io::Task<base::Result<void>> give_up(std::vector<base::NodeId> dead, bool allow_loss) override;
    void members_are(const std::vector<model::MemberRow>& members) override;
    control::Contact contact(io::NodeNumber member) const override;
    std::optional<cluster::CatchingUp> catching_up(io::NodeNumber member) const override;
    io::Task<base::Result<std::vector<std::uint64_t>>> partition_bytes() override;
    std::uint64_t bandwidth() const override;
    bool makes_tokens() const override { return !advertised_.empty(); }
    base::Result<control::Token> make_token(base::WallTime expires) override;

 private:
    Peers(io::RealEnv& world, rpc::NodeKey key, std::string meta_folder, model::Membership membership);
    void use_members();
    void keep_file();
    io::Task<void> ask_one(io::NodeNumber node);
    cluster::CatchingUp own_progress();
    io::Task<base::Result<io::Message>> tell_progress();

    io::RealEnv& world_;
    rpc::NodeKey key_;
    std::string meta_folder_;
    model::Membership membership_;
    bool joined_ = false;
    std::unique_ptr<rpc::PeerNetwork> network_;
    std::unique_ptr<io::Env> env_;
    engine::Engine* engine_ = nullptr;
    std::vector<std::string> advertised_;
    std::vector<io::NodeNumber> all_;
    std::map<base::NodeId, io::NodeNumber> numbers_;
    std::uint64_t version_ = 0;
    std::map<io::NodeNumber, base::WallTime> last_seen_;
    std::map<io::NodeNumber, cluster::CatchingUp> progress_;  // of those that are catching up
    struct Pace {
        base::Instant when;
        double share = 0;
    };
    std::optional<Pace> began_;  // catching up, here
};

}  // namespace larder::daemon
