// mkdir(2) and rmdir(2).
#include "tests/posix/harness.h"

#include <fcntl.h>

namespace posix {
namespace {

CASE("mkdir", "a directory is empty, has the mode less the umask and two links") {
    ::umask(027);
    OK(::mkdir("d", 0777));
    const auto there = status("d");
    SAME(static_cast<mode_t>(S_IFDIR | 0750), there.st_mode);
    SAME(::geteuid(), there.st_uid);
    SAME(0u, names("d").size());
    SAME(2u, there.st_nlink);
}
CASE("mkdir", "links of a directory count the directories in it") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("d/a", 0755));
    OK(::mkdir("d/b", 0755));
    put("d/file");
    SAME(4u, status("d").st_nlink);
    OK(::rmdir("d/a"));
    SAME(3u, status("d").st_nlink);
    OK(::rename("d/b", "b"));
    SAME(2u, status("d").st_nlink);
}
CASE("mkdir", "a name that is taken is EEXIST, whatever it is") {
    put("a");
    OK(::mkdir("d", 0755));
    OK(::symlink("nothing", "l"));
    OK(::mkfifo("f", 0600));
    for (const char* const name : {"a", "d", "l", "f"}) FAILS(EEXIST, ::mkdir(name, 0755));
}
CASE("mkdir", "60 directories one in the other") {
    for (int i = 0; i < 60; ++i) {
        OK(::mkdir("deeper", 0755));
        OK(::chdir("deeper"));
    }
    put("a", "deep");
    SAME("deep", get("a"));
}
CASE("mkdir", "mtime of the directory above is set") {
    OK(::mkdir("d", 0755));
    const auto before = status("d");
    next_tick();
    OK(::mkdir("d/e", 0755));
    const auto after = status("d");
    HOLDS(nanoseconds(after.st_mtim) > nanoseconds(before.st_mtim));
    HOLDS(nanoseconds(after.st_ctim) > nanoseconds(before.st_ctim));
}
CASE("mkdir", "a group's bit is inherited with the group") {
    OK(::mkdir("d", 0755));
    OK(::chown("d", 0, kBob));
    OK(::chmod("d", 02755));
    OK(::mkdir("d/e", 0755));
    put("d/f");
    SAME(kBob, status("d/e").st_gid);
    SAME(static_cast<mode_t>(S_IFDIR | 02755), status("d/e").st_mode);
    SAME(kBob, status("d/f").st_gid);
    SAME(static_cast<mode_t>(S_IFREG | 0644), status("d/f").st_mode);
}
CASE("mkdir", "an empty directory stays") {
    OK(::mkdir("d", 0755));
    put("d/a");
    OK(::unlink("d/a"));
    HOLDS(S_ISDIR(status("d").st_mode));
    SAME("d", names().front());
}
CASE("rmdir", "an empty directory goes") {
    OK(::mkdir("d", 0755));
    OK(::rmdir("d"));
    HOLDS(!exists("d"));
    FAILS(ENOENT, ::rmdir("d"));
}
CASE("rmdir", "a directory with a file, a link or a directory in it is ENOTEMPTY") {
    for (int kind = 0; kind < 3; ++kind) {
        OK(::mkdir("d", 0755));
        if (kind == 0) put("d/x");
        if (kind == 1) OK(::symlink("nothing", "d/x"));
        if (kind == 2) OK(::mkdir("d/x", 0755));
        FAILS_EITHER(ENOTEMPTY, EEXIST, ::rmdir("d"));
        HOLDS(exists("d/x"));
        OK(kind == 2 ? ::rmdir("d/x") : ::unlink("d/x"));
        OK(::rmdir("d"));
    }
}
CASE("rmdir", "a directory with a file that is written and not yet closed is ENOTEMPTY") {
    OK(::mkdir("d", 0755));
    const int file = open_file("d/a", O_CREAT | O_RDWR);
    OK(::write(file, "x", 1));
    FAILS_EITHER(ENOTEMPTY, EEXIST, ::rmdir("d"));
    OK(::unlink("d/a"));
    OK(::rmdir("d"));
    SAME("x", get(file, 10, 0));
}
CASE("rmdir", "of what is no directory is ENOTDIR") {
    put("a");
    OK(::symlink("nothing", "l"));
    OK(::mkfifo("f", 0600));
    for (const char* const name : {"a", "l", "f"}) FAILS(ENOTDIR, ::rmdir(name));
}
CASE("rmdir", "in a directory that is gone nothing can be made") {
    OK(::mkdir("d", 0755));
    OK(::chdir("d"));
    OK(::rmdir("../d"));
    FAILS(ENOENT, ::open("a", O_CREAT | O_RDWR, 0644));
    FAILS(ENOENT, ::mkdir("e", 0755));
    FAILS(ENOENT, ::symlink("x", "l"));
    struct stat out{};
    FAILS(ENOENT, ::stat("a", &out));
    OK(::stat(".", &out));
}
CASE("rmdir", "an open directory that is gone has no links") {
    OK(::mkdir("d", 0755));
    const int folder = open_file("d", O_RDONLY | O_DIRECTORY);
    OK(::rmdir("d"));
    struct stat out{};
    OK(::fstat(folder, &out));
    SAME(0u, out.st_nlink);
}
CASE("rmdir", "a directory made again is another, and empty") {
    OK(::mkdir("d", 0755));
    const int folder = open_file("d", O_RDONLY | O_DIRECTORY);
    OK(::rmdir("d"));
    OK(::mkdir("d", 0755));
    put("d/a");
    FAILS(ENOENT, ::faccessat(folder, "a", F_OK, 0));
}
CASE("rmdir", "mtime of the directory above is set") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("d/e", 0755));
    const auto before = status("d");
    next_tick();
    OK(::rmdir("d/e"));
    HOLDS(nanoseconds(status("d").st_mtim) > nanoseconds(before.st_mtim));
}
CASE("rmdir", "in a sticky directory only owners remove") {
    OK(::mkdir("d", 0777));
    OK(::chmod("d", 01777));
    OK(::mkdir("d/roots", 0777));
    OK(::mkdir("d/mine", 0777));
    OK(::chown("d/mine", kAlice, kAlice));
    const As alice(kAlice);
    FAILS_EITHER(EPERM, EACCES, ::rmdir("d/roots"));
    OK(::rmdir("d/mine"));
}
CASE("rmdir", "a tree of 400 files and 40 directories is removed whole") {
    OK(::mkdir("d", 0755));
    for (int i = 0; i < 40; ++i) {
        const auto folder = "d/" + std::to_string(i);
        OK(::mkdir(folder.c_str(), 0755));
        for (int j = 0; j < 10; ++j) put(folder + "/" + std::to_string(j));
    }
    for (const auto& folder : names("d")) {
        for (const auto& name : names("d/" + folder)) OK(::unlink(("d/" + folder + "/" + name).c_str()));
        OK(::rmdir(("d/" + folder).c_str()));
    }
    OK(::rmdir("d"));
}

}  // namespace
}  // namespace posix
