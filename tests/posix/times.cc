// Times of files: set by hand, and by what happens to them.
#include "tests/posix/harness.h"

#include <ctime>
#include <fcntl.h>

namespace posix {
namespace {

void set_old(const char* path) {
    const timespec old[] = {{1000, 0}, {1000, 0}};
    OK(::utimensat(AT_FDCWD, path, old, AT_SYMLINK_NOFOLLOW));
}

CASE("times", "nanoseconds are kept") {
    put("a");
    const timespec times[] = {{1'600'000'000, 123'456'789}, {1'700'000'000, 987'654'321}};
    OK(::utimensat(AT_FDCWD, "a", times, 0));
    SAME(1'600'000'000'123'456'789, nanoseconds(status("a").st_atim));
    SAME(1'700'000'000'987'654'321, nanoseconds(status("a").st_mtim));
}
CASE("times", "of directories, links and fifos are kept") {
    OK(::mkdir("d", 0755));
    OK(::symlink("x", "l"));
    OK(::mkfifo("f", 0600));
    const timespec times[] = {{5, 6}, {7, 8}};
    for (const char* const name : {"d", "l", "f"}) {
        OK(::utimensat(AT_FDCWD, name, times, AT_SYMLINK_NOFOLLOW));
        SAME(7'000'000'008, nanoseconds(link_status(name).st_mtim));
        SAME(5'000'000'006, nanoseconds(link_status(name).st_atim));
    }
}
CASE("times", "before 1970, at 0 and after 2106 are kept") {
    put("a");
    for (const std::int64_t seconds :
         {std::int64_t{-1}, std::int64_t{-1'000'000'000}, std::int64_t{0}, std::int64_t{4'300'000'000}}) {
        const timespec times[] = {{seconds, 0}, {seconds, 0}};
        OK(::utimensat(AT_FDCWD, "a", times, 0));
        SAME(seconds, status("a").st_mtim.tv_sec);
    }
}
CASE("times", "UTIME_OMIT leaves one, UTIME_NOW takes the clock's") {
    put("a");
    set_old("a");
    const timespec now_and_not[] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
    OK(::utimensat(AT_FDCWD, "a", now_and_not, 0));
    SAME(1000, status("a").st_atim.tv_sec);
    HOLDS(std::abs(status("a").st_mtim.tv_sec - ::time(nullptr)) < 60);
    const timespec neither[] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    const auto before = status("a");
    OK(::utimensat(AT_FDCWD, "a", neither, 0));
    SAME(nanoseconds(before.st_mtim), nanoseconds(status("a").st_mtim));
}
CASE("times", "nanoseconds out of range are EINVAL") {
    put("a");
    const timespec wrong[] = {{0, 1'000'000'000}, {0, 0}};
    FAILS(EINVAL, ::utimensat(AT_FDCWD, "a", wrong, 0));
}
CASE("times", "setting them sets ctime") {
    put("a");
    const auto before = status("a");
    next_tick();
    set_old("a");
    HOLDS(nanoseconds(status("a").st_ctim) > nanoseconds(before.st_ctim));
}
CASE("times", "set while a file is open and written stay after the close") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::write(file, "x", 1));
    const timespec times[] = {{1000, 1}, {2000, 2}};
    OK(::futimens(file, times));
    SAME(2000, status("a").st_mtim.tv_sec);
    OK(::close(file));
    SAME(2'000'000'000'002, nanoseconds(status("a").st_mtim));
}
CASE("times", "a write sets mtime and ctime, at the latest when it is synced") {
    put("a");
    set_old("a");
    const auto before = status("a");
    next_tick();
    const int file = open_file("a", O_RDWR);
    OK(::write(file, "x", 1));
    OK(::fsync(file));
    HOLDS(status("a").st_mtim.tv_sec > 1000);
    HOLDS(nanoseconds(status("a").st_ctim) > nanoseconds(before.st_ctim));
}
CASE("times", "reading does not change mtime and ctime") {
    put("a", "content");
    const auto before = status("a");
    next_tick();
    SAME("content", get("a"));
    const auto after = status("a");
    SAME(nanoseconds(before.st_mtim), nanoseconds(after.st_mtim));
    SAME(nanoseconds(before.st_ctim), nanoseconds(after.st_ctim));
}
CASE("times", "reading a file that changed sets atime") {
    put("a", "content");
    set_old("a");
    SAME("content", get("a"));
    HOLDS(status("a").st_atim.tv_sec > 1000);
}
CASE("times", "a new file has the time of its making") {
    const auto before = ::time(nullptr);
    put("a");
    const auto there = status("a");
    HOLDS(there.st_mtim.tv_sec >= before - 1 && there.st_mtim.tv_sec <= ::time(nullptr) + 1);
    HOLDS(there.st_ctim.tv_sec >= before - 1 && there.st_atim.tv_sec >= before - 1);
}
CASE("times", "making and removing names sets the directory's") {
    OK(::mkdir("d", 0755));
    const auto changes = [](const std::function<void()>& act) {
        set_old("d");
        act();
        return status("d").st_mtim.tv_sec > 1000;
    };
    HOLDS(changes([] { put("d/a"); }));
    HOLDS(changes([] { OK(::symlink("a", "d/l")); }));
    HOLDS(changes([] { OK(::mkfifo("d/f", 0600)); }));
    HOLDS(changes([] { OK(::rename("d/f", "d/g")); }));
    HOLDS(changes([] { OK(::unlink("d/g")); }));
    HOLDS(!changes([] { put("d/a", "content"); }));
    HOLDS(!changes([] { OK(::chmod("d/a", 0600)); }));
}
CASE("times", "of a file made and left alone stay as they are told first") {
    put("a", "x");
    const auto first = status("a");
    const int file = open_file("a", O_RDONLY);
    OK(::close(file));
    put("b");
    const auto second = status("a");
    SAME(nanoseconds(first.st_mtim), nanoseconds(second.st_mtim));
    SAME(nanoseconds(first.st_ctim), nanoseconds(second.st_ctim));
}
CASE("times", "the owner may set any, a writer only the clock's, others none") {
    if (::geteuid() != 0) skip("needs root");
    put("a");
    OK(::chown("a", kAlice, kAlice));
    OK(::chmod("a", 0666));
    const timespec times[] = {{1, 0}, {2, 0}};
    {
        const As bob(kBob);
        FAILS(EPERM, ::utimensat(AT_FDCWD, "a", times, 0));
        OK(::utimensat(AT_FDCWD, "a", nullptr, 0));
    }
    OK(::chmod("a", 0644));
    {
        const As bob(kBob);
        FAILS(EACCES, ::utimensat(AT_FDCWD, "a", nullptr, 0));
    }
    const As alice(kAlice);
    OK(::utimensat(AT_FDCWD, "a", times, 0));
}

}  // namespace
}  // namespace posix
