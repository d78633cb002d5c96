// One mount from its start to its end, over any store.
#pragma once

#include "fuse/session.h"

namespace larder::fuse {

struct MountPlan {
    Options options;
    SessionOptions session;
    // Called once the kernel sees the mount.
    std::function<void()> ready;
};

// Mounts, answers until the folder is unmounted or `stop` is set, then stores what is not stored yet. Errors: those of
// Session::mount; io_failure when something could not be stored at the end.
Task<base::Result<void>> run_mount(io::RealEnv& world, engine::FileStore& store, MountPlan plan,
                                   io::Promise<io::Done> stop);

}  // namespace larder::fuse
