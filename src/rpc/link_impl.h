// The inside of a Link, for its parts: link.cc begins and ends it, traffic.cc moves frames, calling.cc asks.
#pragma once

#include "src/io/task_group.h"
#include "src/rpc/gate.h"
#include "src/rpc/link.h"
#include "src/rpc/send_queue.h"
#include "src/rpc/serving.h"

#include <unordered_map>

namespace larder::rpc {

struct Link::Impl : std::enable_shared_from_this<Link::Impl> {
    Impl(io::RealEnv& world, std::unique_ptr<Transport> t, Side s, LinkOptions o);

    void start();
    void stop();
    io::Task<void> read();
    io::Task<void> write();
    io::Task<void> take_turns();
    io::Task<void> keep_pulse();
    // Judges one frame; between processes a request is only begun when there is room for it.
    io::Task<bool> take(Frame frame);
    io::Task<bool> take_request(Frame frame);
    bool take_greeting(const Frame& frame);
    bool take_hello(std::string_view bytes);
    bool take_answer(Frame frame);
    bool take_goodbye();
    io::Task<void> answer(std::uint64_t id, Urgency urgency, io::Message request);
    std::size_t weigh_request(const Frame& frame) const;
    static io::Task<Content> call(std::shared_ptr<Impl> self, io::Message request, base::Instant deadline,
                                  Urgency urgency);
    static io::Task<base::Result<Gate::Pass>> enter(std::shared_ptr<Impl> self, std::size_t bytes, Urgency urgency);
    struct Waiting;
    struct Asking;
    void give_up(std::uint64_t id, Urgency urgency);

    void push(Frame frame);
    void schedule_flush();
    void flush();
    bool send_some();
    void end(base::Error reason);
    // After a goodbye: ends the connection when nothing is left to be answered.
    void part();
    bool malformed(std::string what);
    bool between_nodes() const { return options.ends == Ends::nodes; }
    Gate& gate(Urgency urgency) { return gates[static_cast<std::size_t>(urgency)]; }

    io::Env& env;
    Side side;
    LinkOptions options;
    std::unique_ptr<Transport> transport;
    FrameReader reader;
    SendQueue out;
    std::array<Gate, kUrgencies> gates;
    Handler handler;
    Weigh weigh;
    std::function<void()> on_goodbye;
    Serving serving;
    Pulse pulse;
    std::unordered_map<std::uint64_t, io::Promise<Content>> calls;
    std::uint64_t last_call = 0;
    std::size_t asking = 0;  // calls, those included that wait for their turn
    std::string their_words;
    bool greeted = false;
    bool is_ended = false;
    bool retired = false;       // this side makes no more calls
    bool said_goodbye = false;  // and has told so
    bool leaving = false;       // the other side said goodbye
    bool flush_posted = false;
    bool writing = false;
    io::Clock::Timer hello_timer = 0;
    io::Promise<base::Result<std::uint8_t>> ready;
    io::Promise<base::Error> ended;
    io::TaskGroup tasks;
};

}  // namespace larder::rpc
