#include "src/io/tcp_socket.h"

#include "src/io/descriptor.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <system_error>

namespace larder::io {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr int kBacklog = 512;
// Bytes that the kernel holds unsent before the socket counts as full: what is urgent waits behind no more than this.
constexpr int kUnsentBytes = 128 * 1024;
constexpr int kUnansweredMs = 20'000;

std::string error_text(int error) {
    return std::generic_category().message(error);
}

const sockaddr* as_sockaddr(const SocketAddress& address) {
    return reinterpret_cast<const sockaddr*>(address.bytes.data());
}

void set_option(int descriptor, int level, int option, int value) {
    ::setsockopt(descriptor, level, option, &value, sizeof value);
}

struct FreeList {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using List = std::unique_ptr<addrinfo, FreeList>;

// The error is one of getaddrinfo.
std::expected<List, int> look_up(const HostPort& where, int flags) {
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const auto port = std::to_string(where.port);
    const int error = ::getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(), port.c_str(), &wanted, &list);
    if (error != 0) return std::unexpected(error);
    return List(list);
}

template <int (*get)(int, sockaddr*, socklen_t*)>
Result<SocketAddress> address_by(int descriptor) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (get(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0)
        return fail(Code::disconnected, "the socket has no address: " + error_text(errno));
    return SocketAddress{{reinterpret_cast<const char*>(&storage), length}};
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
    const auto wrong = [text](std::string_view what) {
        return fail(Code::invalid_argument, "\"" + std::string(text) + "\" is no address: " + std::string(what));
    };
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return wrong("it has no port, as in host:3901");
    auto host = text.substr(0, colon);
    const auto digits = text.substr(colon + 1);
    HostPort out;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (error != std::errc() || end != digits.data() + digits.size())
        return wrong("its port is no number from 0 to 65535");
    if (host.starts_with('[') && host.ends_with(']') && host.size() > 2) {
        host = host.substr(1, host.size() - 2);
    } else if (host.contains(':')) {
        return wrong("an IPv6 address stands in brackets, as in [::1]:3901");
    }
    if (host.size() > 253 || host.find_first_of(" /\t\n[]") != std::string_view::npos || host.contains('\0'))
        return wrong("its host is no name");
    out.host = host;
    return out;
}

std::string format_host_port(const HostPort& where) {
    const bool v6 = where.host.contains(':');
    return (v6 ? "[" + where.host + "]" : where.host) + ":" + std::to_string(where.port);
}

std::string SocketAddress::text() const {
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    if (::getnameinfo(as_sockaddr(*this), static_cast<socklen_t>(bytes.size()), host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return "an unknown address";
    const bool v6 = std::string_view(host).contains(':');
    return (v6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + port;
}

bool is_numeric(const std::string& host) {
    return host.empty() || look_up({host, 0}, AI_NUMERICHOST).has_value();
}

Result<std::vector<SocketAddress>> resolve(const HostPort& where) {
    auto list = look_up(where, AI_NUMERICHOST | AI_PASSIVE);
    if (!list) list = look_up(where, AI_ADDRCONFIG);
    if (!list) {
        const bool unknown = list.error() == EAI_NONAME;
        return fail(unknown ? Code::not_found : Code::disconnected,
                    "looking up " + where.host + ": " + ::gai_strerror(list.error()));
    }
    std::vector<SocketAddress> out;
    for (const auto* one = list->get(); one != nullptr; one = one->ai_next)
        out.push_back({{reinterpret_cast<const char*>(one->ai_addr), one->ai_addrlen}});
    return out;
}

Result<int> listen_tcp(const SocketAddress& address) {
    Descriptor fd(::socket(as_sockaddr(address)->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (as_sockaddr(address)->sa_family == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (::bind(fd.get(), as_sockaddr(address), static_cast<socklen_t>(address.bytes.size())) == 0 &&
        ::listen(fd.get(), kBacklog) == 0)
        return fd.release();
    const int error = errno;
    const auto code = error == EADDRINUSE                 ? Code::already_exists
                      : error == EACCES || error == EPERM ? Code::permission_denied
                                                          : Code::invalid_argument;
    return fail(code, "cannot listen on " + address.text() + ": " + error_text(error));
}

Result<SocketAddress> bound_address(int descriptor) {
    return address_by<::getsockname>(descriptor);
}

Result<SocketAddress> peer_address(int descriptor) {
    return address_by<::getpeername>(descriptor);
}

Result<int> accept_tcp(int listening) {
    const int fd = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return fd;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        return fail(Code::no_space, "the process cannot open another connection: " + error_text(errno));
    return fail(Code::overloaded, "no connection is waiting");
}

Result<int> begin_connect(const SocketAddress& address) {
    Descriptor fd(::socket(as_sockaddr(address)->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), as_sockaddr(address), static_cast<socklen_t>(address.bytes.size())) == 0 ||
        errno == EINPROGRESS)
        return fd.release();
    return fail(Code::disconnected, address.text() + ": " + error_text(errno));
}

Result<void> connect_outcome(int descriptor) {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    if (error == 0) return {};
    return fail(Code::disconnected, error_text(error));
}

void tune_for_calls(int descriptor) {
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
    set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnansweredMs);
    set_option(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytes);
}

}  // namespace larder::io
