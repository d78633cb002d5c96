// TLS 1.3 between nodes. Each side shows a certificate that it signed itself; what counts is the key in it, which is
// the node's id, and whether the caller allows that id. There is no authority, no name and no date to believe.
#pragma once

#include "src/base/error.h"
#include "src/base/id.h"
#include "src/io/real_env.h"
#include "src/io/task.h"
#include "src/rpc/node_key.h"
#include "src/rpc/transport.h"

#include <functional>
#include <memory>
#include <string>

namespace larder::rpc {

// What a connection is for; agreed in the first message (ALPN), so that both sides know before either shows its key.
enum class Purpose { peer, join };

// Whether a connection for this purpose with the holder of this key is wanted. The handshake has proved by its end that
// the other side holds the key.
using Allow = std::function<bool(Purpose purpose, const base::NodeId& id)>;

struct Secured {
    std::unique_ptr<Transport> transport;
    Purpose purpose = Purpose::peer;
    base::NodeId peer;
    std::string address;  // of the other side, as text; empty when whoever connected did not say
    // 32 bytes that both sides of this connection know, and nobody else (RFC 9266): what is proved over them cannot be
    // carried over to another connection.
    std::string binding;
};

class Tls {
 public:
    explicit Tls(const NodeKey& key);
    ~Tls();
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;

    const base::NodeId& id() const;
    // Both take a socket's descriptor (of one that connects, or has been accepted) and shake hands. Errors: timeout,
    // disconnected (the connection broke or is not TLS 1.3), permission_denied (`allow` refused the other side; the
    // message names its key). Whoever connects learns only by its first words whether it was let in.
    io::Task<base::Result<Secured>> connect(io::RealEnv& world, int descriptor, Purpose purpose, Allow allow,
                                            base::Instant deadline);
    io::Task<base::Result<Secured>> accept(io::RealEnv& world, int descriptor, Allow allow, base::Instant deadline);

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::rpc
