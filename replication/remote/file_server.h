// Serves FileStores to other processes of this machine, over a socket that is a file: each connection one bucket, by
// the right of the process that connected (root, the daemon's user, the group of the socket's file) or by an access key
// whose secret it proves to know. A key's rights are looked up at every call.
#pragma once

#include "replication/files.h"
#include "src/base/metrics.h"
#include "src/io/real_env.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace larder::remote {

struct FileServerOptions {
    std::string socket;
    std::uint32_t mode = 0660;
    std::size_t connections = 256;
    std::size_t handles = 65536;                                 // of one connection
    std::size_t request_bytes = 16u << 20;                       // under way on one connection
    base::Duration session_patience = std::chrono::seconds(10);  // from connecting to an open session
};

// Of the engine; outlive the server.
struct FileServices {
    std::function<std::shared_ptr<const engine::Bucket>(std::string_view name)> find_bucket;
    std::function<std::shared_ptr<const engine::AccessKey>(std::string_view id)> find_key;
    std::function<base::Result<std::unique_ptr<engine::FileStore>>(const engine::Bucket& bucket)> open;
    // Before a session is judged: another node of the cluster may have made its key or its bucket just now. May be
    // empty.
    std::function<io::Task<void>(std::string key_id, std::string bucket)> look_up;
};

class FileServer {
 public:
    FileServer(io::RealEnv& env, base::Metrics& metrics, FileServices services, FileServerOptions options);
    ~FileServer();

    // The errors of io::listen_unix.
    base::Result<void> listen();
    // Accepts no more, tells those connected, and waits until what they asked is answered, at most until `deadline`;
    // what is then left is cut. Returns how many connections were cut.
    io::Task<std::size_t> drain(base::Instant deadline);

    struct Impl;

 private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::remote
