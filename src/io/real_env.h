// The real makers of the five seams: one engine thread on a Boost.Asio loop, the system's clocks and generator, the
// file system, a pool of threads, and a network that knows only this node.
#pragma once

#include "src/io/env.h"

#include <memory>

namespace boost::asio {
class io_context;
}

namespace larder::io {

struct RealEnvOptions {
    NodeNumber self = 1;
    int pool_threads = 0;  // 0: as many as processors, at least 2
    // While one piece of work follows another at once, the loop does not sleep in between (wakefulness.h). For a
    // process that serves one program at a time; many clients at once are served faster by a loop that lets requests
    // gather.
    bool stay_awake = false;
};

class RealEnv {
 public:
    explicit RealEnv(RealEnvOptions options = {});
    ~RealEnv();

    Env& env();
    // The loop of the engine thread, for the HTTP room's sockets.
    boost::asio::io_context& loop();
    // Runs the loop on this thread until stop(). What is posted before or meanwhile runs here.
    void run();
    // Ends run() after the current piece of work. Any thread, also a signal's handler thread.
    void stop();
    // Calls `work` on the loop whenever `fd` can be read, until it returns false. The descriptor stays the caller's and
    // outlives the watch; it must not block.
    void on_readable(int fd, std::move_only_function<bool()> work);
    // Calls `work` on the loop when SIGINT or SIGTERM arrives.
    void on_stop_signal(Work work);

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The file system alone, for tools and tests that need no loop.
std::unique_ptr<Disk> make_real_disk();

}  // namespace larder::io
