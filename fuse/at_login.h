// "larder mount --enable": a bucket as a folder at every login of this user, by the unit larder-mount@.service that the
// package larder-fuse brings (systemd.unit(5)).
#pragma once

#include "fuse/mount_options.h"

#include <expected>
#include <string>

namespace larder::fuse {

// What the unit reads: a line for each variable, quoted as systemd.exec(5) has it ("EnvironmentFile"). The error is a
// word that cannot be passed on: the unit splits the options at spaces.
std::expected<std::string, std::string> login_settings(const MountCommand& command);

// Writes the settings, readable by this user alone, and enables and starts the unit, or starts it anew. Says what it
// did, or what went wrong; returns the exit code.
int mount_at_login(MountCommand command);

}  // namespace larder::fuse
