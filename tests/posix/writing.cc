// write(2), append, and what is there afterwards.
#include "tests/posix/harness.h"

#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

namespace posix {
namespace {

std::string pattern(std::size_t size, unsigned seed = 1) {
    std::string out(size, '\0');
    for (auto& byte : out) {
        seed = seed * 1664525 + 1013904223;
        byte = static_cast<char>(seed >> 24);
    }
    return out;
}

// Sizes about the borders of pages, of small bodies and of blocks.
const std::size_t kSizes[] = {0,     1,      511,    4095,   4096,    4097,    16383,   16384,   16385,
                              65536, 131071, 131072, 131073, 1048575, 1048576, 1048577, 3145729, 9000000};

void enlist_sizes() {
    for (const auto size : kSizes) {
        Enlist("write", "a file of " + std::to_string(size) + " bytes is read back", [size] {
            const auto content = pattern(size);
            put("a", content);
            SAME(static_cast<off_t>(size), status("a").st_size);
            HOLDS(get("a") == content);
            const int file = open_file("a", O_RDWR);
            OK(::pwrite(file, "!", 1, static_cast<off_t>(size / 2)));
            auto changed = content;
            changed.resize(std::max(size, size / 2 + 1));
            changed[size / 2] = '!';
            HOLDS(get("a") == changed);
            OK(::fsync(file));
            HOLDS(get(file, changed.size() + 1, 0) == changed);
            OK(::close(file));
            HOLDS(get("a") == changed);
        });
        Enlist("write", "a file of " + std::to_string(size) + " bytes grows by an append", [size] {
            const auto content = pattern(size, 2);
            put("a", content);
            const int file = open_file("a", O_WRONLY | O_APPEND);
            OK(::write(file, "tail", 4));
            OK(::close(file));
            HOLDS(get("a") == content + "tail");
        });
    }
}
const bool kEnlisted = (enlist_sizes(), true);

CASE("write", "a write moves the place, pwrite does not") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::write(file, "0123", 4));
    SAME(4, ::lseek(file, 0, SEEK_CUR));
    OK(::pwrite(file, "xy", 2, 1));
    SAME(4, ::lseek(file, 0, SEEK_CUR));
    OK(::write(file, "4", 1));
    SAME("0xy34", get("a"));
}
CASE("write", "a write beyond the end leaves zeros before it") {
    put("a", "abc");
    const int file = open_file("a", O_RDWR);
    OK(::pwrite(file, "z", 1, 10));
    SAME(std::string("abc\0\0\0\0\0\0\0z", 11), get("a"));
}
CASE("write", "a write of nothing changes nothing, beyond the end neither") {
    put("a", "abc");
    const int file = open_file("a", O_RDWR);
    SAME(0, ::pwrite(file, "", 0, 100));
    SAME(3, status("a").st_size);
}
CASE("write", "a negative place is EINVAL") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    char byte = 0;
    FAILS(EINVAL, ::pwrite(file, "x", 1, -1));
    FAILS(EINVAL, ::pread(file, &byte, 1, -1));
    FAILS(EINVAL, ::lseek(file, -1, SEEK_SET));
    FAILS(EINVAL, ::lseek(file, 0, 99));
}
CASE("write", "O_APPEND writes at the end wherever the place is") {
    put("a", "0123");
    const int file = open_file("a", O_RDWR | O_APPEND);
    OK(::lseek(file, 0, SEEK_SET));
    OK(::write(file, "45", 2));
    SAME(6, ::lseek(file, 0, SEEK_CUR));
    SAME("012345", get("a"));
}
CASE("write", "O_APPEND writes at the end as another has moved it") {
    put("a", "0");
    const int one = open_file("a", O_WRONLY | O_APPEND);
    const int two = open_file("a", O_WRONLY | O_APPEND);
    OK(::write(one, "1", 1));
    OK(::write(two, "2", 1));
    OK(::write(one, "3", 1));
    OK(::ftruncate(two, 2));
    OK(::write(one, "4", 1));
    SAME("014", get("a"));
}
CASE("write", "lines appended by 4 processes are all there and whole") {
    put("a");
    for (int who = 0; who < 4; ++who) {
        if (OK(::fork()) != 0) continue;
        const int file = ::open("a", O_WRONLY | O_APPEND);
        const std::string line(63, static_cast<char>('a' + who));
        bool good = true;
        for (int i = 0; i < 100; ++i) good = good && ::write(file, (line + "\n").data(), 64) == 64;
        ::_exit(good && ::close(file) == 0 ? 0 : 1);
    }
    for (int who = 0; who < 4; ++who) {
        int how = 0;
        OK(::wait(&how));
        SAME(0, how);
    }
    const auto content = get("a");
    SAME(4u * 100 * 64, content.size());
    for (std::size_t at = 0; at < content.size(); at += 64) {
        SAME(std::string(63, content[at]) + "\n", content.substr(at, 64));
    }
}
CASE("write", "writev and readv keep the order of their parts") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    char one[] = "abc";
    char two[] = "defgh";
    const iovec parts[] = {{one, 3}, {two, 5}};
    SAME(8, ::writev(file, parts, 2));
    SAME("abcdefgh", get("a"));
    char three[5] = {};
    char four[4] = {};
    const iovec into[] = {{three, 5}, {four, 3}};
    SAME(8, ::preadv(file, into, 2, 0));
    SAME("abcde", std::string(three, 5));
    SAME("fgh", std::string(four));
}
CASE("write", "small writes at random places leave what was written last") {
    std::string expected(100'000, '\0');
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::ftruncate(file, static_cast<off_t>(expected.size())));
    unsigned dice = 7;
    for (int i = 0; i < 500; ++i) {
        dice = dice * 1664525 + 1013904223;
        const auto at = (dice >> 8) % 99'000;
        const auto part = pattern(1 + dice % 900, dice);
        expected.replace(at, part.size(), part);
        SAME(static_cast<std::int64_t>(part.size()), ::pwrite(file, part.data(), part.size(), at));
    }
    HOLDS(get("a") == expected);
    OK(::close(file));
    HOLDS(get("a") == expected);
}
CASE("write", "a file written backwards is whole") {
    const auto content = pattern(300'000);
    const int file = open_file("a", O_CREAT | O_RDWR);
    for (auto at = static_cast<off_t>(content.size()); at > 0;) {
        const auto count = std::min<off_t>(at, 7001);
        at -= count;
        OK(::pwrite(file, content.data() + at, static_cast<std::size_t>(count), at));
    }
    HOLDS(get("a") == content);
}
CASE("write", "fsync, fdatasync and sync_file_range succeed and change nothing") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::write(file, "x", 1));
    OK(::fsync(file));
    OK(::fdatasync(file));
    OK(::syncfs(file));
    OK(::fsync(file));
    SAME("x", get("a"));
}
CASE("write", "a directory can be synced") {
    OK(::mkdir("d", 0755));
    put("d/a");
    OK(::fsync(open_file("d", O_RDONLY | O_DIRECTORY)));
}
CASE("write", "what was written is there when the writer ends without a close") {
    in_child([] {
        const int file = open_file("a", O_CREAT | O_RDWR);
        OK(::write(file, "left", 4));
    });
    SAME("left", get("a"));
}
CASE("write", "a write over the limit of file sizes is EFBIG") {
    in_child([] {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{1000, 1000};
        OK(::setrlimit(RLIMIT_FSIZE, &limit));
        const int file = open_file("a", O_CREAT | O_RDWR);
        SAME(1000, ::write(file, std::string(2000, 'x').data(), 2000));
        FAILS(EFBIG, ::write(file, "x", 1));
        FAILS(EFBIG, ::ftruncate(file, 2000));
    });
    SAME(1000, status("a").st_size);
}
CASE("write", "a file being read from can be written to in place") {
    put("a", pattern(50'000));
    const int file = open_file("a", O_RDWR);
    for (off_t at = 0; at < 50'000; at += 1000) {
        auto part = get(file, 1000, at);
        for (auto& byte : part) byte = static_cast<char>(byte ^ 0x55);
        OK(::pwrite(file, part.data(), part.size(), at));
    }
    auto expected = pattern(50'000);
    for (auto& byte : expected) byte = static_cast<char>(byte ^ 0x55);
    HOLDS(get("a") == expected);
}

}  // namespace
}  // namespace posix
