// flock(2), fcntl(2) locks of processes and of open files.
#include "tests/posix/harness.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

namespace posix {
namespace {

int lock(int file, int command, short type, off_t start = 0, off_t length = 0) {
    struct flock wanted{};
    wanted.l_type = type;
    wanted.l_whence = SEEK_SET;
    wanted.l_start = start;
    wanted.l_len = length;
    return ::fcntl(file, command, &wanted);
}
// Whether another process may take the lock.
void other_may(bool may, int command, short type, off_t start = 0, off_t length = 0) {
    in_child([=] {
        const int file = open_file("a", O_RDWR);
        if (may) OK(lock(file, command, type, start, length));
        if (!may) FAILS_EITHER(EAGAIN, EACCES, lock(file, command, type, start, length));
    });
}

CASE("locks", "flock: one exclusive, many shared") {
    put("a");
    const int one = open_file("a", O_RDWR);
    const int two = open_file("a", O_RDWR);
    OK(::flock(one, LOCK_EX | LOCK_NB));
    FAILS(EWOULDBLOCK, ::flock(two, LOCK_EX | LOCK_NB));
    FAILS(EWOULDBLOCK, ::flock(two, LOCK_SH | LOCK_NB));
    OK(::flock(one, LOCK_SH | LOCK_NB));
    OK(::flock(two, LOCK_SH | LOCK_NB));
    FAILS(EWOULDBLOCK, ::flock(two, LOCK_EX | LOCK_NB));
    OK(::flock(one, LOCK_UN));
    OK(::flock(two, LOCK_EX | LOCK_NB));
}
CASE("locks", "flock ends with the last copy of its descriptor") {
    put("a");
    const int one = open_file("a", O_RDWR);
    OK(::flock(one, LOCK_EX | LOCK_NB));
    const int copy = static_cast<int>(OK(::dup(one)));
    OK(::close(one));
    const int two = open_file("a", O_RDWR);
    FAILS(EWOULDBLOCK, ::flock(two, LOCK_EX | LOCK_NB));
    OK(::close(copy));
    OK(::flock(two, LOCK_EX | LOCK_NB));
}
CASE("locks", "flock waits for a process that ends") {
    put("a");
    int told[2];
    OK(::pipe(told));
    const auto child = OK(::fork());
    if (child == 0) {
        const int file = ::open("a", O_RDWR);
        const bool good = ::flock(file, LOCK_EX) == 0 && ::write(told[1], "x", 1) == 1;
        ::usleep(20'000);
        ::_exit(good ? 0 : 1);
    }
    char byte = 0;
    OK(::read(told[0], &byte, 1));
    OK(::flock(open_file("a", O_RDWR), LOCK_EX));
    int how = 0;
    OK(::waitpid(static_cast<pid_t>(child), &how, 0));
    SAME(0, how);
}
CASE("locks", "flock of a directory") {
    OK(::mkdir("d", 0755));
    const int one = open_file("d", O_RDONLY | O_DIRECTORY);
    const int two = open_file("d", O_RDONLY | O_DIRECTORY);
    OK(::flock(one, LOCK_EX | LOCK_NB));
    FAILS(EWOULDBLOCK, ::flock(two, LOCK_EX | LOCK_NB));
}
CASE("locks", "fcntl: a range is locked against other processes") {
    put("a", "0123456789");
    const int file = open_file("a", O_RDWR);
    OK(lock(file, F_SETLK, F_WRLCK, 2, 3));
    other_may(false, F_SETLK, F_WRLCK, 4, 1);
    other_may(false, F_SETLK, F_RDLCK, 0, 3);
    other_may(true, F_SETLK, F_WRLCK, 5, 10);
    other_may(true, F_SETLK, F_WRLCK, 0, 2);
    OK(lock(file, F_SETLK, F_UNLCK, 2, 2));
    other_may(true, F_SETLK, F_WRLCK, 2, 2);
    other_may(false, F_SETLK, F_WRLCK, 4, 1);
}
CASE("locks", "fcntl: readers share, a writer does not") {
    put("a");
    const int file = open_file("a", O_RDWR);
    OK(lock(file, F_SETLK, F_RDLCK));
    other_may(true, F_SETLK, F_RDLCK);
    other_may(false, F_SETLK, F_WRLCK);
}
CASE("locks", "fcntl: F_GETLK tells who has it") {
    put("a");
    const int file = open_file("a", O_RDWR);
    OK(lock(file, F_SETLK, F_WRLCK, 10, 5));
    const auto owner = ::getpid();
    in_child([owner] {
        struct flock asked{};
        asked.l_type = F_RDLCK;
        OK(::fcntl(open_file("a", O_RDWR), F_GETLK, &asked));
        SAME(F_WRLCK, static_cast<int>(asked.l_type));
        SAME(owner, asked.l_pid);
        SAME(10, asked.l_start);
        SAME(5, asked.l_len);
    });
}
CASE("locks", "fcntl: a process's locks end when it closes any descriptor of the file") {
    put("a");
    const int file = open_file("a", O_RDWR);
    OK(lock(file, F_SETLK, F_WRLCK));
    OK(::close(open_file("a", O_RDONLY)));
    other_may(true, F_SETLK, F_WRLCK);
}
CASE("locks", "fcntl: a child does not inherit them") {
    put("a");
    const int file = open_file("a", O_RDWR);
    OK(lock(file, F_SETLK, F_WRLCK));
    in_child([file] { FAILS_EITHER(EAGAIN, EACCES, lock(file, F_SETLK, F_WRLCK)); });
}
CASE("locks", "fcntl: a lock needs the descriptor's right") {
    put("a");
    FAILS(EBADF, lock(open_file("a", O_RDONLY), F_SETLK, F_WRLCK));
    FAILS(EBADF, lock(open_file("a", O_WRONLY), F_SETLK, F_RDLCK));
}
CASE("locks", "fcntl: two that wait for each other are EDEADLK") {
    put("a");
    const int file = open_file("a", O_RDWR);
    OK(lock(file, F_SETLK, F_WRLCK, 0, 1));
    int told[2];
    OK(::pipe(told));
    const auto child = OK(::fork());
    if (child == 0) {
        const int other = ::open("a", O_RDWR);
        const bool good = lock(other, F_SETLK, F_WRLCK, 1, 1) == 0 && ::write(told[1], "x", 1) == 1;
        // Waits for the parent until the parent's own wait is refused and it lets go.
        ::_exit(good && (lock(other, F_SETLKW, F_WRLCK, 0, 1) == 0 || errno == EDEADLK) ? 0 : 1);
    }
    char byte = 0;
    OK(::read(told[0], &byte, 1));
    const int waited = lock(file, F_SETLKW, F_WRLCK, 1, 1);
    HOLDS(waited == 0 || errno == EDEADLK);
    OK(lock(file, F_SETLK, F_UNLCK));
    int how = 0;
    OK(::waitpid(static_cast<pid_t>(child), &how, 0));
    SAME(0, how);
}
CASE("locks", "open file locks hold within one process") {
    put("a");
    const int one = open_file("a", O_RDWR);
    const int two = open_file("a", O_RDWR);
    OK(lock(one, F_OFD_SETLK, F_WRLCK, 0, 10));
    FAILS_EITHER(EAGAIN, EACCES, lock(two, F_OFD_SETLK, F_WRLCK, 5, 1));
    OK(lock(two, F_OFD_SETLK, F_WRLCK, 10, 1));
    OK(::close(open_file("a", O_RDONLY)));
    FAILS_EITHER(EAGAIN, EACCES, lock(two, F_OFD_SETLK, F_RDLCK, 5, 1));
    OK(::close(one));
    OK(lock(two, F_OFD_SETLK, F_WRLCK, 5, 1));
}
CASE("locks", "open file locks and locks of processes see each other") {
    put("a");
    const int one = open_file("a", O_RDWR);
    OK(lock(one, F_OFD_SETLK, F_WRLCK));
    other_may(false, F_SETLK, F_WRLCK);
}
CASE("locks", "stay on a file that is renamed and on one that is unlinked") {
    put("a");
    const int one = open_file("a", O_RDWR);
    OK(::flock(one, LOCK_EX | LOCK_NB));
    OK(::rename("a", "b"));
    FAILS(EWOULDBLOCK, ::flock(open_file("b", O_RDWR), LOCK_EX | LOCK_NB));
    put("a");
    OK(::flock(open_file("a", O_RDWR), LOCK_EX | LOCK_NB));
    const int two = open_file("b", O_RDWR);
    OK(::unlink("b"));
    FAILS(EWOULDBLOCK, ::flock(two, LOCK_EX | LOCK_NB));
}
CASE("locks", "do not stop reading and writing") {
    put("a", "x");
    OK(::flock(open_file("a", O_RDWR), LOCK_EX));
    put("a", "y");
    SAME("y", get("a"));
}

}  // namespace
}  // namespace posix
