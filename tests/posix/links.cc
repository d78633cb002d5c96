// link(2) and unlink(2), while files are open as well.
#include "tests/posix/harness.h"

#include <fcntl.h>
#include <sys/mman.h>

namespace posix {
namespace {

CASE("link", "two names are one file") {
    put("a", "x", 0640);
    OK(::link("a", "b"));
    SAME(status("a").st_ino, status("b").st_ino);
    SAME(2u, status("a").st_nlink);
    put("b", "both");
    SAME("both", get("a"));
    OK(::chmod("a", 0600));
    SAME(static_cast<mode_t>(S_IFREG | 0600), status("b").st_mode);
}
CASE("link", "a file may have 50 names, in many directories") {
    put("a", "x");
    for (int i = 0; i < 50; ++i) {
        const auto folder = "d" + std::to_string(i);
        OK(::mkdir(folder.c_str(), 0755));
        OK(::link("a", (folder + "/a").c_str()));
    }
    SAME(51u, status("a").st_nlink);
    OK(::unlink("a"));
    put("d7/a", "changed");
    SAME("changed", get("d49/a"));
    for (int i = 0; i < 49; ++i) OK(::unlink(("d" + std::to_string(i) + "/a").c_str()));
    SAME(1u, status("d49/a").st_nlink);
    SAME("changed", get("d49/a"));
}
CASE("link", "what is written through one name while open is read through the other") {
    put("a");
    OK(::link("a", "b"));
    const int file = open_file("a", O_RDWR);
    OK(::write(file, "now", 3));
    SAME("now", get("b"));
    SAME(3, status("b").st_size);
}
CASE("link", "a name given while the file is being written") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::write(file, "one", 3));
    OK(::link("a", "b"));
    OK(::write(file, "two", 3));
    OK(::close(file));
    SAME("onetwo", get("a"));
    SAME("onetwo", get("b"));
}
CASE("link", "a name that is taken is EEXIST, whatever it is") {
    put("a");
    put("b");
    OK(::mkdir("d", 0755));
    OK(::symlink("nothing", "l"));
    for (const char* const name : {"a", "b", "d", "l"}) FAILS(EEXIST, ::link("a", name));
    SAME(1u, status("a").st_nlink);
}
CASE("link", "of a directory is EPERM") {
    OK(::mkdir("d", 0755));
    FAILS(EPERM, ::link("d", "e"));
}
CASE("link", "of a symbolic link is of the link itself, unless asked to follow") {
    put("a", "x");
    OK(::symlink("a", "l"));
    OK(::link("l", "m"));
    HOLDS(S_ISLNK(link_status("m").st_mode));
    SAME(2u, link_status("l").st_nlink);
    OK(::linkat(AT_FDCWD, "l", AT_FDCWD, "n", AT_SYMLINK_FOLLOW));
    SAME(status("a").st_ino, link_status("n").st_ino);
}
CASE("link", "of a fifo") {
    OK(::mkfifo("f", 0600));
    OK(::link("f", "g"));
    SAME(link_status("f").st_ino, link_status("g").st_ino);
}
CASE("link", "ctime of the file and mtime of the directory are set") {
    OK(::mkdir("d", 0755));
    put("d/a");
    const auto file = status("d/a");
    const auto folder = status("d");
    next_tick();
    OK(::link("d/a", "d/b"));
    HOLDS(nanoseconds(status("d/a").st_ctim) > nanoseconds(file.st_ctim));
    HOLDS(nanoseconds(status("d").st_mtim) > nanoseconds(folder.st_mtim));
    SAME(nanoseconds(file.st_mtim), nanoseconds(status("d/a").st_mtim));
}
CASE("link", "names of one file moved about stay one file") {
    put("a", "x");
    OK(::link("a", "b"));
    OK(::mkdir("d", 0755));
    OK(::rename("b", "d/c"));
    OK(::rename("d", "e"));
    put("e/c", "changed");
    SAME("changed", get("a"));
    SAME(2u, status("a").st_nlink);
}
CASE("unlink", "a name goes, and its directory can be removed") {
    OK(::mkdir("d", 0755));
    put("d/a", "x");
    OK(::unlink("d/a"));
    HOLDS(!exists("d/a"));
    FAILS(ENOENT, ::unlink("d/a"));
    OK(::rmdir("d"));
}
CASE("unlink", "of a directory is EISDIR") {
    OK(::mkdir("d", 0755));
    FAILS_EITHER(EISDIR, EPERM, ::unlink("d"));
    HOLDS(exists("d"));
}
CASE("unlink", "of a symbolic link takes the link") {
    put("a", "x");
    OK(::symlink("a", "l"));
    OK(::unlink("l"));
    SAME("x", get("a"));
}
CASE("unlink", "of a link to a directory takes the link") {
    OK(::mkdir("d", 0755));
    OK(::symlink("d", "l"));
    FAILS(ENOTDIR, ::rmdir("l"));
    OK(::unlink("l"));
    HOLDS(exists("d"));
}
CASE("unlink", "an open file is read and written on without a name") {
    put("a", "0123456789");
    const int file = open_file("a", O_RDWR);
    OK(::unlink("a"));
    SAME("0123456789", get(file, 100, 0));
    OK(::pwrite(file, "tail", 4, 10));
    SAME("0123456789tail", get(file, 100, 0));
    OK(::ftruncate(file, 2));
    struct stat out{};
    OK(::fstat(file, &out));
    SAME(2, out.st_size);
    SAME(0u, out.st_nlink);
    OK(::fsync(file));
    OK(::close(file));
    HOLDS(!exists("a"));
}
CASE("unlink", "a large file without a name is read to its end") {
    const std::string content(5'000'000, 'l');
    put("a", content);
    const int file = open_file("a", O_RDONLY);
    OK(::unlink("a"));
    HOLDS(get(file, content.size() + 1, 0) == content);
}
CASE("unlink", "a file written and unlinked before it was closed leaves nothing") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::write(file, "x", 1));
    OK(::unlink("a"));
    OK(::write(file, "y", 1));
    SAME("xy", get(file, 10, 0));
    OK(::close(file));
    SAME(0u, names().size());
}
CASE("unlink", "a name made again while the old file is open is another file") {
    put("a", "old");
    const int old = open_file("a", O_RDWR);
    OK(::unlink("a"));
    put("a", "new");
    OK(::pwrite(old, "OLD", 3, 0));
    SAME("OLD", get(old, 10, 0));
    OK(::close(old));
    SAME("new", get("a"));
}
CASE("unlink", "of two descriptors the second still reads after the first is closed") {
    put("a", "x");
    const int one = open_file("a", O_RDWR);
    const int two = open_file("a", O_RDONLY);
    OK(::unlink("a"));
    OK(::pwrite(one, "y", 1, 0));
    OK(::close(one));
    SAME("y", get(two, 10, 0));
}
CASE("unlink", "attributes of an open file without a name can be told and set") {
    put("a", "x", 0644);
    const int file = open_file("a", O_RDWR);
    OK(::unlink("a"));
    OK(::fchmod(file, 0600));
    const timespec times[] = {{1000, 0}, {2000, 0}};
    OK(::futimens(file, times));
    struct stat out{};
    OK(::fstat(file, &out));
    SAME(static_cast<mode_t>(S_IFREG | 0600), out.st_mode);
    SAME(2000, out.st_mtim.tv_sec);
}
CASE("unlink", "a mapped file without a name is read through the mapping") {
    put("a", "mapped");
    const int file = open_file("a", O_RDONLY);
    const auto* bytes = static_cast<const char*>(::mmap(nullptr, 6, PROT_READ, MAP_SHARED, file, 0));
    HOLDS(bytes != MAP_FAILED);
    OK(::close(file));
    OK(::unlink("a"));
    SAME("mapped", std::string(bytes, 6));
}
CASE("unlink", "one of two names while open leaves the other with what is written") {
    put("a", "x");
    OK(::link("a", "b"));
    const int file = open_file("a", O_RDWR | O_APPEND);
    OK(::unlink("a"));
    OK(::write(file, "y", 1));
    OK(::close(file));
    SAME("xy", get("b"));
    SAME(1u, status("b").st_nlink);
}
CASE("unlink", "ctime of what is left and mtime of the directory are set") {
    OK(::mkdir("d", 0755));
    put("d/a");
    OK(::link("d/a", "d/b"));
    const auto file = status("d/a");
    const auto folder = status("d");
    next_tick();
    OK(::unlink("d/b"));
    HOLDS(nanoseconds(status("d/a").st_ctim) > nanoseconds(file.st_ctim));
    HOLDS(nanoseconds(status("d").st_mtim) > nanoseconds(folder.st_mtim));
}
CASE("unlink", "in a sticky directory only owners unlink") {
    OK(::mkdir("d", 0777));
    OK(::chmod("d", 01777));
    put("d/roots");
    put("d/mine");
    OK(::chown("d/mine", kAlice, kAlice));
    const As alice(kAlice);
    FAILS_EITHER(EPERM, EACCES, ::unlink("d/roots"));
    OK(::unlink("d/mine"));
}

}  // namespace
}  // namespace posix
