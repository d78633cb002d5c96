// copy_file_range(2).
#include "tests/posix/harness.h"

#include <fcntl.h>

namespace posix {
namespace {

std::string pattern(std::size_t size) {
    std::string out(size, '\0');
    unsigned seed = 9;
    for (auto& byte : out) byte = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
    return out;
}
// All of it, however many calls it takes.
void copy(int from, off_t at, int to, off_t there, std::size_t length) {
    while (length > 0) {
        const auto count = OK(::copy_file_range(from, &at, to, &there, length, 0));
        HOLDS(count > 0);
        length -= static_cast<std::size_t>(count);
    }
}

CASE("copy_file_range", "a whole file is copied, of any size") {
    for (const std::size_t size : {1u, 5000u, 16385u, 3'000'000u}) {
        const auto content = pattern(size);
        put("a", content);
        const int to = open_file("b", O_CREAT | O_TRUNC | O_RDWR);
        copy(open_file("a", O_RDONLY), 0, to, 0, size);
        HOLDS(get(to, size + 1, 0) == content);
        OK(::close(to));
        HOLDS(get("b") == content);
    }
}
CASE("copy_file_range", "a part lands where it is sent, and the copy is its own") {
    const auto content = pattern(200'000);
    put("a", content);
    put("b", std::string(100'000, 'b'));
    const int from = open_file("a", O_RDWR);
    const int to = open_file("b", O_RDWR);
    copy(from, 12'345, to, 54'321, 77'777);
    auto expected = std::string(100'000, 'b');
    expected.resize(54'321 + 77'777);
    expected.replace(54'321, 77'777, content.substr(12'345, 77'777));
    HOLDS(get("b") == expected);
    OK(::pwrite(from, std::string(100'000, 'z').data(), 100'000, 0));
    OK(::fsync(from));
    HOLDS(get("b") == expected);
}
CASE("copy_file_range", "moves the places when no offsets are given") {
    put("a", "0123456789");
    const int from = open_file("a", O_RDONLY);
    const int to = open_file("b", O_CREAT | O_RDWR);
    OK(::lseek(from, 4, SEEK_SET));
    SAME(3, ::copy_file_range(from, nullptr, to, nullptr, 3, 0));
    SAME(7, ::lseek(from, 0, SEEK_CUR));
    SAME(3, ::lseek(to, 0, SEEK_CUR));
    SAME("456", get("b"));
}
CASE("copy_file_range", "ends at the end of the source") {
    put("a", "0123456789");
    const int from = open_file("a", O_RDONLY);
    const int to = open_file("b", O_CREAT | O_RDWR);
    off_t at = 8;
    SAME(2, ::copy_file_range(from, &at, to, nullptr, 100, 0));
    at = 10;
    SAME(0, ::copy_file_range(from, &at, to, nullptr, 100, 0));
    at = 1000;
    SAME(0, ::copy_file_range(from, &at, to, nullptr, 100, 0));
    SAME("89", get("b"));
}
CASE("copy_file_range", "beyond the end of the target leaves a hole") {
    put("a", "abc");
    put("b", "0");
    copy(open_file("a", O_RDONLY), 0, open_file("b", O_RDWR), 5, 3);
    SAME(std::string("0\0\0\0\0abc", 8), get("b"));
}
CASE("copy_file_range", "within one file") {
    const auto content = pattern(60'000);
    put("a", content);
    const int file = open_file("a", O_RDWR);
    copy(file, 0, file, 40'000, 20'000);
    HOLDS(get("a") == content.substr(0, 40'000) + content.substr(0, 20'000));
}
CASE("copy_file_range", "of ranges that overlap in one file is EINVAL") {
    put("a", pattern(10'000));
    const int file = open_file("a", O_RDWR);
    off_t from = 0;
    off_t to = 100;
    FAILS(EINVAL, ::copy_file_range(file, &from, file, &to, 1000, 0));
}
CASE("copy_file_range", "takes what was written and not yet stored") {
    const int from = open_file("a", O_CREAT | O_RDWR);
    const auto content = pattern(50'000);
    OK(::write(from, content.data(), content.size()));
    const int to = open_file("b", O_CREAT | O_RDWR);
    copy(from, 0, to, 0, content.size());
    HOLDS(get("b") == content);
}
CASE("copy_file_range", "is seen by who has read the target before") {
    put("a", pattern(10'000));
    put("b", std::string(10'000, 'b'));
    const int to = open_file("b", O_RDWR);
    HOLDS(get(to, 10'000, 0) == std::string(10'000, 'b'));
    copy(open_file("a", O_RDONLY), 0, to, 0, 10'000);
    HOLDS(get(to, 10'000, 0) == pattern(10'000));
}
CASE("copy_file_range", "needs the right descriptors") {
    put("a", "abc");
    put("b", "xyz");
    OK(::mkdir("d", 0755));
    FAILS(EBADF, ::copy_file_range(open_file("a", O_WRONLY), nullptr, open_file("b", O_RDWR), nullptr, 3, 0));
    FAILS(EBADF, ::copy_file_range(open_file("a", O_RDONLY), nullptr, open_file("b", O_RDONLY), nullptr, 3, 0));
    FAILS(EBADF,
          ::copy_file_range(open_file("a", O_RDONLY), nullptr, open_file("b", O_RDWR | O_APPEND), nullptr, 3, 0));
    FAILS(EISDIR, ::copy_file_range(open_file("d", O_RDONLY), nullptr, open_file("b", O_RDWR), nullptr, 3, 0));
    FAILS(EINVAL, ::copy_file_range(open_file("a", O_RDONLY), nullptr, open_file("b", O_RDWR), nullptr, 3, 1));
    SAME("xyz", get("b"));
}
CASE("copy_file_range", "sets mtime of the target") {
    put("a", "abc");
    put("b", "xyz");
    const timespec old[] = {{1000, 0}, {1000, 0}};
    OK(::utimensat(AT_FDCWD, "b", old, 0));
    const int to = open_file("b", O_RDWR);
    copy(open_file("a", O_RDONLY), 0, to, 0, 3);
    OK(::close(to));
    HOLDS(status("b").st_mtim.tv_sec > 1000);
}

}  // namespace
}  // namespace posix
