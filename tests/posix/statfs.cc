// statvfs(3): what the file system says of itself.
#include "tests/posix/harness.h"

#include <fcntl.h>
#include <sys/statvfs.h>

namespace posix {
namespace {

struct statvfs told(const char* path) {
    struct statvfs out{};
    OK(::statvfs(path, &out));
    return out;
}

CASE("statfs", "sizes are of each other's kind") {
    const auto all = told(".");
    HOLDS(all.f_bsize >= 512 && all.f_frsize >= 512);
    HOLDS(all.f_blocks >= all.f_bfree && all.f_bfree >= all.f_bavail);
    HOLDS(all.f_blocks > 0);
    HOLDS(all.f_files >= all.f_ffree);
}
CASE("statfs", "names may have 255 bytes") {
    SAME(255u, told(".").f_namemax);
    SAME(255, ::pathconf(".", _PC_NAME_MAX));
}
CASE("statfs", "a file, a directory and a descriptor tell the same") {
    put("a");
    OK(::mkdir("d", 0755));
    const int file = open_file("a", O_RDONLY);
    struct statvfs out{};
    OK(::fstatvfs(file, &out));
    SAME(told(".").f_fsid, told("a").f_fsid);
    SAME(told("d").f_fsid, out.f_fsid);
    SAME(told("d").f_bsize, out.f_bsize);
}
CASE("statfs", "a folder that may be written to is not told to be read-only") {
    HOLDS((told(".").f_flag & ST_RDONLY) == 0);
}
CASE("statfs", "st_blocks counts 512 bytes of what is there") {
    put("a", std::string(1'000'000, 'x'));
    const int file = open_file("a", O_RDONLY);
    OK(::fsync(file));
    const auto blocks = status("a").st_blocks;
    HOLDS(blocks * 512 >= 1'000'000 && blocks * 512 < 2'000'000);
    HOLDS(status("a").st_blksize >= 512);
}

}  // namespace
}  // namespace posix
