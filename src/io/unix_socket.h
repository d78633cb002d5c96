// Sockets of this machine that stand as files: listening, accepting, connecting, and who is at the other end.
#pragma once

#include "src/base/error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace larder::io {

// Who is at the other end, as the kernel knows it since the connection was made.
struct PeerCredentials {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups;  // supplementary
};

// Opens, binds and listens, not blocking. A file left by a process that died is removed; one in use or of another kind
// is already_exists. `mode` is that of the file.
base::Result<int> listen_unix(const std::string& path, std::uint32_t mode);
// The next waiting connection, not blocking. Error overloaded when there is none, no_space when the process is out of
// descriptors.
base::Result<int> accept_unix(int listening);
// Nothing when the kernel does not say.
base::Result<PeerCredentials> peer_of(int descriptor);
// Root, this process's own user, and the group that the socket's file belongs to: those who may do everything.
bool is_trusted(const PeerCredentials& peer, const std::string& socket_path);
// Whether the user belongs to the group, as the user database says it.
bool is_member(std::uint32_t uid, std::uint32_t gid);
// Connects; does not wait for a listener that is too busy to accept. Errors disconnected, permission_denied.
base::Result<int> connect_unix(const std::string& path, bool blocking);

}  // namespace larder::io
