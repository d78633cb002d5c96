// The device of a mount, found in the kernel's table.
#include "fuse/read_ahead.h"

#include <catch2/catch.hpp>

namespace larder::fuse {
namespace {

TEST_CASE("the device of a folder is the one mounted there last", "[fuse]") {
    const std::string table =
        "22 1 254:1 / / rw,relatime - ext4 /dev/vda rw\n"
        "40 22 0:38 / /mnt/photos rw - fuse.larder photos rw\n"
        "41 22 0:39 / /mnt/my\\040photos rw - fuse.larder mine rw\n"
        "42 22 0:40 / /mnt/photos rw - fuse.larder photos rw\n";
    CHECK(mounted_device(table, "/mnt/photos") == "0:40");
    CHECK(mounted_device(table, "/mnt/my photos") == "0:39");
    CHECK(mounted_device(table, "/mnt/photo").empty());
    CHECK(mounted_device("", "/mnt/photos").empty());
}

}  // namespace
}  // namespace larder::fuse
