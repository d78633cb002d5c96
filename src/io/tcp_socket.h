// Sockets between machines: addresses as texts, listening, accepting, connecting without blocking.
#pragma once

#include "src/base/error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace larder::io {

// "host:port" in its parts; IPv6 in brackets. The host may be empty: every address of this machine.
struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};
// invalid_argument with what is wrong.
base::Result<HostPort> parse_host_port(std::string_view text);
std::string format_host_port(const HostPort& where);

// An address in the form that the kernel takes.
struct SocketAddress {
    std::string bytes;  // a sockaddr
    std::string text() const;
};
// What the text stands for. A name asks the resolver, which may take seconds: not on the engine thread. A numeric
// address is answered at once. Errors: invalid_argument, not_found (no such name), disconnected (the resolver failed).
base::Result<std::vector<SocketAddress>> resolve(const HostPort& where);
bool is_numeric(const std::string& host);

// Opens, binds and listens, not blocking; the address may be in use by connections that ended just now. Errors:
// already_exists (in use), permission_denied, invalid_argument.
base::Result<int> listen_tcp(const SocketAddress& address);
// The address that a socket is bound to, and the one at its other end.
base::Result<SocketAddress> bound_address(int descriptor);
base::Result<SocketAddress> peer_address(int descriptor);
// The next waiting connection, not blocking. Error overloaded when there is none, no_space when the process is out of
// descriptors.
base::Result<int> accept_tcp(int listening);
// Begins to connect; when the descriptor can be written, connect_outcome() tells how it went.
base::Result<int> begin_connect(const SocketAddress& address);
base::Result<void> connect_outcome(int descriptor);
// For a connection that carries calls: small messages leave at once, a dead peer is noticed by the kernel too, and what
// is not sent yet waits here, where it has an order, not in the kernel.
void tune_for_calls(int descriptor);

}  // namespace larder::io
