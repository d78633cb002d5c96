// mmap(2) of files.
#include "tests/posix/harness.h"

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

namespace posix {
namespace {

constexpr std::size_t kPage = 4096;

char* map(int file, std::size_t size, int protection, int flags, off_t offset = 0) {
    void* const out = ::mmap(nullptr, size, protection, flags, file, offset);
    if (out == MAP_FAILED) fail("mmap", "success", error_name(errno));
    return static_cast<char*>(out);
}

CASE("mmap", "a file is read through a shared and a private mapping") {
    put("a", std::string(3 * kPage, 'x') + "end");
    const int file = open_file("a", O_RDONLY);
    for (const int flags : {MAP_SHARED, MAP_PRIVATE}) {
        const auto* const bytes = map(file, 3 * kPage + 3, PROT_READ, flags);
        SAME('x', bytes[0]);
        SAME("end", std::string(bytes + 3 * kPage, 3));
        // Behind the end, to the end of its page, there are zeros.
        SAME('\0', bytes[3 * kPage + 3]);
    }
}
CASE("mmap", "what is written to a shared mapping is in the file after msync") {
    put("a", std::string(2 * kPage, 'x'));
    const int file = open_file("a", O_RDWR);
    auto* const bytes = map(file, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
    std::memcpy(bytes + kPage - 2, "over", 4);
    OK(::msync(bytes, 2 * kPage, MS_SYNC));
    auto expected = std::string(2 * kPage, 'x');
    expected.replace(kPage - 2, 4, "over");
    HOLDS(get("a") == expected);
}
CASE("mmap", "what is written to a shared mapping is in the file after munmap and close") {
    put("a", std::string(kPage, 'x'));
    const int file = open_file("a", O_RDWR);
    auto* const bytes = map(file, kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
    bytes[7] = 'y';
    OK(::munmap(bytes, kPage));
    OK(::close(file));
    SAME('y', get("a")[7]);
}
CASE("mmap", "what is written to a mapping whose descriptor is closed is in the file") {
    put("a", std::string(kPage, 'x'));
    const int file = open_file("a", O_RDWR);
    auto* const bytes = map(file, kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
    OK(::close(file));
    bytes[7] = 'y';
    OK(::msync(bytes, kPage, MS_SYNC));
    OK(::munmap(bytes, kPage));
    SAME('y', get("a")[7]);
}
CASE("mmap", "what is written to a private mapping is not in the file") {
    put("a", std::string(kPage, 'x'));
    const int file = open_file("a", O_RDONLY);
    auto* const bytes = map(file, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    bytes[7] = 'y';
    OK(::msync(bytes, kPage, MS_SYNC));
    SAME('x', get("a")[7]);
}
CASE("mmap", "write is seen in a mapping, and a mapping in read") {
    put("a", std::string(kPage, 'x'));
    const int file = open_file("a", O_RDWR);
    auto* const bytes = map(file, kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
    OK(::pwrite(file, "W", 1, 10));
    SAME('W', bytes[10]);
    bytes[11] = 'M';
    SAME("WM", get(file, 2, 10));
}
CASE("mmap", "two processes share what they map") {
    put("a", std::string(kPage, 'x'));
    const int file = open_file("a", O_RDWR);
    auto* const bytes = map(file, kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
    in_child([] {
        auto* const other = map(open_file("a", O_RDWR), kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
        other[1] = 'c';
    });
    SAME('c', bytes[1]);
}
CASE("mmap", "a part at an offset is mapped") {
    put("a", std::string(kPage, '0') + std::string(kPage, '1') + std::string(kPage, '2'));
    const int file = open_file("a", O_RDWR);
    auto* const bytes = map(file, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, kPage);
    SAME('1', bytes[0]);
    bytes[0] = 'o';
    OK(::msync(bytes, kPage, MS_SYNC));
    SAME('o', get("a")[kPage]);
}
CASE("mmap", "a hole is filled through a mapping") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::ftruncate(file, 300 * kPage));
    auto* const bytes = map(file, 300 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
    SAME('\0', bytes[100 * kPage]);
    bytes[200 * kPage + 5] = 'h';
    OK(::msync(bytes, 300 * kPage, MS_SYNC));
    const auto content = get("a");
    SAME(300 * kPage, content.size());
    SAME('h', content[200 * kPage + 5]);
    SAME('\0', content[0]);
}
CASE("mmap", "a file that grew is mapped further") {
    put("a", std::string(kPage, 'x'));
    const int file = open_file("a", O_RDWR);
    auto* const bytes = map(file, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
    OK(::ftruncate(file, 2 * kPage));
    bytes[kPage] = 'g';
    OK(::msync(bytes, 2 * kPage, MS_SYNC));
    SAME('g', get("a")[kPage]);
}
CASE("mmap", "what is behind the end of a file that was cut is SIGBUS") {
    put("a", std::string(2 * kPage, 'x'));
    const int file = open_file("a", O_RDWR);
    auto* const bytes = map(file, 2 * kPage, PROT_READ, MAP_SHARED);
    OK(::ftruncate(file, 10));
    SAME('x', bytes[0]);
    SAME('\0', bytes[20]);
    const auto child = OK(::fork());
    if (child == 0) {
        ::signal(SIGBUS, SIG_DFL);  // a sanitizer has its own
        ::_exit(*static_cast<volatile char*>(bytes + kPage) == 0 ? 0 : 1);
    }
    int how = 0;
    OK(::waitpid(static_cast<pid_t>(child), &how, 0));
    HOLDS(WIFSIGNALED(how) && WTERMSIG(how) == SIGBUS);
}
CASE("mmap", "bytes written behind the end within the last page do not stay") {
    put("a", "abc");
    const int file = open_file("a", O_RDWR);
    auto* const bytes = map(file, kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
    bytes[100] = 'z';
    OK(::msync(bytes, kPage, MS_SYNC));
    OK(::munmap(bytes, kPage));
    OK(::ftruncate(file, 200));
    SAME(std::string("abc") + std::string(197, '\0'), get("a"));
}
CASE("mmap", "a descriptor for reading cannot be mapped for writing, one for writing not at all") {
    put("a", "abc");
    const int reader = open_file("a", O_RDONLY);
    HOLDS(::mmap(nullptr, kPage, PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED && errno == EACCES);
    const int writer = open_file("a", O_WRONLY);
    HOLDS(::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, writer, 0) == MAP_FAILED && errno == EACCES);
}
CASE("mmap", "mtime is set by writing to a mapping, at the latest by msync") {
    put("a", std::string(kPage, 'x'));
    const timespec old[] = {{1000, 0}, {1000, 0}};
    OK(::utimensat(AT_FDCWD, "a", old, 0));
    const int file = open_file("a", O_RDWR);
    auto* const bytes = map(file, kPage, PROT_READ | PROT_WRITE, MAP_SHARED);
    bytes[0] = 'y';
    OK(::msync(bytes, kPage, MS_SYNC));
    HOLDS(status("a").st_mtim.tv_sec > 1000);
}

}  // namespace
}  // namespace posix
