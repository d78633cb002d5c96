// Who may do what: permissions are checked for owner, group and others.
#include "tests/posix/harness.h"

#include <fcntl.h>
#include <sys/wait.h>

namespace posix {
namespace {

void put_owned(const std::string& path, mode_t mode, uid_t user, gid_t group) {
    if (::geteuid() != 0) skip("needs root");
    put(path, "content");
    OK(::chown(path.c_str(), user, group));
    OK(::chmod(path.c_str(), mode));
}

struct Right {
    const char* who;
    uid_t user;
    gid_t group;
    int shift;  // of the bits that count
};
const Right kRights[] = {{"the owner", kAlice, kBob, 6}, {"the group", kBob, kAlice, 3}, {"others", kBob, kBob, 0}};

void enlist_rights() {
    for (const auto& right : kRights) {
        for (const mode_t bit : {4, 2, 1}) {
            const auto name = std::string(right.who) + (bit == 4 ? " reads" : bit == 2 ? " writes" : " executes");
            Enlist("permissions", name + " by the bit that says so alone", [&right, bit] {
                const auto call = [bit](const char* path) {
                    return ::faccessat(AT_FDCWD, path, bit == 4 ? R_OK : bit == 2 ? W_OK : X_OK, AT_EACCESS);
                };
                const auto only = bit << right.shift;
                put_owned("may", only, kAlice, kAlice);
                put_owned("not", 0777 & ~only, kAlice, kAlice);
                const As somebody(right.user, right.group);
                OK(call("may"));
                FAILS(EACCES, call("not"));
                if (bit == 1) return;
                OK(::close(open_file("may", bit == 4 ? O_RDONLY : O_WRONLY)));
                FAILS(EACCES, ::open("not", bit == 4 ? O_RDONLY : O_WRONLY));
            });
        }
    }
}
const bool kEnlisted = (enlist_rights(), true);

CASE("permissions", "a supplementary group counts") {
    put_owned("a", 0640, 0, 4242);
    {
        const As alice(kAlice, kAlice, {4242});
        SAME("content", get("a"));
        FAILS(EACCES, ::open("a", O_WRONLY));
    }
    const As alice(kAlice);
    FAILS(EACCES, ::open("a", O_RDONLY));
}
CASE("permissions", "root reads and writes whatever the bits say, and executes by any bit") {
    put_owned("a", 0, kAlice, kAlice);
    OK(::close(open_file("a", O_RDWR)));
    FAILS(EACCES, ::access("a", X_OK));
    OK(::chmod("a", 0001));
    OK(::access("a", X_OK));
}
CASE("permissions", "a directory is read by r, searched by x") {
    if (::geteuid() != 0) skip("needs root");
    OK(::mkdir("d", 0755));
    put("d/a", "x");
    OK(::chmod("d", 0744));
    {
        const As alice(kAlice);
        SAME(1u, names("d").size());
        FAILS(EACCES, ::open("d/a", O_RDONLY));
    }
    OK(::chmod("d", 0711));
    const As alice(kAlice);
    FAILS(EACCES, ::open("d", O_RDONLY | O_DIRECTORY));
    SAME("x", get("d/a"));
}
CASE("permissions", "a change of a directory's bits counts at once") {
    if (::geteuid() != 0) skip("needs root");
    OK(::mkdir("d", 0755));
    put("d/a", "x");
    for (int i = 0; i < 3; ++i) {
        {
            const As alice(kAlice);
            SAME("x", get("d/a"));
        }
        OK(::chmod("d", 0700));
        {
            const As alice(kAlice);
            FAILS(EACCES, ::open("d/a", O_RDONLY));
        }
        OK(::chmod("d", 0755));
    }
}
CASE("permissions", "an open descriptor keeps what it was opened for") {
    put_owned("a", 0600, kAlice, kAlice);
    const As alice(kAlice);
    const int file = open_file("a", O_RDWR);
    OK(::fchmod(file, 0));
    SAME("content", get(file, 100, 0));
    OK(::pwrite(file, "C", 1, 0));
    FAILS(EACCES, ::open("a", O_RDONLY));
}
CASE("permissions", "a program is executed by x alone") {
    if (::geteuid() != 0) skip("needs root");
    put("program", "#!/bin/sh\nexit 7\n", 0755);
    const auto exit_of = [] {
        const auto child = OK(::fork());
        if (child == 0) {
            ::execl("./program", "program", nullptr);
            ::_exit(errno);
        }
        int how = 0;
        OK(::waitpid(static_cast<pid_t>(child), &how, 0));
        return WEXITSTATUS(how);
    };
    SAME(7, exit_of());
    OK(::chmod("program", 0644));
    SAME(EACCES, exit_of());
}
CASE("permissions", "an executable file copied here runs") {
    const int from = open_file("/bin/true", O_RDONLY);
    const int to = open_file("true", O_CREAT | O_WRONLY, 0755);
    struct stat size{};
    OK(::fstat(from, &size));
    const auto bytes = get(from, static_cast<std::size_t>(size.st_size), 0);
    SAME(size.st_size, ::write(to, bytes.data(), bytes.size()));
    OK(::close(to));
    const auto child = OK(::fork());
    if (child == 0) {
        ::execl("./true", "true", nullptr);
        ::_exit(1);
    }
    int how = 0;
    OK(::waitpid(static_cast<pid_t>(child), &how, 0));
    SAME(0, how);
}
CASE("permissions", "what is made belongs to who makes it") {
    const As alice(kAlice);
    put("a");
    OK(::mkdir("d", 0755));
    OK(::symlink("a", "l"));
    OK(::mkfifo("f", 0600));
    for (const char* const name : {"a", "d", "l", "f"}) {
        SAME(kAlice, link_status(name).st_uid);
        SAME(kAlice, link_status(name).st_gid);
    }
}
CASE("permissions", "who may write to the directory may remove another's file") {
    if (::geteuid() != 0) skip("needs root");
    put("a", "x", 0600);
    const As alice(kAlice);
    OK(::unlink("a"));
}
CASE("permissions", "a directory moves only when it may be written to itself") {
    if (::geteuid() != 0) skip("needs root");
    OK(::mkdir("from", 0777));
    OK(::mkdir("to", 0777));
    OK(::chmod("from", 0777));
    OK(::chmod("to", 0777));
    OK(::mkdir("from/d", 0555));
    OK(::chown("from/d", kAlice, kAlice));
    const As alice(kAlice);
    FAILS(EACCES, ::rename("from/d", "to/d"));
    OK(::rename("from/d", "from/e"));
}

}  // namespace
}  // namespace posix
