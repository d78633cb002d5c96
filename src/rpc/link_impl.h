// The inside of a Link, for its two halves: link.cc moves frames, serving.cc answers requests.
#pragma once

#include "src/io/readiness.h"
#include "src/io/task_group.h"
#include "src/rpc/gate.h"
#include "src/rpc/link.h"
#include "src/rpc/send_queue.h"

#include <deque>
#include <unordered_map>

namespace larder::rpc {

// Requests of the other side, from their arrival until their answers are sent.
class Serving {
 public:
    Serving(io::Executor& executor, const LinkOptions& options) : executor_(executor), options_(options) {}

    // Waits until the request may be begun.
    io::Task<void> admit(std::size_t weight);
    // False: the number is in use.
    bool begin(std::uint64_t id, std::size_t weight);
    // Starts the work on it inside this call.
    void run(std::uint64_t id, io::Task<void> work);
    // Its answer lies in the queue and is gone when `mark` bytes of the queue are sent.
    void finish(std::uint64_t id, std::uint64_t mark);
    void cancel(std::uint64_t id);
    // So many bytes of the queue are sent.
    void sent(std::uint64_t bytes);
    // Clears away work that has ended. Not from such work.
    void reap();
    void clear();

 private:
    struct Request {
        explicit Request(io::Executor& executor) : work(executor) {}
        std::size_t weight = 0;
        bool finished = false;
        io::TaskGroup work;
    };
    struct Leaving {
        std::uint64_t mark;
        std::size_t weight;
    };
    bool has_room(std::size_t weight) const;
    void give_back(std::size_t weight);

    io::Executor& executor_;
    const LinkOptions& options_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Request>> running_;
    std::vector<std::uint64_t> finished_;
    std::unique_ptr<Request> spare_;  // most requests are answered at once: one is used again and again
    std::deque<Leaving> leaving_;
    std::size_t held_ = 0;
    std::optional<io::Promise<io::Done>> room_;
};

struct Link::Impl : std::enable_shared_from_this<Link::Impl> {
    Impl(io::RealEnv& world, int descriptor, Side s, LinkOptions o);

    void start();
    void stop();
    io::Task<void> read();
    io::Task<void> write();
    io::Task<void> take_turns();
    // Judges one frame; a request is only begun when there is room for it.
    io::Task<bool> take(Frame frame);
    bool take_greeting(const Frame& frame);
    bool take_answer(Frame frame);
    io::Task<void> answer(std::uint64_t id, io::Message request);
    static io::Task<Content> call(std::shared_ptr<Impl> self, io::Message request, base::Instant deadline);
    struct Waiting;

    void push(Frame frame);
    void flush();
    bool send_some();
    void end(base::Error reason);
    bool malformed(std::string what);

    io::Env& env;
    Side side;
    LinkOptions options;
    io::Readiness socket;
    FrameReader reader;
    SendQueue out;
    Gate gate;
    Handler handler;
    Weigh weigh;
    Serving serving;
    std::unordered_map<std::uint64_t, io::Promise<Content>> calls;
    std::uint64_t last_call = 0;
    bool greeted = false;
    bool is_ended = false;
    bool leaving = false;  // the other side said goodbye
    bool flush_posted = false;
    bool writing = false;
    io::Clock::Timer hello_timer = 0;
    io::Promise<base::Result<std::uint8_t>> ready;
    io::Promise<base::Error> ended;
    io::TaskGroup tasks;
};

}  // namespace larder::rpc
