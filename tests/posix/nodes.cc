// Fifos, sockets and devices.
#include "tests/posix/harness.h"

#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

namespace posix {
namespace {

CASE("nodes", "a fifo has its type and the mode less the umask") {
    ::umask(022);
    OK(::mkfifo("f", 0666));
    SAME(static_cast<mode_t>(S_IFIFO | 0644), link_status("f").st_mode);
    SAME(0, link_status("f").st_size);
}
CASE("nodes", "a fifo carries bytes between processes") {
    OK(::mkfifo("f", 0600));
    const auto child = OK(::fork());
    if (child == 0) {
        const int out = ::open("f", O_WRONLY);
        ::_exit(::write(out, "through", 7) == 7 ? 0 : 1);
    }
    const int in = open_file("f", O_RDONLY);
    char bytes[10] = {};
    SAME(7, ::read(in, bytes, sizeof bytes));
    SAME("through", std::string(bytes));
}
CASE("nodes", "a fifo without a reader is ENXIO for a writer that does not wait") {
    OK(::mkfifo("f", 0600));
    FAILS(ENXIO, ::open("f", O_WRONLY | O_NONBLOCK));
    OK(::open("f", O_RDONLY | O_NONBLOCK));
}
CASE("nodes", "a name that is taken is EEXIST") {
    put("a");
    OK(::mkdir("d", 0755));
    OK(::symlink("x", "l"));
    for (const char* const name : {"a", "d", "l"}) {
        FAILS(EEXIST, ::mkfifo(name, 0600));
        FAILS(EEXIST, ::mknod(name, S_IFREG | 0600, 0));
    }
}
CASE("nodes", "a socket is bound, found, and answers") {
    const int server = static_cast<int>(OK(::socket(AF_UNIX, SOCK_STREAM, 0)));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, "s");
    OK(::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address));
    OK(::listen(server, 1));
    HOLDS(S_ISSOCK(link_status("s").st_mode));
    const int client = static_cast<int>(OK(::socket(AF_UNIX, SOCK_STREAM, 0)));
    OK(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address));
    const int other = static_cast<int>(OK(::accept(server, nullptr, nullptr)));
    OK(::write(client, "x", 1));
    char byte = 0;
    OK(::read(other, &byte, 1));
    SAME('x', byte);
    FAILS(EADDRINUSE, ::bind(static_cast<int>(OK(::socket(AF_UNIX, SOCK_STREAM, 0))),
                             reinterpret_cast<sockaddr*>(&address), sizeof address));
    FAILS(ENXIO, ::open("s", O_RDWR));
    OK(::unlink("s"));
}
CASE("nodes", "a device keeps its numbers and kind") {
    if (::geteuid() != 0) skip("needs root");
    for (const auto type : {mode_t{S_IFCHR}, mode_t{S_IFBLK}}) {
        if (::mknod("d", type | 0600, makedev(250, 77)) != 0) {
            if (errno == EPERM) skip("devices may not be made here");
            OK(-1);
        }
        const auto there = link_status("d");
        SAME(static_cast<mode_t>(type | 0600), there.st_mode);
        SAME(250u, major(there.st_rdev));
        SAME(77u, minor(there.st_rdev));
        OK(::rename("d", "e"));
        SAME(77u, minor(link_status("e").st_rdev));
        OK(::unlink("e"));
    }
}
CASE("nodes", "a device with large numbers keeps them") {
    if (::geteuid() != 0) skip("needs root");
    if (::mknod("d", S_IFCHR | 0600, makedev(0xabc, 0x12345)) != 0 && errno == EPERM)
        skip("devices may not be made here");
    SAME(0xabcu, major(link_status("d").st_rdev));
    SAME(0x12345u, minor(link_status("d").st_rdev));
}
CASE("nodes", "only root makes devices") {
    const As alice(kAlice);
    FAILS(EPERM, ::mknod("d", S_IFCHR | 0600, makedev(1, 3)));
    OK(::mknod("f", S_IFIFO | 0600, 0));
}
CASE("nodes", "mknod makes a file") {
    OK(::mknod("a", S_IFREG | 0640, 0));
    SAME(static_cast<mode_t>(S_IFREG | 0640), status("a").st_mode);
    put("a", "x");
    SAME("x", get("a"));
}
CASE("nodes", "permissions, owner and times of a fifo are kept") {
    if (::geteuid() != 0) skip("needs root");
    OK(::mkfifo("f", 0600));
    OK(::chmod("f", 0642));
    OK(::chown("f", kAlice, kBob));
    const timespec times[] = {{1000, 0}, {2000, 0}};
    OK(::utimensat(AT_FDCWD, "f", times, 0));
    const auto there = link_status("f");
    SAME(static_cast<mode_t>(S_IFIFO | 0642), there.st_mode);
    SAME(kAlice, there.st_uid);
    SAME(kBob, there.st_gid);
    SAME(2000, there.st_mtim.tv_sec);
}
CASE("nodes", "a fifo cannot be cut or sought in") {
    OK(::mkfifo("f", 0600));
    const int file = open_file("f", O_RDWR);
    FAILS(EINVAL, ::ftruncate(file, 0));
    FAILS(ESPIPE, ::lseek(file, 0, SEEK_SET));
}

}  // namespace
}  // namespace posix
