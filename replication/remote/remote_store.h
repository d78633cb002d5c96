// A bucket as files, over the socket of a larderd: the FileStore of a mount. It reconnects by itself; calls that only
// read wait for that and are repeated once, changes fail with `disconnected` (which does not say whether they
// happened).
#pragma once

#include "replication/files.h"
#include "src/io/real_env.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace larder::remote {

struct ConnectOptions {
    std::string socket;
    std::string bucket;                                  // name
    std::string key_id;                                  // empty: by the right of this process
    std::string secret;                                  // never leaves this process
    base::Duration patience = std::chrono::seconds(30);  // for one request; for a watch, beyond its deadline
    base::Duration retry_first = std::chrono::milliseconds(50);
    base::Duration retry_last = std::chrono::seconds(5);
    // Called from the loop when the connection is lost (false) and when there is one again (true): whatever was
    // remembered of the bucket may be out of date by then. May not destroy the store.
    std::function<void(bool connected)> on_state;
};

// A handle outlives a lost connection when nothing uncommitted was written through it and the same version of the same
// file stands at its key afterwards; else its calls fail with `disconnected` and say why.
//
// Errors: disconnected (nobody listens), permission_denied (the process may not, the key is wrong or has no rights),
// not_found/bucket, unsupported (another version of Larder, with what to do). Engine thread; the store may be destroyed
// before its handles, which then fail with disconnected.
io::Task<base::Result<std::unique_ptr<engine::FileStore>>> connect_files(io::RealEnv& env, ConnectOptions options);

}  // namespace larder::remote
