// rename(2) over what is there, and the flags of renameat2(2).
#include "tests/posix/harness.h"

#include <fcntl.h>
#include <sys/wait.h>

namespace posix {
namespace {

int rename_with(unsigned flags, const char* from, const char* to) {
    return ::renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

CASE("replace", "a file takes the place of another") {
    put("a", "new");
    put("b", "old");
    const auto inode = status("a").st_ino;
    OK(::rename("a", "b"));
    SAME("new", get("b"));
    SAME(inode, status("b").st_ino);
    SAME(1u, names().size());
}
CASE("replace", "a file that is open stays readable when it is replaced") {
    put("a", "new");
    put("b", "old");
    const int file = open_file("b", O_RDWR);
    OK(::rename("a", "b"));
    SAME("old", get(file, 10, 0));
    struct stat out{};
    OK(::fstat(file, &out));
    SAME(0u, out.st_nlink);
    OK(::pwrite(file, "x", 1, 0));
    OK(::close(file));
    SAME("new", get("b"));
}
CASE("replace", "a name of a file with two loses one") {
    put("a", "new");
    put("b", "old");
    OK(::link("b", "c"));
    OK(::rename("a", "b"));
    SAME("old", get("c"));
    SAME(1u, status("c").st_nlink);
}
CASE("replace", "a directory over an empty one") {
    OK(::mkdir("d", 0755));
    put("d/a", "x");
    OK(::mkdir("e", 0755));
    OK(::rename("d", "e"));
    SAME("x", get("e/a"));
    HOLDS(!exists("d"));
}
CASE("replace", "a directory over one with content is ENOTEMPTY") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("e", 0755));
    put("e/a", "x");
    FAILS_EITHER(ENOTEMPTY, EEXIST, ::rename("d", "e"));
    SAME("x", get("e/a"));
    HOLDS(exists("d"));
}
CASE("replace", "a directory over a file is ENOTDIR, a file over a directory EISDIR") {
    OK(::mkdir("d", 0755));
    put("a");
    FAILS(ENOTDIR, ::rename("d", "a"));
    FAILS(EISDIR, ::rename("a", "d"));
}
CASE("replace", "a link to a directory is no directory") {
    OK(::mkdir("d", 0755));
    OK(::symlink("d", "l"));
    put("a", "x");
    OK(::rename("a", "l"));
    SAME("x", get("l"));
    HOLDS(S_ISREG(link_status("l").st_mode));
    OK(::symlink("d", "m"));
    FAILS(ENOTDIR, ::rename("d", "m"));
}
CASE("replace", "files of every kind replace each other") {
    for (int i = 0; i < 9; ++i) {
        const auto make = [](const char* name, int kind) {
            if (kind == 0) put(name, "x");
            if (kind == 1) OK(::symlink("nothing", name));
            if (kind == 2) OK(::mkfifo(name, 0600));
        };
        make("from", i % 3);
        make("to", i / 3);
        const auto type = link_status("from").st_mode;
        OK(::rename("from", "to"));
        SAME(type, link_status("to").st_mode);
        OK(::unlink("to"));
    }
}
CASE("replace", "whoever looks sees one of the two, always") {
    put("b", "0");
    const auto child = OK(::fork());
    if (child == 0) {
        for (int i = 0; i < 200; ++i) {
            put("new", std::to_string(i % 10));
            if (::rename("new", "b") != 0) ::_exit(1);
        }
        ::_exit(0);
    }
    int how = 0;
    while (OK(::waitpid(static_cast<pid_t>(child), &how, WNOHANG)) == 0) SAME(1u, get("b").size());
    SAME(0, how);
}
CASE("replace", "a file written, not closed, and renamed over another is what is there") {
    put("b", "old");
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::write(file, "new", 3));
    OK(::rename("a", "b"));
    SAME("new", get("b"));
    OK(::close(file));
    SAME("new", get("b"));
}
CASE("replace", "RENAME_NOREPLACE moves to a free name") {
    put("a", "x");
    OK(rename_with(RENAME_NOREPLACE, "a", "b"));
    SAME("x", get("b"));
    OK(::mkdir("d", 0755));
    OK(rename_with(RENAME_NOREPLACE, "d", "e"));
    HOLDS(exists("e"));
}
CASE("replace", "RENAME_NOREPLACE refuses whatever is there") {
    put("a", "x");
    put("b", "y");
    OK(::mkdir("d", 0755));
    OK(::mkdir("e", 0755));
    OK(::symlink("nothing", "l"));
    for (const char* const name : {"b", "d", "l", "a"}) FAILS(EEXIST, rename_with(RENAME_NOREPLACE, "a", name));
    for (const char* const name : {"b", "e", "l"}) FAILS(EEXIST, rename_with(RENAME_NOREPLACE, "d", name));
    SAME("y", get("b"));
}
CASE("replace", "RENAME_EXCHANGE gives two files each other's names") {
    put("a", "A", 0600);
    put("b", "B", 0640);
    const auto a = status("a").st_ino;
    const auto b = status("b").st_ino;
    OK(rename_with(RENAME_EXCHANGE, "a", "b"));
    SAME("B", get("a"));
    SAME("A", get("b"));
    SAME(b, status("a").st_ino);
    SAME(a, status("b").st_ino);
    SAME(static_cast<mode_t>(S_IFREG | 0600), status("b").st_mode);
}
CASE("replace", "RENAME_EXCHANGE of a file and a link") {
    put("a", "A");
    OK(::symlink("a", "l"));
    OK(rename_with(RENAME_EXCHANGE, "a", "l"));
    HOLDS(S_ISLNK(link_status("a").st_mode));
    SAME("A", get("l"));
}
CASE("replace", "RENAME_EXCHANGE between directories, while both are open") {
    OK(::mkdir("d", 0755));
    put("a", "A");
    put("d/b", "B");
    const int a = open_file("a", O_RDWR | O_APPEND);
    const int b = open_file("d/b", O_RDWR | O_APPEND);
    OK(::write(a, "1", 1));
    OK(rename_with(RENAME_EXCHANGE, "a", "d/b"));
    OK(::write(a, "2", 1));
    OK(::write(b, "3", 1));
    OK(::close(a));
    OK(::close(b));
    SAME("B3", get("a"));
    SAME("A12", get("d/b"));
}
CASE("replace", "RENAME_EXCHANGE needs both") {
    put("a", "A");
    FAILS(ENOENT, rename_with(RENAME_EXCHANGE, "a", "none"));
    FAILS(ENOENT, rename_with(RENAME_EXCHANGE, "none", "a"));
    SAME("A", get("a"));
}
CASE("replace", "RENAME_EXCHANGE of a name with itself changes nothing") {
    put("a", "A");
    OK(rename_with(RENAME_EXCHANGE, "a", "a"));
    SAME("A", get("a"));
}
CASE("replace", "RENAME_EXCHANGE of two directories") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("e", 0755));
    put("d/a", "x");
    OK(rename_with(RENAME_EXCHANGE, "d", "e"));
    SAME("x", get("e/a"));
    SAME(0u, names("d").size());
}
CASE("replace", "RENAME_EXCHANGE of a file and a directory") {
    OK(::mkdir("d", 0755));
    put("d/a", "x");
    put("f", "F");
    OK(rename_with(RENAME_EXCHANGE, "d", "f"));
    SAME("x", get("f/a"));
    SAME("F", get("d"));
}
CASE("replace", "flags that exclude each other or are unknown are EINVAL") {
    put("a");
    put("b");
    FAILS(EINVAL, rename_with(RENAME_NOREPLACE | RENAME_EXCHANGE, "a", "b"));
    FAILS(EINVAL, rename_with(1u << 20, "a", "b"));
}
CASE("replace", "in a sticky directory only owners replace and move") {
    OK(::mkdir("d", 0777));
    OK(::chmod("d", 01777));
    put("d/a", "x", 0666);
    put("d/mine", "x", 0666);
    OK(::chown("d/mine", kAlice, kAlice));
    const As alice(kAlice);
    FAILS_EITHER(EPERM, EACCES, ::rename("d/a", "d/b"));
    FAILS_EITHER(EPERM, EACCES, ::rename("d/mine", "d/a"));
    OK(::rename("d/mine", "d/b"));
}

}  // namespace
}  // namespace posix
