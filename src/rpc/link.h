// One connection over which calls go in any number and order: of both sides, each may ask and answer. Its ends are
// processes of this machine, over a Unix socket, or nodes, over TLS (tls.h).
//
// What bounds it. Between processes the side that answers stops reading while too much is under way. Between nodes,
// where both sides ask and a side that stops reading could not be answered either, whoever asks keeps to a window of
// bytes not answered yet for each urgency (kWindows), and whoever answers reads on, and begins what was asked as its
// own room allows. A side that goes beyond its window is cut off. So what lies on either side is bounded, however slow
// the other.
#pragma once

#include "src/io/network.h"
#include "src/io/real_env.h"
#include "src/rpc/frame.h"
#include "src/rpc/hello.h"
#include "src/rpc/pulse.h"
#include "src/rpc/transport.h"

#include <chrono>
#include <functional>
#include <memory>

namespace larder::rpc {

struct LinkOptions {
    Hello hello;  // the service and its versions
    Ends ends = Ends::processes;
    std::size_t payload_max = kFramePayloadMax;
    // What the other side may have going at once; between nodes, of each urgency.
    std::size_t requests = 1024;
    std::size_t request_bytes = 16u << 20;  // of requests and of their answers until these are sent
    // What this side may have going at once; beyond it calls wait in their order. Between nodes: kWindows.
    std::size_t call_bytes = 64u << 20;
    base::Duration hello_patience = std::chrono::seconds(10);
    PulseOptions pulse = {};  // between nodes
};

// Bytes of requests not answered yet, by urgency, on a link between nodes; a single request may be larger.
constexpr std::array<std::size_t, kUrgencies> kWindows = {1u << 20, 16u << 20, 32u << 20, 8u << 20};
constexpr std::size_t kRequestOverhead = 256;  // counted for each

enum class Side { connected, accepted };

class Link {
 public:
    using Content = base::Result<io::Message>;
    using Handler = std::function<io::Task<Content>(io::Message request)>;
    // How many bytes a request takes until its answer is sent: itself, and as much as the answer may have.
    using Weigh = std::function<std::size_t(const io::Message& request)>;

    // Takes the descriptor, which must not block. Nothing moves before start(). Engine thread; not to be destroyed by
    // work of its own (a handler).
    Link(io::RealEnv& env, int descriptor, Side side, LinkOptions options);
    Link(io::RealEnv& env, std::unique_ptr<Transport> transport, Side side, LinkOptions options);
    // Cuts the connection: whoever waits for an answer gets `disconnected`, whoever works on one is dropped.
    ~Link();

    // Answers requests from now on; without a handler every request is unsupported. Before start(). Handlers start in
    // the order of the requests' arrival.
    void serve(Handler handler, Weigh weigh);
    void start();
    // The version agreed on. Errors: unsupported with the other side's reason, timeout, disconnected. Once.
    io::Task<base::Result<std::uint8_t>> ready();
    // What the other side's hello said beyond its versions; the side that connected hears it in the welcome. After
    // ready().
    const std::string& their_words() const;
    // Sends and waits for the answer; the side that accepted asks after ready() only. Requests leave in the order of
    // calling; dropping the task tells the other side. Errors: the other side's; disconnected, timeout (neither says
    // whether the request was carried out), too_large.
    io::Task<Content> call(io::Message request, base::Instant deadline, Urgency urgency = Urgency::control);
    // Between processes: asks the other side to make no more calls and to end the connection when those under way are
    // answered. Between nodes: this side makes no more calls, and neither will the other; the connection ends when
    // those of both are answered.
    void goodbye();
    // Called, inside the reading of the connection, when the other side says goodbye. Before start().
    void on_goodbye(std::function<void()> told);
    bool is_open() const;
    // Between nodes: the mean time of a round trip, once one was measured.
    std::optional<base::Duration> round_trip() const;
    void allow(std::size_t payload_max);
    // Ends the connection for this reason. What was to be sent is lost.
    void cut(base::Error reason);
    // Waits for the end of the connection and gives its reason: disconnected when the other side went away, corrupted
    // when what it sent could not be read, timeout when it said no hello. Once.
    io::Task<base::Error> ended();

    struct Impl;

 private:
    std::shared_ptr<Impl> impl_;
};

inline base::Error gone(std::string why) {
    return {base::Code::disconnected, base::Subject::none, std::move(why)};
}

// Connects to the socket of another process and agrees on a version.
io::Task<base::Result<std::unique_ptr<Link>>> connect_link(io::RealEnv& env, std::string socket_path,
                                                           LinkOptions options);

}  // namespace larder::rpc
