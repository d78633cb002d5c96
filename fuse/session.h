// The mount itself: the kernel's requests over libfuse's low-level session, answered by a FileSystem. session.cc and
// requests.cc are the only files that see libfuse, so that the transport can be replaced.
//
// One receive loop; requests are answered when they are done, in any order. Measured beside a pool of threads: 4.1 µs
// of processor time a request against 7 to 8 (docs/decisions/0012).
#pragma once

#include "fuse/filesystem.h"
#include "src/io/real_env.h"

#include <memory>
#include <string>

namespace larder::fuse {

struct SessionOptions {
    std::string folder;  // where to mount; must exist
    std::string source;  // shown by mount(8): the bucket
    bool allow_other = false;
    bool read_only = false;
    // An interrupted request that has taken this long is given up with EINTR; a shorter one ends as it would.
    base::Duration interrupt_after = std::chrono::seconds(1);
};

class Session {
 public:
    Session(io::RealEnv& world, SessionOptions options);
    ~Session();

    // The notifications for the FileSystem; sent from a thread of their own, since they may wait for the kernel.
    Notifier& notifier();
    // Mounts and begins to answer. io_failure, with the system's reason, when the folder cannot be mounted.
    base::Result<void> mount(FileSystem& files);
    // Ends when the folder is unmounted, by unmount() or from outside.
    Task<void> ended();
    // Unmounts; what is open stays usable until closed only where the kernel allows it.
    void unmount();

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::fuse
