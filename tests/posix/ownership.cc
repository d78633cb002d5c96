// chmod(2), chown(2), and the bits that go when they must.
#include "tests/posix/harness.h"

#include <fcntl.h>

namespace posix {
namespace {

void need_root() {
    if (::geteuid() != 0) skip("needs root");
}
mode_t bits(const char* path) {
    return status(path).st_mode & 07777;
}

CASE("chmod", "every bit is kept, of files and directories") {
    put("a");
    OK(::mkdir("d", 0755));
    for (const mode_t mode : {0, 0777, 0640, 04755, 02711, 01777, 07777, 0111}) {
        OK(::chmod("a", mode));
        OK(::chmod("d", mode));
        SAME(mode, bits("a"));
        SAME(mode, bits("d"));
    }
}
CASE("chmod", "the type of a file stays") {
    put("a");
    OK(::chmod("a", S_IFDIR | 0600));
    SAME(static_cast<mode_t>(S_IFREG | 0600), status("a").st_mode);
}
CASE("chmod", "through a link changes what it names") {
    put("a", "", 0644);
    OK(::symlink("a", "l"));
    OK(::chmod("l", 0600));
    SAME(0600u, bits("a"));
    SAME(static_cast<mode_t>(S_IFLNK | 0777), link_status("l").st_mode);
}
CASE("chmod", "ctime is set, mtime and content stay") {
    put("a", "x");
    const auto before = status("a");
    next_tick();
    OK(::chmod("a", 0600));
    const auto after = status("a");
    HOLDS(nanoseconds(after.st_ctim) > nanoseconds(before.st_ctim));
    SAME(nanoseconds(before.st_mtim), nanoseconds(after.st_mtim));
    SAME("x", get("a"));
}
CASE("chmod", "of a file being written keeps both") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::write(file, "one", 3));
    OK(::fchmod(file, 0600));
    OK(::write(file, "two", 3));
    OK(::close(file));
    SAME("onetwo", get("a"));
    SAME(0600u, bits("a"));
}
CASE("chmod", "only the owner and root may") {
    need_root();
    put("a");
    OK(::chown("a", kAlice, kAlice));
    {
        const As bob(kBob);
        FAILS(EPERM, ::chmod("a", 0777));
    }
    const As alice(kAlice);
    OK(::chmod("a", 0600));
}
CASE("chmod", "the group's bit goes when the owner is not in the group") {
    need_root();
    put("a");
    OK(::chown("a", kAlice, kBob));
    const As alice(kAlice);
    OK(::chmod("a", 02755));
    SAME(0755u, bits("a"));
}
CASE("chown", "owner and group are kept, and -1 leaves each as it is") {
    need_root();
    put("a");
    OK(::chown("a", 1000, 2000));
    OK(::chown("a", static_cast<uid_t>(-1), 3000));
    SAME(1000u, status("a").st_uid);
    SAME(3000u, status("a").st_gid);
    OK(::chown("a", 4000, static_cast<gid_t>(-1)));
    SAME(4000u, status("a").st_uid);
    SAME(3000u, status("a").st_gid);
}
CASE("chown", "numbers of 32 bits are kept") {
    need_root();
    put("a");
    OK(::chown("a", 0xfffffffe, 0x80000001));
    SAME(0xfffffffeu, status("a").st_uid);
    SAME(0x80000001u, status("a").st_gid);
}
CASE("chown", "of a directory") {
    need_root();
    OK(::mkdir("d", 0755));
    OK(::chown("d", kAlice, kBob));
    SAME(kAlice, status("d").st_uid);
    SAME(kBob, status("d").st_gid);
    const As alice(kAlice, kBob);
    put("d/a");
}
CASE("chown", "the owner may give a file to a group of theirs, and to no other") {
    need_root();
    put("a");
    OK(::chown("a", kAlice, kAlice));
    const As alice(kAlice, kAlice, {4242});
    OK(::chown("a", static_cast<uid_t>(-1), 4242));
    SAME(4242u, status("a").st_gid);
    FAILS(EPERM, ::chown("a", static_cast<uid_t>(-1), kBob));
    FAILS(EPERM, ::chown("a", kBob, static_cast<gid_t>(-1)));
}
CASE("chown", "whoever is not the owner may not") {
    need_root();
    put("a");
    const As alice(kAlice);
    FAILS(EPERM, ::chown("a", kAlice, kAlice));
}
CASE("chown", "set-user and set-group bits go, when a user gives a file away") {
    need_root();
    put("a");
    OK(::chown("a", kAlice, kAlice));
    OK(::chmod("a", 06777));
    const As alice(kAlice, kAlice, {4242});
    OK(::chown("a", static_cast<uid_t>(-1), 4242));
    SAME(0777u, bits("a"));
}
CASE("chown", "ctime is set") {
    need_root();
    put("a");
    const auto before = status("a");
    next_tick();
    OK(::chown("a", kAlice, kAlice));
    HOLDS(nanoseconds(status("a").st_ctim) > nanoseconds(before.st_ctim));
}
CASE("chown", "fchown changes what is open") {
    need_root();
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::fchown(file, kAlice, kBob));
    SAME(kAlice, status("a").st_uid);
    OK(::write(file, "x", 1));
    OK(::close(file));
    SAME(kBob, status("a").st_gid);
}
CASE("chown", "a write takes set-user and set-group bits away") {
    need_root();
    put("a");
    OK(::chmod("a", 06777));
    {
        const As alice(kAlice);
        const int file = open_file("a", O_WRONLY);
        OK(::write(file, "x", 1));
        OK(::close(file));
    }
    SAME(0777u, bits("a"));
}
CASE("chown", "cutting takes set-user and set-group bits away") {
    need_root();
    put("a", "0123");
    OK(::chmod("a", 06777));
    {
        const As alice(kAlice);
        OK(::truncate("a", 1));
    }
    SAME(0777u, bits("a"));
}

}  // namespace
}  // namespace posix
