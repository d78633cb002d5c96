// truncate(2) and ftruncate(2).
#include "tests/posix/harness.h"

#include <fcntl.h>

namespace posix {
namespace {

const off_t kSizes[] = {0, 1, 4095, 4096, 16384, 16385, 1048576, 1048577, 5000000};

void enlist_sizes() {
    for (const auto from : kSizes) {
        for (const auto to : {off_t{0}, off_t{1}, off_t{5000}, off_t{16384}, off_t{1500000}, off_t{6000000}}) {
            Enlist("truncate", "a file of " + std::to_string(from) + " bytes to " + std::to_string(to), [from, to] {
                std::string content(static_cast<std::size_t>(from), 'c');
                put("a", content);
                OK(::truncate("a", to));
                content.resize(static_cast<std::size_t>(to), '\0');
                SAME(to, status("a").st_size);
                HOLDS(get("a") == content);
                const int file = open_file("a", O_RDWR | O_APPEND);
                OK(::write(file, "end", 3));
                OK(::close(file));
                HOLDS(get("a") == content + "end");
            });
        }
    }
}
const bool kEnlisted = (enlist_sizes(), true);

CASE("truncate", "ftruncate is seen by every descriptor at once") {
    put("a", "0123456789");
    const int one = open_file("a", O_RDWR);
    const int two = open_file("a", O_RDONLY);
    OK(::ftruncate(one, 4));
    SAME("0123", get(two, 10, 0));
    SAME(4, status("a").st_size);
    OK(::ftruncate(one, 6));
    SAME(std::string("0123\0\0", 6), get(two, 10, 0));
}
CASE("truncate", "the place of a descriptor does not move") {
    put("a", "0123456789");
    const int file = open_file("a", O_RDWR);
    OK(::lseek(file, 8, SEEK_SET));
    OK(::ftruncate(file, 2));
    SAME(8, ::lseek(file, 0, SEEK_CUR));
    OK(::write(file, "x", 1));
    SAME(std::string("01\0\0\0\0\0\0x", 9), get("a"));
}
CASE("truncate", "what was cut off does not come back") {
    put("a", std::string(300'000, 's'));
    OK(::truncate("a", 100));
    OK(::truncate("a", 300'000));
    HOLDS(get("a") == std::string(100, 's') + std::string(299'900, '\0'));
}
CASE("truncate", "what was cut off does not come back within a page") {
    put("a", std::string(1000, 's'));
    const int file = open_file("a", O_RDWR);
    OK(::ftruncate(file, 100));
    OK(::pwrite(file, "x", 1, 500));
    HOLDS(get("a") == std::string(100, 's') + std::string(400, '\0') + "x");
}
CASE("truncate", "a negative size is EINVAL") {
    put("a", "x");
    const int file = open_file("a", O_RDWR);
    FAILS(EINVAL, ::truncate("a", -1));
    FAILS(EINVAL, ::ftruncate(file, -1));
    SAME(1, status("a").st_size);
}
CASE("truncate", "a directory is EISDIR, a link's circle ELOOP") {
    OK(::mkdir("d", 0755));
    OK(::symlink("l", "l"));
    FAILS(EISDIR, ::truncate("d", 0));
    FAILS(ELOOP, ::truncate("l", 0));
}
CASE("truncate", "a file not open is cut and read back cut") {
    put("a", "0123456789");
    OK(::truncate("a", 3));
    SAME("012", get("a"));
}
CASE("truncate", "a file larger than there may be is EFBIG and unchanged") {
    put("a", "x");
    FAILS_EITHER(EFBIG, EINVAL, ::truncate("a", INT64_MAX));
    SAME("x", get("a"));
}
CASE("truncate", "a file of 1 TiB without content can be made, read at its end and cut") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::ftruncate(file, off_t{1} << 40));
    SAME(off_t{1} << 40, status("a").st_size);
    SAME(std::string(10, '\0'), get(file, 100, (off_t{1} << 40) - 10));
    OK(::ftruncate(file, 0));
    SAME(0, status("a").st_size);
}
CASE("truncate", "cutting sets mtime and ctime") {
    put("a", "0123");
    const timespec old[] = {{1000, 0}, {1000, 0}};
    OK(::utimensat(AT_FDCWD, "a", old, 0));
    const auto before = status("a");
    next_tick();
    OK(::truncate("a", 2));
    const auto after = status("a");
    HOLDS(after.st_mtim.tv_sec > 1000);
    HOLDS(nanoseconds(after.st_ctim) > nanoseconds(before.st_ctim));
}
CASE("truncate", "a user without the right to write may not") {
    put("a", "0123", 0644);
    const As alice(kAlice);
    FAILS(EACCES, ::truncate("a", 0));
}
CASE("truncate", "a descriptor opened for writing may cut after the right went") {
    put("a", "0123", 0666);
    OK(::chmod("a", 0666));
    const As alice(kAlice);
    const int file = open_file("a", O_RDWR);
    in_child([] { SAME(4, status("a").st_size); });
    OK(::ftruncate(file, 1));
    SAME(1, status("a").st_size);
}

}  // namespace
}  // namespace posix
