// The port where other nodes knock. It shakes hands, tells apart what they come for, and refuses strangers.
#pragma once

#include "src/io/readiness.h"
#include "src/io/real_env.h"
#include "src/io/task_group.h"
#include "src/rpc/tls.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace larder::rpc {

struct DoorOptions {
    base::Duration patience = std::chrono::seconds(10);
    std::size_t handshakes = 64;  // at once; who comes beyond is turned away
};

class NodeDoor {
 public:
    struct Service {
        std::function<bool(const base::NodeId& id)> allow;
        std::function<void(Secured secured)> enter;
    };

    // References outlive the door. Engine thread.
    NodeDoor(io::RealEnv& world, Tls& tls, DoorOptions options = {});
    ~NodeDoor();

    // Connections for a purpose without a service are refused.
    void serve(Purpose purpose, Service service);
    void stop_serving(Purpose purpose);
    // Takes connections at "host:port"; several addresses may be served. An empty host is every address of this
    // machine. Blocks while it asks the resolver for a name. Errors: those of io::resolve and io::listen_tcp.
    base::Result<void> listen(const std::string& address);
    // Where it listens, with the ports that were chosen where 0 was asked for.
    std::vector<std::string> addresses() const;
    void stop();

 private:
    io::Task<void> accept_all(io::Readiness& socket);
    io::Task<void> greet(int descriptor);
    bool allows(Purpose purpose, const base::NodeId& id) const;
    void note_refusal(const base::Error& error, const std::string& address);

    io::RealEnv& world_;
    Tls& tls_;
    DoorOptions options_;
    std::map<Purpose, Service> services_;
    std::vector<std::unique_ptr<io::Readiness>> sockets_;
    std::size_t shaking_ = 0;
    // Strangers may come often; one line a second tells of them.
    std::optional<base::Instant> last_note_;
    std::size_t not_noted_ = 0;
    io::TaskGroup tasks_;
};

}  // namespace larder::rpc
