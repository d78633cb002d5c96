// One TLS connection over a socket that does not block (OpenSSL).
#pragma once

#include "src/rpc/tls.h"

#include <openssl/ssl.h>

#include <array>
#include <optional>

namespace larder::rpc {

// What the handshake found, and what it asks.
struct Check {
    Allow allow;
    std::optional<base::NodeId> peer;
    bool refused = false;
};

class TlsTransport final : public Transport {
 public:
    TlsTransport(boost::asio::io_context& loop, int descriptor, SSL_CTX* context, Allow allow);

    SSL* ssl() { return ssl_.get(); }
    const Check& check() const { return check_; }
    // One step. True: done. `direction` is what to wait for otherwise.
    base::Result<bool> shake(io::Readiness::Direction& direction);

    io::Readiness& socket() override { return socket_; }
    Moved read(std::span<const iovec> into) override;
    Moved write(std::span<const iovec> from) override;
    bool holds_unsent() const override { return sent_ < cipher_.size(); }

    static Check& check_of(SSL* ssl);
    static std::optional<Purpose> purpose_of(SSL* ssl);

 private:
    struct FreeSsl {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };
    struct Bio;  // OpenSSL's end of the socket

    // Sends what lies here. False: the connection is broken.
    bool flush();
    void renew_keys(std::size_t bytes);

    io::Readiness socket_;
    Check check_;
    std::unique_ptr<SSL, FreeSsl> ssl_;
    // What OpenSSL made, on its way to the socket: several records leave in one system call.
    std::string cipher_;
    std::size_t sent_ = 0;
    std::uint64_t under_these_keys_ = 0;
    std::array<char, 16 * 1024> record_;
};

}  // namespace larder::rpc
