// A socket of this machine that others connect to.
#pragma once

#include "src/io/readiness.h"
#include "src/io/real_env.h"
#include "src/io/task_group.h"
#include "src/io/unix_socket.h"
#include "src/rpc/link.h"

#include <functional>
#include <memory>
#include <string>

namespace larder::rpc {

class Listener {
 public:
    // Takes a connection that has not begun to speak, and who is at its other end.
    using Accept = std::function<void(int descriptor, io::PeerCredentials peer)>;

    explicit Listener(io::RealEnv& env) : world_(env), tasks_(env.env().executor) {}
    ~Listener() { stop(); }

    // The errors of io::listen_unix.
    base::Result<void> listen(std::string path, std::uint32_t mode, Accept accept);
    // Accepts no more and removes the file.
    void stop();

 private:
    io::Task<void> accept_all(Accept accept);

    io::RealEnv& world_;
    std::string path_;
    std::unique_ptr<io::Readiness> socket_;
    io::TaskGroup tasks_;
};

}  // namespace larder::rpc
