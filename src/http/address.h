// Where to listen or to connect: texts, sockets, and who is at the other end.
#pragma once

#include "src/base/error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::http {

struct Address {
    std::string unix_path;  // not empty for a Unix socket
    std::string host;       // empty for all addresses
    std::string port;
};
// "host:port", "[::1]:3900", ":3900", "unix:/path"; the message of an error says what is wrong with it.
base::Result<Address> parse_address(std::string_view text);

struct ListeningSocket {
    int descriptor = -1;
    std::string address;    // as Server::address gives it
    std::string unix_path;  // the file to remove in the end
};
// Opens and binds; a name with several addresses gives several sockets on one port. May ask the resolver: start-up
// only.
base::Result<std::vector<ListeningSocket>> open_listening_sockets(const std::string& address, std::uint32_t unix_mode);

// Who is at the other end.
struct Peer {
    std::string address;  // "192.0.2.1:5000", or "unix"
    std::string host;     // what limits per address count; empty for Unix sockets
    std::optional<std::uint32_t> uid;
    std::optional<std::uint32_t> gid;
};

struct Accepted {
    int descriptor = -1;
    Peer peer;
};
// The next waiting connection. Error overloaded when there is none, no_space when the process is out of descriptors.
base::Result<Accepted> accept_connection(int listening);

// Connects, blocking. For the client.
base::Result<int> connect_to(const Address& address);

}  // namespace larder::http
