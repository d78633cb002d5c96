#include "src/http/address.h"

#include "src/base/encoding.h"
#include "src/io/descriptor.h"
#include "src/io/unix_socket.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace larder::http {
namespace {

using base::Code;
using base::fail;
using io::Descriptor;

constexpr int kBacklog = 4096;

std::string error_text(int error) {
    return std::generic_category().message(error);
}

struct Resolved {
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list{nullptr, &::freeaddrinfo};
};

base::Result<Resolved> resolve(const Address& address, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found);
    if (error != 0)
        return fail(Code::invalid_argument,
                    "cannot find the address of host \"" + address.host + "\": " + ::gai_strerror(error));
    Resolved resolved;
    resolved.list.reset(found);
    return resolved;
}

std::string host_of(const sockaddr* address, socklen_t length) {
    char host[NI_MAXHOST];
    if (::getnameinfo(address, length, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return "?";
    const std::string_view text = host;
    return std::string(text.starts_with("::ffff:") && text.contains('.') ? text.substr(7) : text);
}

std::uint16_t port_of(const sockaddr* address) {
    if (address->sa_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
    return ntohs(reinterpret_cast<const sockaddr_in6*>(address)->sin6_port);
}

std::string host_and_port(const std::string& host, std::uint16_t port) {
    return (host.contains(':') ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::unexpected<base::Error> bind_failure(const std::string& address, int error) {
    switch (error) {
        case EADDRINUSE:
            return fail(Code::already_exists,
                        "cannot listen on " + address +
                            ": another program is listening there; stop it (ss -ltnp shows which) "
                            "or choose another address in the configuration");
        case EACCES:
        case EPERM:
            return fail(Code::permission_denied, "cannot listen on " + address +
                                                     ": not permitted; ports below 1024 and foreign folders need "
                                                     "rights this process does not have");
        case EADDRNOTAVAIL:
            return fail(Code::invalid_argument, "cannot listen on " + address + ": this machine has no such address");
        default:
            return fail(Code::invalid_argument, "cannot listen on " + address + ": " + error_text(error));
    }
}

base::Result<ListeningSocket> listen_tcp(const addrinfo& where, bool both_families) {
    const std::string host = host_of(where.ai_addr, where.ai_addrlen);
    const std::string wanted = host_and_port(host, port_of(where.ai_addr));
    Descriptor fd(::socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) return bind_failure(wanted, errno);
    const int on = 1;
    const int only_6 = both_families ? 0 : 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (where.ai_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_6, sizeof only_6);
    if (::bind(fd.get(), where.ai_addr, where.ai_addrlen) != 0 || ::listen(fd.get(), kBacklog) != 0)
        return bind_failure(wanted, errno);
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length);
    const auto port = port_of(reinterpret_cast<sockaddr*>(&bound));
    return ListeningSocket{fd.release(), host_and_port(host, port), {}};
}

// On every address: one socket for both families where the machine has IPv6.
base::Result<ListeningSocket> listen_everywhere(const std::string& port) {
    auto six = resolve({{}, "::", port}, AI_PASSIVE | AI_NUMERICHOST);
    if (six) {
        auto socket = listen_tcp(*six->list, true);
        if (socket || socket.error().is(Code::already_exists) || socket.error().is(Code::permission_denied))
            return socket;
    }
    TRY(auto four, resolve({{}, "0.0.0.0", port}, AI_PASSIVE | AI_NUMERICHOST));
    return listen_tcp(*four.list, false);
}

base::Result<std::vector<ListeningSocket>> listen_tcp_all(Address address) {
    std::vector<ListeningSocket> sockets;
    if (address.host.empty()) {
        TRY(auto socket, listen_everywhere(address.port));
        sockets.push_back(std::move(socket));
        return sockets;
    }
    TRY(auto resolved, resolve(address, AI_PASSIVE));
    base::Error first_error;
    for (auto* at = resolved.list.get(); at != nullptr; at = at->ai_next) {
        if (!sockets.empty() && address.port == "0") break;
        auto socket = listen_tcp(*at, false);
        if (socket) {
            sockets.push_back(std::move(*socket));
        } else if (first_error.message.empty()) {
            first_error = socket.error();
        }
    }
    if (sockets.empty()) return fail(first_error);
    return sockets;
}

Peer unix_peer(int fd) {
    Peer peer{.address = "unix", .host = {}, .uid = {}, .gid = {}};
    if (const auto known = io::peer_of(fd)) {
        peer.uid = known->uid;
        peer.gid = known->gid;
    }
    return peer;
}

}  // namespace

base::Result<Address> parse_address(std::string_view text) {
    const auto bad = [&](std::string_view why) {
        return fail(Code::invalid_argument, "the address \"" + std::string(text) + "\" " + std::string(why) +
                                                "; write host:port, [IPv6]:port, :port or unix:/path");
    };
    if (text.starts_with("unix:")) {
        if (text.size() == 5) return bad("names no path");
        return Address{std::string(text.substr(5)), {}, {}};
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return bad("has no port");
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    std::uint16_t number = 0;
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
    if (port.empty() || parsed.ec != std::errc() || parsed.ptr != port.data() + port.size())
        return bad("has no port between 0 and 65535");
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    } else if (host.contains(':')) {
        return bad("holds an IPv6 address without brackets");
    }
    return Address{{}, std::string(host), std::string(port)};
}

base::Result<std::vector<ListeningSocket>> open_listening_sockets(const std::string& address, std::uint32_t unix_mode) {
    TRY(auto parsed, parse_address(address));
    if (parsed.unix_path.empty()) return listen_tcp_all(std::move(parsed));
    TRY(const int socket, io::listen_unix(parsed.unix_path, unix_mode));
    return std::vector{ListeningSocket{socket, "unix:" + parsed.unix_path, parsed.unix_path}};
}

base::Result<Accepted> accept_connection(int listening) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    auto* address = reinterpret_cast<sockaddr*>(&from);
    const int fd = ::accept4(listening, address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        return fail(Code::no_space, "the process cannot open another connection: " + error_text(errno));
    if (fd < 0) return fail(Code::overloaded, "no connection is waiting");
    if (from.ss_family == AF_UNIX) return Accepted{fd, unix_peer(fd)};
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::string host = host_of(address, length);
    return Accepted{fd, {.address = host_and_port(host, port_of(address)), .host = host, .uid = {}, .gid = {}}};
}

base::Result<int> connect_to(const Address& address) {
    if (!address.unix_path.empty()) return io::connect_unix(address.unix_path, true);
    TRY(const auto resolved, resolve(address, 0));
    int error = ECONNREFUSED;
    for (const auto* at = resolved.list.get(); at != nullptr; at = at->ai_next) {
        Descriptor fd(::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (fd.get() >= 0 && ::connect(fd.get(), at->ai_addr, at->ai_addrlen) == 0) return fd.release();
        error = errno;
    }
    return fail(Code::disconnected,
                "cannot connect to " + address.host + ":" + address.port + ": " + error_text(error));
}

}  // namespace larder::http
