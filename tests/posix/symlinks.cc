// symlink(2) and readlink(2).
#include "tests/posix/harness.h"

#include <climits>

#include <fcntl.h>

namespace posix {
namespace {

std::string target_of(const std::string& path) {
    char out[PATH_MAX];
    const auto size = succeed("readlink " + path, ::readlink(path.c_str(), out, sizeof out));
    return {out, static_cast<std::size_t>(size)};
}

CASE("symlink", "the target is kept byte for byte") {
    for (const std::string target : {"a", "../x/./y//z", "/absolute", "with space", "\xff\xfe", "日本", ".", "/"}) {
        OK(::symlink(target.c_str(), "l"));
        SAME(target, target_of("l"));
        SAME(static_cast<off_t>(target.size()), link_status("l").st_size);
        OK(::unlink("l"));
    }
}
CASE("symlink", "the target may have 4,095 bytes") {
    const std::string target(4095, 't');
    OK(::symlink(target.c_str(), "l"));
    SAME(target, target_of("l"));
    FAILS(ENAMETOOLONG, ::symlink((target + "t").c_str(), "m"));
}
CASE("symlink", "an empty target is ENOENT") {
    FAILS(ENOENT, ::symlink("", "l"));
}
CASE("symlink", "a link has all permissions and belongs to its maker") {
    OK(::symlink("x", "l"));
    const auto there = link_status("l");
    SAME(static_cast<mode_t>(S_IFLNK | 0777), there.st_mode);
    SAME(::geteuid(), there.st_uid);
    SAME(1u, there.st_nlink);
}
CASE("symlink", "readlink cuts what has no room") {
    OK(::symlink("0123456789", "l"));
    char out[4] = {'-', '-', '-', '-'};
    SAME(3, ::readlink("l", out, 3));
    SAME("012-", std::string(out, 4));
}
CASE("symlink", "readlink of what is no link is EINVAL") {
    put("a");
    OK(::mkdir("d", 0755));
    char out[10];
    FAILS(EINVAL, ::readlink("a", out, sizeof out));
    FAILS(EINVAL, ::readlink("d", out, sizeof out));
}
CASE("symlink", "a name that is taken is EEXIST") {
    put("a");
    OK(::mkdir("d", 0755));
    OK(::symlink("x", "l"));
    for (const char* const name : {"a", "d", "l"}) FAILS(EEXIST, ::symlink("x", name));
}
CASE("symlink", "links are followed to files, directories and through one another") {
    OK(::mkdir("d", 0755));
    put("d/a", "x");
    OK(::symlink("d", "l"));
    OK(::symlink("l", "m"));
    OK(::symlink("m/a", "n"));
    SAME("x", get("l/a"));
    SAME("x", get("n"));
    put("m/b", "y");
    SAME("y", get("d/b"));
    SAME(2u, names("m").size());
}
CASE("symlink", "the target is looked up from where the link is") {
    OK(::mkdir("d", 0755));
    OK(::mkdir("d/e", 0755));
    put("d/a", "x");
    OK(::symlink("../a", "d/e/l"));
    SAME("x", get("d/e/l"));
    OK(::rename("d", "z"));
    SAME("x", get("z/e/l"));
}
CASE("symlink", "40 links one behind the other are followed, 41 are ELOOP") {
    put("0", "x");
    for (int i = 1; i <= 41; ++i) OK(::symlink(std::to_string(i - 1).c_str(), std::to_string(i).c_str()));
    SAME("x", get("40"));
    FAILS(ELOOP, ::open("41", O_RDONLY));
}
CASE("symlink", "a link to itself is ELOOP") {
    OK(::symlink("l", "l"));
    FAILS(ELOOP, ::open("l", O_RDONLY));
    FAILS(ELOOP, ::chmod("l", 0600));
    OK(::unlink("l"));
}
CASE("symlink", "a link to nothing is there itself") {
    OK(::symlink("nothing", "l"));
    HOLDS(S_ISLNK(link_status("l").st_mode));
    FAILS(ENOENT, ::open("l", O_RDONLY));
    struct stat out{};
    FAILS(ENOENT, ::stat("l", &out));
}
CASE("symlink", "chown of a link changes what it names, lchown itself") {
    put("a");
    OK(::symlink("a", "l"));
    if (::geteuid() != 0) skip("needs root");
    OK(::chown("l", kAlice, kAlice));
    SAME(kAlice, status("a").st_uid);
    SAME(0u, link_status("l").st_uid);
    OK(::lchown("l", kBob, kBob));
    SAME(kAlice, status("a").st_uid);
    SAME(kBob, link_status("l").st_uid);
}
CASE("symlink", "times of a link are its own") {
    put("a");
    OK(::symlink("a", "l"));
    const timespec times[] = {{1000, 0}, {2000, 0}};
    OK(::utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
    SAME(2000, link_status("l").st_mtim.tv_sec);
    HOLDS(status("a").st_mtim.tv_sec > 2000);
}
CASE("symlink", "a link that is replaced leads to its new target at once") {
    put("a", "A");
    put("b", "B");
    OK(::symlink("a", "l"));
    SAME("A", get("l"));
    OK(::symlink("b", "new"));
    OK(::rename("new", "l"));
    SAME("B", get("l"));
    SAME("b", target_of("l"));
}
CASE("symlink", "realpath resolves links") {
    OK(::mkdir("d", 0755));
    put("d/a");
    OK(::symlink("d", "l"));
    char* const one = ::realpath("l/a", nullptr);
    char* const two = ::realpath("d/a", nullptr);
    HOLDS(one != nullptr && two != nullptr && std::string(one) == two);
}

}  // namespace
}  // namespace posix
