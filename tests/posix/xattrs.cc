// Extended attributes.
#include "tests/posix/harness.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/xattr.h>

namespace posix {
namespace {

std::string value_of(const char* path, const char* name) {
    char out[65536];
    const auto size = succeed(std::string("getxattr ") + name, ::getxattr(path, name, out, sizeof out));
    return {out, static_cast<std::size_t>(size)};
}
std::vector<std::string> attributes(const char* path) {
    std::string all(65536, '\0');
    all.resize(static_cast<std::size_t>(succeed("listxattr", ::listxattr(path, all.data(), all.size()))));
    std::vector<std::string> out;
    for (std::size_t at = 0; at < all.size(); at += out.back().size() + 1) out.emplace_back(all.c_str() + at);
    std::erase_if(out, [](const std::string& name) { return !name.starts_with("user."); });
    std::sort(out.begin(), out.end());
    return out;
}
void set(const char* path, const char* name, const std::string& value, int flags = 0) {
    OK(::setxattr(path, name, value.data(), value.size(), flags));
}

CASE("xattr", "a value is kept byte for byte") {
    put("a");
    for (const auto& value : {std::string("v"), std::string(), std::string("\0\xff\n", 3), std::string(1000, 'x')}) {
        set("a", "user.k", value);
        SAME(value, value_of("a", "user.k"));
    }
}
CASE("xattr", "of directories are kept") {
    OK(::mkdir("d", 0755));
    set("d", "user.k", "v");
    SAME("v", value_of("d", "user.k"));
    OK(::rename("d", "e"));
    SAME("v", value_of("e", "user.k"));
}
CASE("xattr", "names are listed, and gone when removed") {
    put("a");
    set("a", "user.one", "1");
    set("a", "user.two", "2");
    HOLDS((attributes("a") == std::vector<std::string>{"user.one", "user.two"}));
    OK(::removexattr("a", "user.one"));
    HOLDS((attributes("a") == std::vector<std::string>{"user.two"}));
    char out[10];
    FAILS(ENODATA, ::getxattr("a", "user.one", out, sizeof out));
    FAILS(ENODATA, ::removexattr("a", "user.one"));
}
CASE("xattr", "XATTR_CREATE refuses what is there, XATTR_REPLACE what is not") {
    put("a");
    FAILS(ENODATA, ::setxattr("a", "user.k", "v", 1, XATTR_REPLACE));
    OK(::setxattr("a", "user.k", "v", 1, XATTR_CREATE));
    FAILS(EEXIST, ::setxattr("a", "user.k", "w", 1, XATTR_CREATE));
    OK(::setxattr("a", "user.k", "x", 1, XATTR_REPLACE));
    SAME("x", value_of("a", "user.k"));
}
CASE("xattr", "a size of 0 asks for the size, too little room is ERANGE") {
    put("a");
    set("a", "user.k", "0123456789");
    SAME(10, ::getxattr("a", "user.k", nullptr, 0));
    char out[5];
    FAILS(ERANGE, ::getxattr("a", "user.k", out, sizeof out));
    HOLDS(::listxattr("a", nullptr, 0) >= 7);
    FAILS(ERANGE, ::listxattr("a", out, sizeof out));
}
CASE("xattr", "a name without a prefix is EOPNOTSUPP") {
    put("a");
    FAILS(EOPNOTSUPP, ::setxattr("a", "noprefix", "v", 1, 0));
}
CASE("xattr", "a name of 255 bytes is kept, 256 are ERANGE") {
    put("a");
    const auto name = "user." + std::string(250, 'n');
    set("a", name.c_str(), "v");
    SAME("v", value_of("a", name.c_str()));
    FAILS(ERANGE, ::setxattr("a", (name + "n").c_str(), "v", 1, 0));
}
CASE("xattr", "a value over 64 KiB is E2BIG") {
    put("a");
    const std::string value(65537, 'v');
    FAILS(E2BIG, ::setxattr("a", "user.k", value.data(), value.size(), 0));
}
CASE("xattr", "20 of them are kept") {
    put("a");
    for (int i = 0; i < 20; ++i) set("a", ("user." + std::to_string(i)).c_str(), std::to_string(i * i));
    SAME(20u, attributes("a").size());
    SAME("361", value_of("a", "user.19"));
}
CASE("xattr", "stay when the file is renamed, linked, written and chmodded") {
    put("a", "x");
    set("a", "user.k", "v");
    OK(::rename("a", "b"));
    OK(::link("b", "c"));
    put("c", "changed");
    OK(::chmod("c", 0600));
    SAME("v", value_of("b", "user.k"));
    SAME("v", value_of("c", "user.k"));
}
CASE("xattr", "are gone from a file that replaced theirs") {
    put("a");
    put("b");
    set("b", "user.k", "v");
    OK(::rename("a", "b"));
    char out[10];
    FAILS(ENODATA, ::getxattr("b", "user.k", out, sizeof out));
}
CASE("xattr", "through a descriptor, while the file is written") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::write(file, "x", 1));
    OK(::fsetxattr(file, "user.k", "v", 1, 0));
    char out[10];
    SAME(1, ::fgetxattr(file, "user.k", out, sizeof out));
    OK(::write(file, "y", 1));
    OK(::close(file));
    SAME("v", value_of("a", "user.k"));
    SAME("xy", get("a"));
}
CASE("xattr", "user attributes of a symbolic link and a fifo are EPERM") {
    OK(::symlink("x", "l"));
    OK(::mkfifo("f", 0600));
    FAILS(EPERM, ::lsetxattr("l", "user.k", "v", 1, 0));
    FAILS(EPERM, ::setxattr("f", "user.k", "v", 1, 0));
}
CASE("xattr", "trusted ones are root's alone") {
    if (::geteuid() != 0) skip("needs root");
    put("a", "", 0666);
    OK(::chmod("a", 0666));
    set("a", "trusted.k", "v");
    SAME("v", value_of("a", "trusted.k"));
    OK(::chown("a", kAlice, kAlice));
    const As alice(kAlice);
    char out[10];
    FAILS_EITHER(ENODATA, EPERM, ::getxattr("a", "trusted.k", out, sizeof out));
    FAILS(EPERM, ::setxattr("a", "trusted.k", "w", 1, 0));
}
CASE("xattr", "security ones are kept") {
    if (::geteuid() != 0) skip("needs root");
    put("a");
    set("a", "security.larder", "v");
    SAME("v", value_of("a", "security.larder"));
}
CASE("xattr", "who may not write to a file may not set them") {
    if (::geteuid() != 0) skip("needs root");
    put("a", "", 0644);
    set("a", "user.k", "v");
    const As alice(kAlice);
    FAILS(EACCES, ::setxattr("a", "user.k", "w", 1, 0));
    SAME("v", value_of("a", "user.k"));
    OK(::seteuid(0));
    OK(::chmod("a", 0600));
    OK(::seteuid(kAlice));
    char out[10];
    FAILS(EACCES, ::getxattr("a", "user.k", out, sizeof out));
}
CASE("xattr", "setting one sets ctime, not mtime") {
    put("a");
    const auto before = status("a");
    next_tick();
    set("a", "user.k", "v");
    const auto after = status("a");
    HOLDS(nanoseconds(after.st_ctim) > nanoseconds(before.st_ctim));
    SAME(nanoseconds(before.st_mtim), nanoseconds(after.st_mtim));
}
CASE("xattr", "an access list may be set") {
    put("a");
    // Version 2: owner rwx, user Alice r, group r, mask r, others none.
    const std::uint32_t none = 0xffffffff;
    struct {
        std::uint32_t version = 2;
        struct Entry {
            std::uint16_t tag, rights;
            std::uint32_t id;
        } entries[5];
    } list;
    list.entries[0] = {0x01, 7, none};
    list.entries[1] = {0x02, 4, kAlice};
    list.entries[2] = {0x04, 4, none};
    list.entries[3] = {0x10, 4, none};
    list.entries[4] = {0x20, 0, none};
    OK(::setxattr("a", "system.posix_acl_access", &list, sizeof list, 0));
}

}  // namespace
}  // namespace posix
