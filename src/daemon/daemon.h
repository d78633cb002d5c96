// The daemon: opens the engine, starts the doors, and stops in order. The only room that knows every other.
#pragma once

#include "src/daemon/config.h"

namespace larder::daemon {

// Runs until SIGINT or SIGTERM; returns the exit code of the process. Failures to start are written to standard error
// with their cure.
int run(const Config& config);

// Writes a problem as people read it; returns its exit code.
int report(const admin::Problem& problem);

}  // namespace larder::daemon
