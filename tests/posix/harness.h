// Cases of posix_conformance and what they are written with. A case is a function that runs in a process of its own, in
// an empty folder of its own, which is its working directory; it ends well or throws Failure.
//
//     CASE("unlink", "a name that is not there is ENOENT") { FAILS(ENOENT, unlink("none")); }
//
// Standards: POSIX.1-2017, and the Linux manual pages for what is Linux's own.
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

namespace posix {

struct Case {
    std::string area;
    std::string name;
    std::function<void()> run;
    std::string title() const { return area + ": " + name; }
};

std::vector<Case>& cases();

struct Enlist {
    Enlist(std::string area, std::string name, std::function<void()> run);
};

// What a case throws: what was expected and what came.
struct Failure {
    std::string text;
};
// The file system or the machine lacks what the case is about, and may.
struct Skipped {
    std::string reason;
};
[[noreturn]] void fail(std::string_view what, std::string_view expected, std::string_view got);
[[noreturn]] void skip(std::string reason);

// "ENOENT"; 0 is "success".
std::string error_name(int error);

// The result of a call that must succeed: not -1.
std::int64_t succeed(std::string_view what, std::int64_t result);
// A call that must return -1 with this errno, or one of these.
void refuse(std::string_view what, std::initializer_list<int> wanted, std::int64_t result);

template <typename Expected, typename Got>
void same(std::string_view what, const Expected& expected, const Got& got) {
    if (got == static_cast<Got>(expected)) return;
    std::ostringstream wanted;
    std::ostringstream came;
    wanted << static_cast<Got>(expected);
    came << got;
    fail(what, wanted.str(), came.str());
}
void hold(std::string_view what, bool holds);

// ---- in the working directory ----
// Makes or replaces a file.
void put(const std::string& path, std::string_view content = "", mode_t mode = 0644);
std::string get(const std::string& path);
std::string get(int file, std::size_t most, off_t offset);
struct stat status(const std::string& path);                      // follows links
struct stat link_status(const std::string& path);                 // does not
bool exists(const std::string& path);                             // the name itself
std::vector<std::string> names(const std::string& folder = ".");  // sorted, without the dots
int open_file(const std::string& path, int flags, mode_t mode = 0644);
std::int64_t nanoseconds(const timespec& time);
// Waits until the clock of the file system's times has gone on; returns when.
void next_tick();
inline std::string long_name(std::size_t bytes) {
    return std::string(bytes, 'n');
}

// As this user for the life of the object, with no capability; needs root.
class As {
 public:
    explicit As(uid_t user, gid_t group = 0, std::vector<gid_t> groups = {});
    ~As();
    As(const As&) = delete;

 private:
    std::vector<gid_t> before_;
};
constexpr uid_t kAlice = 65533;
constexpr uid_t kBob = 65532;

// Runs in a child process; the child's Failure is thrown again here.
void in_child(const std::function<void()>& act);

}  // namespace posix

#define POSIX_JOIN2(a, b) a##b
#define POSIX_JOIN(a, b) POSIX_JOIN2(a, b)
#define POSIX_TEXT2(x) #x
#define POSIX_TEXT(x) POSIX_TEXT2(x)
#define POSIX_HERE(x) "line " POSIX_TEXT(__LINE__) ": " #x
#define CASE(area, name)                                                                                 \
    static void POSIX_JOIN(case_, __LINE__)();                                                           \
    static const ::posix::Enlist POSIX_JOIN(enlist_, __LINE__)(area, name, POSIX_JOIN(case_, __LINE__)); \
    static void POSIX_JOIN(case_, __LINE__)()
#define OK(call) ::posix::succeed(POSIX_HERE(call), (errno = 0, static_cast<std::int64_t>(call)))
#define FAILS(error, call) ::posix::refuse(POSIX_HERE(call), {error}, (errno = 0, static_cast<std::int64_t>(call)))
// With one of two errors.
#define FAILS_EITHER(one, two, call) \
    ::posix::refuse(POSIX_HERE(call), {one, two}, (errno = 0, static_cast<std::int64_t>(call)))
#define SAME(expected, got) ::posix::same(POSIX_HERE(got), expected, got)
#define HOLDS(what) ::posix::hold(POSIX_HERE(what), what)
