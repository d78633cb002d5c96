// open(2) and its flags.
#include "tests/posix/harness.h"

#include <fcntl.h>

namespace posix {
namespace {

CASE("open", "O_CREAT makes a file with the mode less the umask") {
    ::umask(027);
    OK(::close(open_file("a", O_CREAT | O_RDWR, 0666)));
    SAME(static_cast<mode_t>(S_IFREG | 0640), status("a").st_mode);
    ::umask(0);
    OK(::close(open_file("b", O_CREAT | O_RDWR, 0751)));
    SAME(static_cast<mode_t>(S_IFREG | 0751), status("b").st_mode);
}
CASE("open", "a new file is empty, has one name and belongs to its maker") {
    OK(::close(open_file("a", O_CREAT | O_RDWR)));
    const auto there = status("a");
    SAME(0, there.st_size);
    SAME(1u, there.st_nlink);
    SAME(::geteuid(), there.st_uid);
    SAME(::getegid(), there.st_gid);
    SAME(0, there.st_blocks);
}
CASE("open", "O_CREAT on a file that is there opens it and changes nothing") {
    put("a", "content", 0600);
    OK(::close(open_file("a", O_CREAT | O_RDWR, 0777)));
    SAME(static_cast<mode_t>(S_IFREG | 0600), status("a").st_mode);
    SAME("content", get("a"));
}
CASE("open", "O_EXCL refuses a file, a directory and a link to nothing") {
    put("a", "content");
    OK(::mkdir("d", 0755));
    OK(::symlink("nothing", "l"));
    for (const char* const name : {"a", "d", "l"}) FAILS(EEXIST, ::open(name, O_CREAT | O_EXCL | O_RDWR, 0644));
    HOLDS(!exists("nothing"));
    SAME("content", get("a"));
}
CASE("open", "of 8 processes that make one name with O_EXCL one wins") {
    std::vector<int> ready(2);
    OK(::pipe(ready.data()));
    for (int i = 0; i < 8; ++i) {
        const auto child = OK(::fork());
        if (child != 0) continue;
        const int file = ::open("a", O_CREAT | O_EXCL | O_WRONLY, 0644);
        const char won = file >= 0 ? 'y' : errno == EEXIST ? 'n' : '?';
        ::_exit(::write(ready[1], &won, 1) == 1 ? 0 : 1);
    }
    int winners = 0;
    for (int i = 0; i < 8; ++i) {
        char won = 0;
        OK(::read(ready[0], &won, 1));
        HOLDS(won != '?');
        winners += won == 'y' ? 1 : 0;
    }
    SAME(1, winners);
}
CASE("open", "O_CREAT through a link to nothing makes what it names") {
    OK(::symlink("target", "l"));
    put("l", "x");
    SAME("x", get("target"));
    HOLDS(S_ISLNK(link_status("l").st_mode));
}
CASE("open", "O_TRUNC empties the file at once") {
    put("a", "content");
    const int file = open_file("a", O_RDWR | O_TRUNC);
    SAME(0, status("a").st_size);
    OK(::write(file, "n", 1));
    OK(::close(file));
    SAME("n", get("a"));
}
CASE("open", "O_TRUNC keeps inode, mode and names") {
    put("a", "content", 0640);
    OK(::link("a", "b"));
    const auto before = status("a");
    OK(::close(open_file("a", O_WRONLY | O_TRUNC)));
    const auto after = status("a");
    SAME(before.st_ino, after.st_ino);
    SAME(before.st_mode, after.st_mode);
    SAME(2u, after.st_nlink);
    SAME(0, status("b").st_size);
}
CASE("open", "a descriptor for reading does not write and one for writing does not read") {
    put("a", "x");
    char byte = 0;
    const int reader = open_file("a", O_RDONLY);
    FAILS(EBADF, ::write(reader, "y", 1));
    FAILS_EITHER(EBADF, EINVAL, ::ftruncate(reader, 0));
    const int writer = open_file("a", O_WRONLY);
    FAILS(EBADF, ::read(writer, &byte, 1));
    SAME("x", get("a"));
}
CASE("open", "a directory opens for reading only") {
    OK(::mkdir("d", 0755));
    OK(::close(open_file("d", O_RDONLY)));
    FAILS(EISDIR, ::open("d", O_WRONLY));
    FAILS(EISDIR, ::open("d", O_RDWR));
    FAILS(EISDIR, ::open("d", O_RDONLY | O_CREAT, 0644));
    FAILS(EISDIR, ::open("d", O_WRONLY | O_TRUNC));
    char byte = 0;
    FAILS(EISDIR, ::read(open_file("d", O_RDONLY), &byte, 1));
}
CASE("open", "O_DIRECTORY refuses what is none") {
    put("a");
    OK(::mkfifo("f", 0644));
    FAILS(ENOTDIR, ::open("a", O_RDONLY | O_DIRECTORY));
    FAILS(ENOTDIR, ::open("f", O_RDONLY | O_DIRECTORY));
}
CASE("open", "O_NOFOLLOW refuses a link and takes a file") {
    put("a");
    OK(::symlink("a", "l"));
    FAILS(ELOOP, ::open("l", O_RDONLY | O_NOFOLLOW));
    OK(::open("a", O_RDONLY | O_NOFOLLOW));
}
CASE("open", "O_PATH gives a place without opening it") {
    put("a", "x", 0600);
    const int place = open_file("a", O_PATH);
    char byte = 0;
    struct stat out{};
    FAILS(EBADF, ::read(place, &byte, 1));
    OK(::fstat(place, &out));
    SAME(1, out.st_size);
    OK(::symlink("a", "l"));
    OK(::fstat(open_file("l", O_PATH | O_NOFOLLOW), &out));
    HOLDS(S_ISLNK(out.st_mode));
}
CASE("open", "each descriptor has a place of its own, a copy shares it") {
    put("a", "0123456789");
    const int one = open_file("a", O_RDONLY);
    const int two = open_file("a", O_RDONLY);
    const int copy = static_cast<int>(OK(::dup(one)));
    char byte = 0;
    OK(::lseek(one, 5, SEEK_SET));
    OK(::read(copy, &byte, 1));
    SAME('5', byte);
    OK(::read(two, &byte, 1));
    SAME('0', byte);
}
CASE("open", "what is written through one descriptor is read through another at once") {
    const int writer = open_file("a", O_CREAT | O_RDWR);
    const int reader = open_file("a", O_RDONLY);
    OK(::write(writer, "hello", 5));
    SAME("hello", get(reader, 10, 0));
    SAME(5, status("a").st_size);
}
CASE("open", "O_SYNC and O_DSYNC write what is asked") {
    const int file = open_file("a", O_CREAT | O_RDWR | O_SYNC);
    OK(::write(file, "one", 3));
    const int other = open_file("a", O_WRONLY | O_DSYNC | O_APPEND);
    OK(::write(other, "two", 3));
    SAME("onetwo", get("a"));
}
CASE("open", "a file may be open 900 times at once") {
    put("a", "x");
    std::vector<int> files;
    for (int i = 0; i < 900; ++i) files.push_back(open_file("a", O_RDWR));
    SAME("x", get(files.back(), 1, 0));
    for (const int file : files) OK(::close(file));
}
CASE("open", "a file made without permissions can be written by who made it") {
    const int file = open_file("a", O_CREAT | O_RDWR, 0);
    OK(::write(file, "x", 1));
    SAME(static_cast<mode_t>(S_IFREG), status("a").st_mode);
    OK(::close(file));
}
CASE("open", "O_TMPFILE makes a file without a name") {
    const int file = open_file(".", O_TMPFILE | O_RDWR, 0600);
    OK(::write(file, "x", 1));
    SAME("x", get(file, 2, 0));
    SAME(0u, names().size());
}
CASE("open", "O_TMPFILE may be given a name by link") {
    const int file = open_file(".", O_TMPFILE | O_RDWR, 0600);
    OK(::write(file, "x", 1));
    OK(::linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(file)).c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    SAME("x", get("named"));
}
CASE("open", "an open file may be opened again through /proc") {
    put("a", "x");
    const int file = open_file("a", O_RDONLY);
    const int again = open_file("/proc/self/fd/" + std::to_string(file), O_RDWR);
    OK(::pwrite(again, "y", 1, 0));
    SAME("y", get(file, 2, 0));
}
CASE("open", "fcntl tells the flags and can set O_APPEND") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::write(file, "abc", 3));
    SAME(O_RDWR, OK(::fcntl(file, F_GETFL)) & O_ACCMODE);
    OK(::fcntl(file, F_SETFL, O_APPEND));
    OK(::lseek(file, 0, SEEK_SET));
    OK(::write(file, "d", 1));
    SAME("abcd", get("a"));
}
CASE("open", "O_DIRECT reads and writes what is there") {
    const int file = ::open("a", O_CREAT | O_RDWR | O_DIRECT, 0644);
    if (file < 0 && errno == EINVAL) skip("no O_DIRECT here");
    OK(file);
    alignas(4096) static char block[8192];
    for (auto& byte : block) byte = 'd';
    SAME(8192, OK(::write(file, block, sizeof block)));
    alignas(4096) static char back[8192];
    SAME(8192, OK(::pread(file, back, sizeof back, 0)));
    SAME(std::string(block, sizeof block), std::string(back, sizeof back));
    SAME(std::string(block, sizeof block), get("a"));
}

}  // namespace
}  // namespace posix
