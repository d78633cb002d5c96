// How far the kernel reads ahead in files of a mount.
#pragma once

#include <string>

namespace larder::fuse {

// The number ("0:45") of the device mounted at `folder` as the table says it (proc(5), "mountinfo"); empty: there is
// none. The folder itself is not asked: the one who serves it would wait for its own answer.
std::string mounted_device(const std::string& table, const std::string& folder);

// Lets the kernel read as far ahead in the files below `folder` as a request may be long: without it, 128 KiB, an
// eighth of a block. Only the superuser may ask for it; for others nothing changes.
void widen_read_ahead(const std::string& folder);

}  // namespace larder::fuse
