// Names and how they are looked up.
#include "tests/posix/harness.h"

#include <fcntl.h>

namespace posix {
namespace {

// Names that a file system must take as they are.
const char* const kNames[] = {
    " ",       "  two  ",      "-rf",     "~",    "*",   "?",         "[a]",      "a\\b",  "a:b",       "a|b",
    "a\"b",    "a'b",          "a<b>",    "a;b",  "a&b", "$HOME",     "#",        "a%obj", "%empty",    "%dot",
    "%dotdot", "%long-x",      "%",       "%%",   "%2F", "100%",      "...",      "..a",   ".a",        "a.",
    "a..b",    "con",          "nul.txt", "\x01", "\n",  "tab\there", "\x7f",     "é",     "e\xcc\x81", "日本語",
    "😀",      "\xe2\x80\xae", "A",       "a+b",  "a b", "a=b",       "?uploads",
};

void enlist_names() {
    int number = 0;
    for (const char* const name : kNames) {
        Enlist("names", "hostile name " + std::to_string(++number) + " is kept as it is", [name] {
            const std::string file = name;
            put(file, "content");
            SAME("content", get(file));
            SAME(1u, names().size());
            SAME(file, names().front());
            const auto inode = status(file).st_ino;
            OK(::rename(name, "moved"));
            OK(::rename("moved", name));
            SAME(inode, status(file).st_ino);
            OK(::unlink(name));
            HOLDS(!exists(file));
            OK(::mkdir(name, 0755));
            put(file + "/" + file, "below");
            SAME("below", get(file + "/" + file));
            SAME(file, names(file).front());
            OK(::unlink((file + "/" + file).c_str()));
            OK(::rmdir(name));
            OK(::symlink(name, "link"));
            OK(::rename("link", name));
            char target[300];
            SAME(static_cast<std::int64_t>(file.size()), ::readlink(name, target, sizeof target));
            SAME(file, std::string(target, file.size()));
        });
    }
}
const bool kEnlisted = (enlist_names(), true);

CASE("names", "a name of 255 bytes is made, found, listed, moved and removed") {
    const auto name = long_name(255);
    put(name, "x");
    SAME("x", get(name));
    SAME(name, names().front());
    OK(::rename(name.c_str(), "short"));
    OK(::rename("short", name.c_str()));
    OK(::link(name.c_str(), long_name(254).c_str()));
    OK(::unlink(name.c_str()));
    SAME("x", get(long_name(254)));
}
CASE("names", "a directory and a link may have a name of 255 bytes") {
    const auto name = long_name(255);
    OK(::mkdir(name.c_str(), 0755));
    put(name + "/x");
    OK(::symlink(name.c_str(), "link"));
    HOLDS(exists("link/x"));
    OK(::symlink("x", (name + "/" + name).c_str()));
}
CASE("names", "upper and lower case are different names") {
    put("name", "lower");
    put("NAME", "upper");
    SAME("lower", get("name"));
    SAME("upper", get("NAME"));
}
CASE("names", "composed and decomposed letters are different names") {
    put("\xc3\xa9", "composed");
    put("e\xcc\x81", "decomposed");
    SAME("composed", get("\xc3\xa9"));
    SAME(2u, names().size());
}
CASE("names", "bytes that are no UTF-8 may be in a name") {
    put("a\xff\xfe", "x");
    SAME("x", get("a\xff\xfe"));
}
CASE("names", "a path of 4,095 bytes may be made step by step") {
    for (int i = 0; i < 15; ++i) {
        OK(::mkdir(long_name(200).c_str(), 0755));
        OK(::chdir(long_name(200).c_str()));
    }
    put("file", "deep");
    SAME("deep", get("file"));
}
CASE("names", "a path of 900 bytes in all can be made and used whole") {
    std::string path;
    for (int i = 0; i < 6; ++i) {
        path += (i == 0 ? "" : "/") + std::string(140, static_cast<char>('a' + i));
        OK(::mkdir(path.c_str(), 0755));
    }
    put(path + "/file", "deep");
    SAME("deep", get(path + "/file"));
}
CASE("names", "dot is the directory itself and dot-dot the one above") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("d/e", 0755));
    const auto d = status("d").st_ino;
    SAME(d, status("d/.").st_ino);
    SAME(d, status("d/e/..").st_ino);
    SAME(d, status("d/e/../.").st_ino);
    OK(::chdir("d/e"));
    SAME(d, status("..").st_ino);
}
CASE("names", "several slashes are one") {
    OK(::mkdir("d", 0755));
    put("d//file", "x");
    SAME("x", get(".//d///file"));
    SAME(status("d").st_ino, status("d//").st_ino);
}
CASE("names", "a slash behind a directory is allowed, behind a file ENOTDIR") {
    OK(::mkdir("d/", 0755));
    HOLDS(S_ISDIR(status("d/").st_mode));
    put("file");
    struct stat out{};
    FAILS(ENOTDIR, ::stat("file/", &out));
    FAILS(ENOTDIR, ::open("file/", O_RDONLY));
    FAILS(EISDIR, ::open("new/", O_CREAT | O_RDWR, 0644));
    FAILS(ENOTDIR, ::unlink("file/"));
    OK(::rmdir("d/"));
}
CASE("names", "dot and dot-dot cannot be made, removed or moved") {
    OK(::mkdir("d", 0755));
    FAILS(EEXIST, ::mkdir(".", 0755));
    FAILS(EEXIST, ::mkdir("d/..", 0755));
    FAILS(EINVAL, ::rmdir("d/."));
    FAILS_EITHER(ENOTEMPTY, EINVAL, ::rmdir("d/.."));
    FAILS_EITHER(EBUSY, EINVAL, ::rename("d/.", "e"));
    FAILS_EITHER(EBUSY, EINVAL, ::rename("d", "."));
    FAILS(EISDIR, ::unlink("."));
}
CASE("names", "a name that was looked up in vain is found once it is made") {
    struct stat out{};
    for (const char* const name : {"a", "b", "c"}) FAILS(ENOENT, ::stat(name, &out));
    put("a");
    OK(::mkdir("b", 0755));
    OK(::symlink("a", "c"));
    for (const char* const name : {"a", "b", "c"}) OK(::stat(name, &out));
}
CASE("names", "a name that was found is gone once it is removed, and may be something else then") {
    put("a");
    const auto inode = status("a").st_ino;
    OK(::unlink("a"));
    HOLDS(!exists("a"));
    OK(::mkdir("a", 0755));
    HOLDS(S_ISDIR(status("a").st_mode));
    OK(::rmdir("a"));
    put("a", "again");
    HOLDS(S_ISREG(status("a").st_mode));
    static_cast<void>(inode);
}
CASE("names", "a name that begins like another's whole name is its own") {
    OK(::mkdir("a", 0755));
    put("a/x", "1");
    put("a-", "2");
    put("a.", "3");
    put("a0", "4");
    SAME(4u, names().size());
    OK(::rename("a", "z"));
    SAME("2", get("a-"));
    SAME("3", get("a."));
    SAME("4", get("a0"));
    SAME("1", get("z/x"));
}
CASE("names", "an inode's number is the same by every way to it and stays") {
    put("a", "x");
    const auto inode = status("a").st_ino;
    HOLDS(inode != 0);
    const int file = open_file("a", O_RDWR);
    struct stat out{};
    OK(::fstat(file, &out));
    SAME(inode, out.st_ino);
    OK(::write(file, "longer", 6));
    OK(::fsync(file));
    SAME(inode, status("a").st_ino);
    OK(::rename("a", "b"));
    SAME(inode, status("b").st_ino);
    OK(::fstat(file, &out));
    SAME(inode, out.st_ino);
}
CASE("names", "different files have different inodes on the same device") {
    put("a");
    put("b");
    OK(::mkdir("c", 0755));
    HOLDS(status("a").st_ino != status("b").st_ino);
    HOLDS(status("a").st_ino != status("c").st_ino);
    SAME(status("a").st_dev, status("c").st_dev);
}
CASE("names", "the calls with a directory's descriptor look up from there") {
    OK(::mkdir("d", 0755));
    const int folder = open_file("d", O_RDONLY | O_DIRECTORY);
    OK(::mkdirat(folder, "e", 0755));
    const int file = static_cast<int>(OK(::openat(folder, "f", O_CREAT | O_RDWR, 0644)));
    OK(::write(file, "x", 1));
    OK(::close(file));
    OK(::renameat(folder, "f", AT_FDCWD, "g"));
    SAME("x", get("g"));
    OK(::linkat(AT_FDCWD, "g", folder, "h", 0));
    OK(::symlinkat("h", folder, "s"));
    OK(::unlinkat(folder, "h", 0));
    OK(::unlinkat(folder, "e", AT_REMOVEDIR));
    SAME(1u, names("d").size());
    OK(::rename("d", "moved"));
    OK(::unlinkat(folder, "s", 0));
    FAILS(ENOTDIR, ::openat(open_file("g", O_RDONLY), "x", O_RDONLY));
}

}  // namespace
}  // namespace posix
