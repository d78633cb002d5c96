// Holes: SEEK_HOLE, SEEK_DATA, fallocate(2).
#include "tests/posix/harness.h"

#include <fcntl.h>
#include <linux/falloc.h>

namespace posix {
namespace {

constexpr off_t kMiB = 1 << 20;

// Data, hole, data, hole of a MiB each.
int file_with_holes() {
    const int file = open_file("a", O_CREAT | O_RDWR);
    const std::string part(kMiB, 'd');
    OK(::pwrite(file, part.data(), part.size(), 0));
    OK(::pwrite(file, part.data(), part.size(), 2 * kMiB));
    OK(::ftruncate(file, 4 * kMiB));
    return file;
}
std::string content_with_holes() {
    const std::string part(kMiB, 'd');
    const std::string hole(kMiB, '\0');
    return part + hole + part + hole;
}

void check_map(int file) {
    SAME(0, ::lseek(file, 0, SEEK_DATA));
    SAME(kMiB, ::lseek(file, 0, SEEK_HOLE));
    SAME(2 * kMiB, ::lseek(file, kMiB, SEEK_DATA));
    SAME(2 * kMiB, ::lseek(file, kMiB + 5000, SEEK_DATA));
    SAME(2 * kMiB + 5000, ::lseek(file, 2 * kMiB + 5000, SEEK_DATA));
    SAME(3 * kMiB, ::lseek(file, 2 * kMiB, SEEK_HOLE));
    SAME(3 * kMiB + 7, ::lseek(file, 3 * kMiB + 7, SEEK_HOLE));
    FAILS(ENXIO, ::lseek(file, 3 * kMiB, SEEK_DATA));
}

CASE("holes", "SEEK_DATA and SEEK_HOLE tell where data begins and ends") {
    check_map(file_with_holes());
}
CASE("holes", "SEEK_DATA and SEEK_HOLE tell the same after fsync and a new open") {
    const int file = file_with_holes();
    OK(::fsync(file));
    check_map(file);
    OK(::close(file));
    check_map(open_file("a", O_RDONLY));
}
CASE("holes", "holes read as zeros") {
    const int file = file_with_holes();
    HOLDS(get("a") == content_with_holes());
    OK(::close(file));
    HOLDS(get("a") == content_with_holes());
}
CASE("holes", "the end of a file is a hole") {
    put("a", "abc");
    const int file = open_file("a", O_RDONLY);
    SAME(3, ::lseek(file, 0, SEEK_HOLE));
    SAME(3, ::lseek(file, 2, SEEK_HOLE));
}
CASE("holes", "from the end on SEEK_DATA and SEEK_HOLE are ENXIO") {
    put("a", "abc");
    const int file = open_file("a", O_RDONLY);
    FAILS(ENXIO, ::lseek(file, 3, SEEK_HOLE));
    FAILS(ENXIO, ::lseek(file, 3, SEEK_DATA));
    FAILS(ENXIO, ::lseek(file, 300, SEEK_DATA));
    FAILS(ENXIO, ::lseek(open_file("b", O_CREAT | O_RDWR), 0, SEEK_DATA));
}
CASE("holes", "SEEK_DATA and SEEK_HOLE move the place") {
    const int file = file_with_holes();
    OK(::lseek(file, kMiB, SEEK_DATA));
    char byte = 0;
    OK(::read(file, &byte, 1));
    SAME('d', byte);
    SAME(2 * kMiB + 1, ::lseek(file, 0, SEEK_CUR));
}
CASE("holes", "a hole takes no blocks") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::ftruncate(file, 64 * kMiB));
    OK(::fsync(file));
    HOLDS(status("a").st_blocks < 1000);
}
CASE("fallocate", "punching makes zeros and keeps the size") {
    put("a", std::string(3 * kMiB, 'd'));
    const int file = open_file("a", O_RDWR);
    OK(::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kMiB, kMiB));
    auto expected = std::string(3 * kMiB, 'd');
    expected.replace(kMiB, kMiB, std::string(kMiB, '\0'));
    HOLDS(get("a") == expected);
    SAME(kMiB, ::lseek(file, 0, SEEK_HOLE));
    SAME(2 * kMiB, ::lseek(file, kMiB, SEEK_DATA));
    OK(::close(file));
    HOLDS(get("a") == expected);
}
CASE("fallocate", "punching within a page makes zeros of just these bytes") {
    put("a", std::string(100, 'd'));
    const int file = open_file("a", O_RDWR);
    OK(::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 5));
    SAME(std::string(10, 'd') + std::string(5, '\0') + std::string(85, 'd'), get("a"));
}
CASE("fallocate", "punching over the end keeps the size") {
    put("a", std::string(100, 'd'));
    const int file = open_file("a", O_RDWR);
    OK(::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 50, 5000));
    SAME(std::string(50, 'd') + std::string(50, '\0'), get("a"));
    OK(::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5000, 10));
    SAME(100, status("a").st_size);
}
CASE("fallocate", "punching and writing again leaves what was written") {
    put("a", std::string(200'000, 'd'));
    const int file = open_file("a", O_RDWR);
    OK(::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 150'000));
    OK(::pwrite(file, "new", 3, 70'000));
    auto expected = std::string(150'000, '\0') + std::string(50'000, 'd');
    expected.replace(70'000, 3, "new");
    HOLDS(get("a") == expected);
}
CASE("fallocate", "without KEEP_SIZE a file grows with zeros") {
    put("a", "abc");
    const int file = open_file("a", O_RDWR);
    OK(::fallocate(file, 0, 0, 10'000));
    SAME(10'000, status("a").st_size);
    HOLDS(get("a") == "abc" + std::string(9997, '\0'));
}
CASE("fallocate", "a range within the file changes nothing") {
    put("a", "0123456789");
    const int file = open_file("a", O_RDWR);
    OK(::fallocate(file, 0, 2, 3));
    SAME("0123456789", get("a"));
}
CASE("fallocate", "with KEEP_SIZE the size stays") {
    put("a", "abc");
    OK(::fallocate(open_file("a", O_RDWR), FALLOC_FL_KEEP_SIZE, 0, 100'000));
    SAME(3, status("a").st_size);
    SAME("abc", get("a"));
}
CASE("fallocate", "with KEEP_SIZE space is set aside, and stat tells it") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::fallocate(file, FALLOC_FL_KEEP_SIZE, 0, kMiB));
    HOLDS(status("a").st_blocks >= kMiB / 512);
}
CASE("fallocate", "a length of nothing and negative places are EINVAL") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    FAILS(EINVAL, ::fallocate(file, 0, 0, 0));
    FAILS(EINVAL, ::fallocate(file, 0, -1, 10));
    FAILS(EINVAL, ::fallocate(file, 0, 0, -1));
}
CASE("fallocate", "punching without KEEP_SIZE is refused") {
    put("a", "abc");
    FAILS_EITHER(EOPNOTSUPP, EINVAL, ::fallocate(open_file("a", O_RDWR), FALLOC_FL_PUNCH_HOLE, 0, 1));
    SAME("abc", get("a"));
}
CASE("fallocate", "a size over the greatest is EFBIG") {
    FAILS(EFBIG, ::fallocate(open_file("a", O_CREAT | O_RDWR), 0, INT64_MAX - 10, 100));
}
CASE("fallocate", "a descriptor for reading is EBADF, a pipe ESPIPE") {
    put("a", "abc");
    FAILS(EBADF, ::fallocate(open_file("a", O_RDONLY), 0, 0, 10));
    int pipe[2];
    OK(::pipe(pipe));
    FAILS(ESPIPE, ::fallocate(pipe[1], 0, 0, 10));
}
CASE("fallocate", "posix_fallocate grows a file") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    SAME(0, ::posix_fallocate(file, 100, 50));
    SAME(150, status("a").st_size);
}
CASE("fallocate", "a file of many holes is whole") {
    std::string expected(2 * kMiB, 'd');
    put("a", expected);
    const int file = open_file("a", O_RDWR);
    for (off_t at = 4096; at < 2 * kMiB - 8192; at += 40'000) {
        OK(::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, 8192));
        expected.replace(static_cast<std::size_t>(at), 8192, std::string(8192, '\0'));
    }
    HOLDS(get("a") == expected);
    OK(::fsync(file));
    HOLDS(get("a") == expected);
    std::string copied;
    for (off_t at = 0; at < 2 * kMiB;) {
        const auto data = ::lseek(file, at, SEEK_DATA);
        if (data < 0) break;
        const auto hole = OK(::lseek(file, data, SEEK_HOLE));
        copied.resize(static_cast<std::size_t>(data), '\0');
        copied += get(file, static_cast<std::size_t>(hole - data), data);
        at = hole;
    }
    copied.resize(expected.size(), '\0');
    HOLDS(copied == expected);
}

}  // namespace
}  // namespace posix
