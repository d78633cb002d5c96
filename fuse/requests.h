// The table of handlers that libfuse calls. Inside the two files that see libfuse.
#pragma once

#include "fuse/session.h"
#include "src/io/task_group.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

namespace larder::fuse {

// What the handlers work on: libfuse's user data.
struct Serving {
    explicit Serving(io::Env& e, base::Duration interrupt) : env(e), interrupt_after(interrupt), tasks(e.executor) {}
    io::Env& env;
    base::Duration interrupt_after;
    FileSystem* files = nullptr;
    io::TaskGroup tasks;
};

const fuse_lowlevel_ops& operations();

}  // namespace larder::fuse
