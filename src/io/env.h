// The world as one argument: everything a room needs from outside the process, handed down from the daemon or a test.
#pragma once

#include "src/io/blocking.h"
#include "src/io/clock.h"
#include "src/io/disk.h"
#include "src/io/executor.h"
#include "src/io/network.h"
#include "src/io/random.h"

namespace larder::io {

// References only; the makers outlive every room.
struct Env {
    Executor& executor;
    Clock& clock;
    Random& random;
    Disk& disk;
    Network& network;
    Blocking& blocking;
};

}  // namespace larder::io
