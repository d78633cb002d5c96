#include "src/io/unix_socket.h"

#include "src/io/descriptor.h"

#include <algorithm>
#include <cerrno>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace larder::io {
namespace {

using base::Code;
using base::fail;

constexpr int kBacklog = 4096;

std::string error_text(int error) {
    return std::generic_category().message(error);
}

base::Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return fail(Code::invalid_argument, "the socket path \"" + path + "\" has not 1 to " +
                                                std::to_string(sizeof address.sun_path - 1) + " bytes");
    path.copy(address.sun_path, path.size());
    return address;
}

std::unexpected<base::Error> listen_failure(const std::string& path, int error) {
    const std::string what = "cannot listen on unix:" + path + ": ";
    switch (error) {
        case EADDRINUSE:
            return fail(Code::already_exists, what +
                                                  "another program is listening there; stop it (ss -lxp shows which) "
                                                  "or choose another address in the configuration");
        case EACCES:
        case EPERM:
            return fail(Code::permission_denied, what + "this process may not write to its folder");
        default:
            return fail(Code::invalid_argument, what + error_text(error));
    }
}

base::Result<void> clear_stale_socket(const std::string& path, const sockaddr_un& address) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return {};
    if (!S_ISSOCK(info.st_mode))
        return fail(Code::already_exists, "cannot listen on unix:" + path + ": a file that is no socket stands there");
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int connected = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (connected != 0 && errno == ECONNREFUSED) {
        ::unlink(path.c_str());
        return {};
    }
    return listen_failure(path, EADDRINUSE);
}

}  // namespace

base::Result<int> listen_unix(const std::string& path, std::uint32_t mode) {
    TRY(const auto address, address_of(path));
    TRY_VOID(clear_stale_socket(path, address));
    Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) return listen_failure(path, errno);
    // The mode of the unbound socket bounds that of the file, so it is never wider open than asked, not even briefly.
    ::fchmod(fd.get(), mode);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), mode) != 0 || ::listen(fd.get(), kBacklog) != 0)
        return listen_failure(path, errno);
    return fd.release();
}

base::Result<int> accept_unix(int listening) {
    const int fd = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return fd;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        return fail(Code::no_space, "the process cannot open another connection: " + error_text(errno));
    return fail(Code::overloaded, "no connection is waiting");
}

base::Result<PeerCredentials> peer_of(int descriptor) {
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
        return fail(Code::unsupported, "the kernel does not say who is at the other end: " + error_text(errno));
    PeerCredentials peer{credentials.uid, credentials.gid, std::vector<std::uint32_t>(64)};
    for (int tries = 0; tries < 2; ++tries) {
        length = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
        const int got = ::getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &length);
        const bool short_of_room = got != 0 && errno == ERANGE;
        peer.groups.resize(got == 0 || short_of_room ? length / sizeof(gid_t) : 0);
        if (!short_of_room) return peer;
    }
    peer.groups.clear();
    return peer;
}

bool is_trusted(const PeerCredentials& peer, const std::string& socket_path) {
    if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
    struct stat info{};
    if (::stat(socket_path.c_str(), &info) != 0) return false;
    return peer.gid == info.st_gid || std::ranges::find(peer.groups, info.st_gid) != peer.groups.end();
}

bool is_member(std::uint32_t uid, std::uint32_t gid) {
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> text(16 * 1024);
    if (::getpwuid_r(uid, &entry, text.data(), text.size(), &found) != 0 || found == nullptr) return false;
    std::vector<gid_t> groups(64);
    for (int tries = 0; tries < 2; ++tries) {
        int count = static_cast<int>(groups.size());
        const bool whole = ::getgrouplist(found->pw_name, found->pw_gid, groups.data(), &count) >= 0;
        groups.resize(static_cast<std::size_t>(count));
        if (whole) return std::ranges::find(groups, gid) != groups.end();
    }
    return false;
}

base::Result<int> connect_unix(const std::string& path, bool blocking) {
    TRY(const auto address, address_of(path));
    Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd.release();
    return fail(errno == EACCES ? Code::permission_denied : Code::disconnected,
                "cannot connect to " + path + ": " + error_text(errno));
}

}  // namespace larder::io
