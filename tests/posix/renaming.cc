// rename(2): what moves, and what is refused.
#include "tests/posix/harness.h"

#include <fcntl.h>

namespace posix {
namespace {

CASE("rename", "a file moves with its inode, content, mode and times") {
    put("a", "content", 0640);
    const timespec times[] = {{1000, 5}, {2000, 7}};
    OK(::utimensat(AT_FDCWD, "a", times, 0));
    const auto before = status("a");
    OK(::rename("a", "b"));
    HOLDS(!exists("a"));
    const auto after = status("b");
    SAME(before.st_ino, after.st_ino);
    SAME(before.st_mode, after.st_mode);
    SAME(nanoseconds(before.st_mtim), nanoseconds(after.st_mtim));
    SAME("content", get("b"));
}
CASE("rename", "a file moves between directories") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("e", 0755));
    put("d/a", "x");
    OK(::rename("d/a", "e/b"));
    SAME("x", get("e/b"));
    SAME(0u, names("d").size());
    OK(::rmdir("d"));
}
CASE("rename", "to its own name changes nothing") {
    put("a", "x");
    OK(::rename("a", "a"));
    SAME("x", get("a"));
    OK(::mkdir("d", 0755));
    OK(::rename("d", "d"));
}
CASE("rename", "of one name of a file over another changes nothing") {
    put("a", "x");
    OK(::link("a", "b"));
    OK(::rename("a", "b"));
    HOLDS(exists("a"));
    SAME(2u, status("b").st_nlink);
}
CASE("rename", "what is missing is ENOENT, and what would be replaced stays") {
    put("b", "x");
    FAILS(ENOENT, ::rename("a", "b"));
    SAME("x", get("b"));
}
CASE("rename", "a symbolic link moves itself") {
    put("target", "x");
    OK(::symlink("target", "l"));
    OK(::rename("l", "m"));
    HOLDS(S_ISLNK(link_status("m").st_mode));
    SAME("x", get("m"));
    HOLDS(exists("target"));
}
CASE("rename", "a fifo moves") {
    OK(::mkfifo("f", 0600));
    const auto inode = link_status("f").st_ino;
    OK(::rename("f", "g"));
    SAME(inode, link_status("g").st_ino);
    HOLDS(S_ISFIFO(link_status("g").st_mode));
}
CASE("rename", "an open file moves under its descriptor") {
    put("a", "one");
    const int file = open_file("a", O_RDWR | O_APPEND);
    OK(::write(file, "two", 3));
    OK(::rename("a", "b"));
    OK(::write(file, "three", 5));
    SAME("onetwothree", get("b"));
    OK(::close(file));
    SAME("onetwothree", get("b"));
    HOLDS(!exists("a"));
}
CASE("rename", "a file made under the old name is another") {
    put("a", "old");
    const int file = open_file("a", O_RDWR);
    OK(::rename("a", "b"));
    put("a", "new");
    OK(::pwrite(file, "O", 1, 0));
    OK(::close(file));
    SAME("new", get("a"));
    SAME("Old", get("b"));
}
CASE("rename", "ctime is set") {
    put("a");
    const auto before = status("a");
    next_tick();
    OK(::rename("a", "b"));
    HOLDS(nanoseconds(status("b").st_ctim) > nanoseconds(before.st_ctim));
}
CASE("rename", "mtime of both directories is set") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("e", 0755));
    put("d/a");
    const auto d = status("d");
    const auto e = status("e");
    next_tick();
    OK(::rename("d/a", "e/a"));
    HOLDS(nanoseconds(status("d").st_mtim) > nanoseconds(d.st_mtim));
    HOLDS(nanoseconds(status("e").st_mtim) > nanoseconds(e.st_mtim));
}

// ---- directories ----
CASE("rename", "a directory moves with all that is in it") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("d/e", 0700));
    put("d/a", "1");
    put("d/e/b", "2", 0600);
    OK(::symlink("a", "d/l"));
    OK(::link("d/a", "d/e/second"));
    const auto inode = status("d/e/b").st_ino;
    OK(::rename("d", "moved"));
    HOLDS(!exists("d"));
    SAME("1", get("moved/a"));
    SAME("2", get("moved/e/b"));
    SAME("1", get("moved/l"));
    SAME(inode, status("moved/e/b").st_ino);
    SAME(2u, status("moved/a").st_nlink);
    SAME(static_cast<mode_t>(S_IFDIR | 0700), status("moved/e").st_mode);
}
CASE("rename", "a directory of 300 files moves") {
    OK(::mkdir("d", 0755));
    for (int i = 0; i < 300; ++i) put("d/" + std::to_string(i), std::to_string(i));
    OK(::rename("d", "e"));
    SAME(300u, names("e").size());
    for (int i = 0; i < 300; i += 23) SAME(std::to_string(i), get("e/" + std::to_string(i)));
}
CASE("rename", "a directory moves into another and dot-dot follows") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("e", 0755));
    OK(::rename("d", "e/d"));
    SAME(status("e").st_ino, status("e/d/..").st_ino);
    SAME(2u + 1, static_cast<unsigned>(status("e").st_nlink));
}
CASE("rename", "the working directory moves and is the same") {
    OK(::mkdir("d", 0755));
    put("d/a", "x");
    OK(::chdir("d"));
    OK(::rename("../d", "../e"));
    SAME("x", get("a"));
    put("b", "y");
    SAME("y", get("../e/b"));
}
CASE("rename", "files open below a directory that moves are written on") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("d/e", 0755));
    put("d/e/a", "one");
    const int file = open_file("d/e/a", O_RDWR | O_APPEND);
    OK(::write(file, "two", 3));
    OK(::rename("d", "z"));
    OK(::write(file, "three", 5));
    OK(::fsync(file));
    SAME("onetwothree", get("z/e/a"));
}
CASE("rename", "a directory into itself is EINVAL") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("d/e", 0755));
    FAILS(EINVAL, ::rename("d", "d/new"));
    FAILS(EINVAL, ::rename("d", "d/e/new"));
    FAILS(EINVAL, ::rename("d", "d/e"));
}
CASE("rename", "a directory over the one it is in is ENOTEMPTY") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("d/e", 0755));
    FAILS_EITHER(ENOTEMPTY, EEXIST, ::rename("d/e", "d"));
}
CASE("rename", "names made below the old place after a directory moved are of a new directory") {
    OK(::mkdir("d", 0755));
    put("d/a", "old");
    OK(::rename("d", "e"));
    OK(::mkdir("d", 0755));
    put("d/a", "new");
    SAME("old", get("e/a"));
    SAME("new", get("d/a"));
    SAME(1u, names("e").size());
}
CASE("rename", "directories that go round in a circle of names keep their content") {
    for (const std::string name : {"a", "b", "c"}) {
        OK(::mkdir(name.c_str(), 0755));
        put(name + "/which", name);
    }
    OK(::rename("a", "t"));
    OK(::rename("b", "a"));
    OK(::rename("c", "b"));
    OK(::rename("t", "c"));
    SAME("b", get("a/which"));
    SAME("c", get("b/which"));
    SAME("a", get("c/which"));
}
CASE("rename", "an open directory that moves lists its new self") {
    OK(::mkdir("d", 0755));
    const int folder = open_file("d", O_RDONLY | O_DIRECTORY);
    OK(::rename("d", "e"));
    put("e/a", "x");
    OK(::faccessat(folder, "a", F_OK, 0));
    SAME(1u, names("/proc/self/fd/" + std::to_string(folder)).size());
}

}  // namespace
}  // namespace posix
