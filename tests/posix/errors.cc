// Every call that takes a path, against every way a path can be wrong: a table of calls and a table of wrong paths.
#include "tests/posix/harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

namespace posix {
namespace {

struct PathCall {
    const char* name;
    int (*call)(const char* path);
    // It would make the name: that the last name is missing is no error.
    bool makes = false;
    // It changes the folder that the path ends in.
    bool changes = false;
};

int close_if_open(int file) {
    return file < 0 ? -1 : ::close(file);
}

const PathCall kCalls[] = {
    {"open for reading", [](const char* path) { return close_if_open(::open(path, O_RDONLY)); }},
    {"open for writing", [](const char* path) { return close_if_open(::open(path, O_WRONLY)); }},
    {"open with O_CREAT", [](const char* path) { return close_if_open(::open(path, O_CREAT | O_RDWR, 0644)); }, true,
     true},
    {"open with O_CREAT and O_EXCL",
     [](const char* path) { return close_if_open(::open(path, O_CREAT | O_EXCL | O_RDWR, 0644)); }, true, true},
    {"stat",
     [](const char* path) {
         struct stat out{};
         return ::stat(path, &out);
     }},
    {"lstat",
     [](const char* path) {
         struct stat out{};
         return ::lstat(path, &out);
     }},
    {"access", [](const char* path) { return ::faccessat(AT_FDCWD, path, F_OK, AT_EACCESS); }},
    {"chmod", [](const char* path) { return ::chmod(path, 0600); }},
    {"chown", [](const char* path) { return ::chown(path, static_cast<uid_t>(-1), static_cast<gid_t>(-1)); }},
    {"lchown", [](const char* path) { return ::lchown(path, static_cast<uid_t>(-1), static_cast<gid_t>(-1)); }},
    {"truncate", [](const char* path) { return ::truncate(path, 0); }},
    {"unlink", [](const char* path) { return ::unlink(path); }, false, true},
    {"rmdir", [](const char* path) { return ::rmdir(path); }, false, true},
    {"mkdir", [](const char* path) { return ::mkdir(path, 0755); }, true, true},
    {"symlink", [](const char* path) { return ::symlink("target", path); }, true, true},
    {"link from", [](const char* path) { return ::link(path, "other"); }},
    {"link to", [](const char* path) { return ::link("file", path); }, true, true},
    {"rename from", [](const char* path) { return ::rename(path, "other"); }, false, true},
    {"rename to", [](const char* path) { return ::rename("file", path); }, true, true},
    {"mkfifo", [](const char* path) { return ::mkfifo(path, 0644); }, true, true},
    {"mknod", [](const char* path) { return ::mknod(path, S_IFREG | 0644, 0); }, true, true},
    {"readlink",
     [](const char* path) {
         char out[8];
         return static_cast<int>(::readlink(path, out, sizeof out));
     }},
    {"utimensat", [](const char* path) { return ::utimensat(AT_FDCWD, path, nullptr, 0); }},
    {"setxattr", [](const char* path) { return ::setxattr(path, "user.a", "b", 1, 0); }},
    {"getxattr",
     [](const char* path) {
         char out[8];
         return static_cast<int>(::getxattr(path, "user.a", out, sizeof out));
     }},
    {"listxattr",
     [](const char* path) {
         char out[8];
         return static_cast<int>(::listxattr(path, out, sizeof out));
     }},
    {"statfs",
     [](const char* path) {
         struct statfs out{};
         return ::statfs(path, &out);
     }},
    {"opening a directory", [](const char* path) { return close_if_open(::open(path, O_RDONLY | O_DIRECTORY)); }},
    {"chdir", [](const char* path) { return ::chdir(path); }},
    {"execve",
     [](const char* path) {
         char* none[] = {nullptr};
         return ::execve(path, none, none);
     }},
};

struct WrongPath {
    const char* name;
    int error;
    std::string (*make)();
    bool (*applies)(const PathCall&) = [](const PathCall&) { return true; };
};

const WrongPath kWrongPaths[] = {
    {"of a name that is missing", ENOENT, [] { return std::string("none"); },
     [](const PathCall& call) { return !call.makes; }},
    {"below a directory that is missing", ENOENT, [] { return std::string("none/name"); }},
    {"below a file", ENOTDIR, [] { return std::string("file/name"); }},
    {"below a link to nothing", ENOENT,
     [] {
         OK(::symlink("nothing", "dangling"));
         return std::string("dangling/name");
     }},
    {"of a name of 256 bytes", ENAMETOOLONG, [] { return long_name(256); }},
    {"below a name of 256 bytes", ENAMETOOLONG, [] { return long_name(256) + "/name"; }},
    {"of a path of 4,096 bytes", ENAMETOOLONG,
     [] {
         std::string path;
         while (path.size() < 4096) path += "./";
         return path.substr(0, 4096);
     }},
    {"through links in a circle", ELOOP,
     [] {
         OK(::symlink("two", "one"));
         OK(::symlink("one", "two"));
         return std::string("one/name");
     }},
    {"of an empty path", ENOENT, [] { return std::string(); }},
};

// link() does not follow, and the rest say the same of a name that ends in a slash.
void enlist_wrong_paths() {
    for (const auto& call : kCalls) {
        for (const auto& wrong : kWrongPaths) {
            if (!wrong.applies(call)) continue;
            Enlist("errors", std::string(call.name) + " " + wrong.name + " is " + error_name(wrong.error),
                   [&call, &wrong] {
                       put("file");
                       const auto path = wrong.make();
                       refuse(call.name, {wrong.error}, (errno = 0, call.call(path.c_str())));
                   });
        }
    }
}

void enlist_unsearchable() {
    for (const auto& call : kCalls) {
        Enlist("permissions", std::string(call.name) + " below a directory that may not be searched is EACCES",
               [&call] {
                   OK(::mkdir("closed", 0755));
                   put("closed/name", "", 0666);
                   put("file", "", 0666);
                   OK(::chown("file", kAlice, kAlice));
                   OK(::chmod("closed", 0644));
                   const As alice(kAlice);
                   refuse(call.name, {EACCES}, (errno = 0, call.call("closed/name")));
               });
        if (!call.changes) continue;
        Enlist("permissions", std::string(call.name) + " in a directory that may not be written to is EACCES", [&call] {
            OK(::mkdir("closed", 0755));
            put("file");
            OK(::chown("file", kAlice, kAlice));
            const bool directory = std::string_view(call.name) == "rmdir";
            if (directory) OK(::mkdir("closed/name", 0777));
            if (!call.makes && !directory) put("closed/name", "", 0666);
            const As alice(kAlice);
            refuse(call.name, {EACCES}, (errno = 0, call.call("closed/name")));
        });
    }
}

const bool kEnlisted = (enlist_wrong_paths(), enlist_unsearchable(), true);

CASE("errors", "every call on a closed descriptor is EBADF") {
    const int file = open_file("file", O_CREAT | O_RDWR);
    OK(::close(file));
    char byte = 0;
    struct stat out{};
    FAILS(EBADF, ::read(file, &byte, 1));
    FAILS(EBADF, ::write(file, &byte, 1));
    FAILS(EBADF, ::lseek(file, 0, SEEK_SET));
    FAILS(EBADF, ::fstat(file, &out));
    FAILS(EBADF, ::ftruncate(file, 0));
    FAILS(EBADF, ::fsync(file));
    FAILS(EBADF, ::fchmod(file, 0600));
    FAILS(EBADF, ::fchown(file, 0, 0));
    FAILS(EBADF, ::futimens(file, nullptr));
    FAILS(EBADF, ::close(file));
}
CASE("errors", "EFAULT of a buffer that is not there, and the file is whole") {
    put("file", "content");
    const int file = open_file("file", O_RDWR);
    FAILS(EFAULT, ::write(file, nullptr, 10));
    FAILS(EFAULT, ::pread(file, nullptr, 4, 0));
    SAME("content", get("file"));
}
CASE("errors", "a file on another file system is EXDEV") {
    put("file");
    FAILS(EXDEV, ::rename("file", "/proc/self/name"));
    FAILS(EXDEV, ::link("/proc/self/stat", "name"));
    HOLDS(exists("file"));
}

}  // namespace
}  // namespace posix
