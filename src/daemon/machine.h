// What a machine says of itself when it becomes a member of a cluster.
#pragma once

#include "replication/control/control.h"
#include "replication/engine.h"
#include "src/daemon/config.h"
#include "src/io/disk.h"

#include <expected>

namespace larder::daemon {

// From the settings, and where those say nothing from the host and its disks. capacity-too-big when the folders could
// not hold what is asked for.
std::expected<control::Machine, admin::Problem> machine_of(const Config& config,
                                                           const std::vector<engine::DataFolder>& folders);

// The folders for content, before an engine opens them: those that are not there yet are made.
base::Result<std::vector<engine::DataFolder>> folders_of(io::Disk& disk, const Config& config);

}  // namespace larder::daemon
