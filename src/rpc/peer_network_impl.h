// The inside of a PeerNetwork: peer_network.cc makes and answers calls, peer_links.cc keeps the links.
#pragma once

#include "src/io/task_group.h"
#include "src/rpc/latency.h"
#include "src/rpc/link.h"
#include "src/rpc/peer_network.h"

#include <list>
#include <map>

namespace larder::rpc {

// A link, and what is known of it.
struct PeerLink {
    std::uint64_t serial = 0;
    std::unique_ptr<Link> link;
    Side side = Side::connected;
    std::string address;
    std::uint64_t their_life = 0;  // a number that the other side drew when it started
};

struct Peer {
    Peer(io::Executor& executor, PeerInfo i) : info(std::move(i)), dialling(executor) {}
    PeerInfo info;
    std::optional<PeerLink> current;
    std::list<PeerLink> retiring;
    // No dialling has failed since it was last up, so a call may wait.
    bool has_hope = true;
    base::Instant since;
    std::string last_trouble;
    std::string good_address;
    Latency answers;
    std::vector<io::Promise<io::Done>> waiting;  // for a change of its state
    std::optional<io::Promise<io::Done>> wake;   // the one that dials, for the same
    io::TaskGroup dialling;
};

struct PeerNetwork::Impl {
    Impl(io::RealEnv& world, const NodeKey& key, io::NodeNumber self, PeerOptions options);
    ~Impl();

    // Links.
    void set_peers(std::vector<PeerInfo> wanted);
    void add(PeerInfo info);
    void remove(io::NodeNumber number, const std::string& why);
    void let_in(Secured secured);
    io::Task<void> keep_linked(Peer& peer);
    io::Task<bool> dial_round(Peer& peer);
    io::Task<base::Result<void>> dial_one(Peer& peer, std::string address);
    io::Task<void> welcome(io::NodeNumber number, Secured secured);
    std::unique_ptr<Link> make_link(io::NodeNumber number, std::uint64_t serial, Secured& secured, Side side);
    base::Result<std::uint64_t> their_life(const Peer& peer, const Link& link) const;
    void adopt(Peer& peer, PeerLink link);
    bool outranks(const Peer& peer, const PeerLink& present, const PeerLink& other) const;
    void retire(Peer& peer, PeerLink link);
    void lose(Peer& peer, std::string why, bool has_hope);
    void said_goodbye(io::NodeNumber number, std::uint64_t serial);
    io::Task<void> watch(io::NodeNumber number, std::uint64_t serial, Link& link);
    void forget(io::NodeNumber number, std::uint64_t serial, const base::Error& reason);
    void changed(Peer& peer);
    void tell(io::NodeNumber number, bool is_up);
    io::Task<base::Result<io::Done>> next_change(Peer& peer);
    io::Task<base::Result<io::Done>> woken(Peer& peer);
    void bury(std::unique_ptr<Peer> peer);

    // Calls.
    Peer* find(io::NodeNumber number);
    const Peer* find(io::NodeNumber number) const;
    io::Task<base::Result<io::Message>> call(io::NodeNumber to, std::string method, io::Message request,
                                             base::Instant deadline);
    io::Task<base::Result<io::Message>> answer(io::NodeNumber from, io::Message request);
    Urgency urgency(const std::string& method, const io::Message& request) const;

    io::RealEnv& world;
    io::Env& env;
    PeerOptions options;
    Tls tls;
    io::NodeNumber self;
    std::uint64_t life;
    std::uint64_t last_serial = 0;
    bool is_leaving = false;
    std::map<std::string, Handler, std::less<>> handlers;
    std::map<std::string, Urgency, std::less<>> urgencies;
    std::map<io::NodeNumber, std::unique_ptr<Peer>> peers;
    std::map<base::NodeId, io::NodeNumber> numbers;
    std::function<void(io::NodeNumber, bool)> told;
    // Peers that are no more, until no work of theirs can be running.
    std::vector<std::unique_ptr<Peer>> buried;
    std::shared_ptr<Impl*> alive = std::make_shared<Impl*>(this);
    NodeDoor door;
    io::TaskGroup tasks;  // last: its work uses all the others
};

}  // namespace larder::rpc
