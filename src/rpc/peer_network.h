// The Network seam of a node that has peers: one link to each, over which both may ask, whoever dialled.
//
// A link is dialled by whichever side has none and knows an address, again and again with growing pauses. When both
// dial at once, the link that the node with the lesser id dialled stays. A link over which nothing is heard for longer
// than its round trips explain is cut (pulse.h), and the peer counts as lost: calls to it fail at once, until a link to
// it stands again. A call to a peer that is just being dialled waits for the outcome.
//
// Frames leave by urgency (send_queue.h), which the method of a call decides: set_urgency(), or urgency_of().
#pragma once

#include "src/io/network.h"
#include "src/io/real_env.h"
#include "src/rpc/frame.h"
#include "src/rpc/node_door.h"
#include "src/rpc/node_key.h"
#include "src/rpc/pulse.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder::rpc {

struct PeerInfo {
    io::NodeNumber number = 0;
    base::NodeId id;
    std::vector<std::string> addresses;  // "host:port"; none: it can only dial this node
    bool operator==(const PeerInfo&) const = default;
};

struct PeerOptions {
    DoorOptions door;
    PulseOptions pulse;
    base::Duration dial_patience = std::chrono::seconds(2);  // for each address
    base::Duration first_pause = std::chrono::milliseconds(100);
    base::Duration longest_pause = std::chrono::seconds(10);
};

struct PeerStatus {
    PeerInfo info;
    bool is_up = false;
    std::string address;  // where the link leads
    std::optional<base::Duration> round_trip;
    base::Instant since;       // of the present state
    std::string last_trouble;  // why it is not up, or was not the last time
};

// Control for what members tell each other, background for what may wait, bulk for blocks and all that is large,
// metadata for the rest. A method is known by its first word ("sync", "sync/tree").
Urgency urgency_of(std::string_view method, const io::Message& request);

class PeerNetwork final : public io::Network {
 public:
    // Engine thread, which is where everything below is called and calls back.
    PeerNetwork(io::RealEnv& world, const NodeKey& key, io::NodeNumber self, PeerOptions options = {});
    // Cuts every link.
    ~PeerNetwork() override;

    io::NodeNumber self() const override;
    // A call to this node itself runs its handler inside the call: no queue, no copy. Of another node: its error;
    // disconnected (no such peer, lost, or cut meanwhile), timeout, too_large. The request and its answer are at most
    // kFramePayloadMax.
    io::Task<base::Result<io::Message>> call(io::NodeNumber to, std::string method, io::Message request,
                                             base::Instant deadline) override;
    void serve(std::string method, Handler handler) override;
    void set_urgency(std::string method, Urgency urgency);

    // The members but this one, whenever they change: dials new ones, follows new addresses, cuts the links of those
    // that are not among them any more. Nobody else is let in.
    void set_peers(std::vector<PeerInfo> peers);
    // The port for nodes, for listen() and for what else is served there (join.h).
    NodeDoor& door();
    Tls& tls();
    // Called after a peer came up or was lost.
    void on_change(std::function<void(io::NodeNumber peer, bool is_up)> told);

    bool is_up(io::NodeNumber peer) const;
    // The mean time of a round trip, and how long 95 of 100 answers to small requests take at most. Nothing before it
    // was measured, or when the peer is not up.
    std::optional<base::Duration> rtt(io::NodeNumber peer) const;
    std::optional<base::Duration> p95(io::NodeNumber peer) const;
    std::vector<PeerStatus> peers() const;

    // Takes and makes no more links or calls, lets those under way be answered, at most until the deadline.
    io::Task<void> leave(base::Instant deadline);

    struct Impl;

 private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::rpc
