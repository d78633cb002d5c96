// read(2), and reading directories.
#include "tests/posix/harness.h"

#include <algorithm>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <set>
#include <sys/sendfile.h>

namespace posix {
namespace {

CASE("read", "reads end at the end of the file") {
    put("a", "abc");
    const int file = open_file("a", O_RDONLY);
    char out[10];
    SAME(3, ::read(file, out, sizeof out));
    SAME(0, ::read(file, out, sizeof out));
    SAME(0, ::pread(file, out, sizeof out, 100));
    SAME(1, ::pread(file, out, sizeof out, 2));
    SAME(0, ::pread(file, out, 0, 0));
}
CASE("read", "lseek goes from the start, the place and the end, and beyond") {
    put("a", "0123456789");
    const int file = open_file("a", O_RDONLY);
    SAME(4, ::lseek(file, 4, SEEK_SET));
    SAME(6, ::lseek(file, 2, SEEK_CUR));
    SAME(7, ::lseek(file, -3, SEEK_END));
    SAME("789", get(file, 10, 7));
    SAME(110, ::lseek(file, 100, SEEK_END));
    char byte = 0;
    SAME(0, ::read(file, &byte, 1));
    SAME(10, status("a").st_size);
}
CASE("read", "sendfile sends a part of a file") {
    put("a", "0123456789");
    const int in = open_file("a", O_RDONLY);
    const int out = open_file("b", O_CREAT | O_WRONLY);
    off_t at = 3;
    SAME(4, ::sendfile(out, in, &at, 4));
    SAME(7, at);
    SAME("3456", get("b"));
}
CASE("read", "splice through a pipe keeps the bytes") {
    put("a", "0123456789");
    int pipe[2];
    OK(::pipe(pipe));
    const int in = open_file("a", O_RDONLY);
    const int out = open_file("b", O_CREAT | O_WRONLY);
    SAME(10, ::splice(in, nullptr, pipe[1], nullptr, 100, 0));
    SAME(10, ::splice(pipe[0], nullptr, out, nullptr, 10, 0));
    SAME("0123456789", get("b"));
}
CASE("read", "readahead and posix_fadvise are let pass") {
    put("a", std::string(100'000, 'x'));
    const int file = open_file("a", O_RDONLY);
    OK(::readahead(file, 0, 100'000));
    SAME(0, ::posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL));
    SAME(0, ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED));
    SAME(std::string(100'000, 'x'), get("a"));
}

// ---- directories ----
void fill(const std::string& folder, int count) {
    OK(::mkdir(folder.c_str(), 0755));
    for (int i = 0; i < count; ++i) put(folder + "/" + std::to_string(i));
}

CASE("readdir", "an empty directory has dot and dot-dot alone") {
    OK(::mkdir("d", 0755));
    DIR* const directory = ::opendir("d");
    std::set<std::string> seen;
    while (const auto* entry = ::readdir(directory)) seen.insert(entry->d_name);
    HOLDS((seen == std::set<std::string>{".", ".."}));
    ::closedir(directory);
}
CASE("readdir", "2,500 names are each told once") {
    fill("d", 2500);
    auto seen = names("d");
    SAME(2500u, seen.size());
    HOLDS(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
}
CASE("readdir", "types and inodes are those that stat tells") {
    put("file");
    OK(::mkdir("directory", 0755));
    OK(::symlink("x", "link"));
    OK(::mkfifo("fifo", 0644));
    DIR* const directory = ::opendir(".");
    int seen = 0;
    while (const auto* entry = ::readdir(directory)) {
        if (entry->d_name[0] == '.') continue;
        const auto there = link_status(entry->d_name);
        SAME(there.st_ino, entry->d_ino);
        if (entry->d_type != DT_UNKNOWN) SAME(there.st_mode & S_IFMT, static_cast<mode_t>(DTTOIF(entry->d_type)));
        ++seen;
    }
    ::closedir(directory);
    SAME(4, seen);
}
CASE("readdir", "telldir and seekdir come back to any entry") {
    fill("d", 300);
    DIR* const directory = ::opendir("d");
    std::vector<std::pair<long, std::string>> places;
    for (;;) {
        const auto at = ::telldir(directory);
        const auto* entry = ::readdir(directory);
        if (entry == nullptr) break;
        places.emplace_back(at, entry->d_name);
    }
    SAME(302u, places.size());
    for (std::size_t i = 0; i < places.size(); i += 37) {
        ::seekdir(directory, places[i].first);
        SAME(places[i].second, std::string(::readdir(directory)->d_name));
    }
    ::closedir(directory);
}
CASE("readdir", "rewinddir begins again and shows what was made since") {
    fill("d", 3);
    DIR* const directory = ::opendir("d");
    while (::readdir(directory) != nullptr) {
    }
    put("d/new");
    OK(::unlink("d/0"));
    ::rewinddir(directory);
    std::set<std::string> seen;
    while (const auto* entry = ::readdir(directory)) seen.insert(entry->d_name);
    HOLDS((seen == std::set<std::string>{".", "..", "1", "2", "new"}));
    ::closedir(directory);
}
CASE("readdir", "names that stay are told once while others are made") {
    fill("d", 1500);
    DIR* const directory = ::opendir("d");
    std::multiset<std::string> seen;
    int made = 0;
    while (const auto* entry = ::readdir(directory)) {
        seen.insert(entry->d_name);
        if (seen.size() % 10 == 0) put("d/new" + std::to_string(made++));
    }
    ::closedir(directory);
    for (int i = 0; i < 1500; ++i) SAME(1u, seen.count(std::to_string(i)));
}
CASE("readdir", "names that stay are told once while others are removed") {
    fill("d", 1500);
    DIR* const directory = ::opendir("d");
    std::multiset<std::string> seen;
    int removed = 0;
    while (const auto* entry = ::readdir(directory)) {
        seen.insert(entry->d_name);
        // Names of even number go while the directory is read.
        if (removed < 1500) {
            OK(::unlink(("d/" + std::to_string(removed)).c_str()));
            removed += 2;
        }
    }
    ::closedir(directory);
    for (int i = 1; i < 1500; i += 2) SAME(1u, seen.count(std::to_string(i)));
    SAME(750u, names("d").size());
}
CASE("readdir", "a directory is emptied by unlinking what readdir tells") {
    fill("d", 1200);
    DIR* const directory = ::opendir("d");
    while (const auto* entry = ::readdir(directory)) {
        if (entry->d_name[0] != '.') OK(::unlinkat(::dirfd(directory), entry->d_name, 0));
    }
    ::closedir(directory);
    OK(::rmdir("d"));
}
CASE("readdir", "names that stay are told once while others are renamed") {
    fill("d", 1000);
    DIR* const directory = ::opendir("d");
    std::multiset<std::string> seen;
    int moved = 0;
    while (const auto* entry = ::readdir(directory)) {
        seen.insert(entry->d_name);
        if (moved < 1000) {
            const auto name = "d/" + std::to_string(moved);
            OK(::rename(name.c_str(), ("d/z" + std::to_string(moved)).c_str()));
            moved += 2;
        }
    }
    ::closedir(directory);
    for (int i = 1; i < 1000; i += 2) SAME(1u, seen.count(std::to_string(i)));
}
CASE("readdir", "a directory that was removed while open has no more entries") {
    OK(::mkdir("d", 0755));
    DIR* const directory = ::opendir("d");
    OK(::rmdir("d"));
    ::rewinddir(directory);
    while (const auto* entry = ::readdir(directory)) HOLDS(entry->d_name[0] == '.');
    ::closedir(directory);
}
CASE("readdir", "a directory renamed while open is read on") {
    fill("d", 500);
    DIR* const directory = ::opendir("d");
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) seen.insert(::readdir(directory)->d_name);
    OK(::rename("d", "e"));
    while (const auto* entry = ::readdir(directory)) seen.insert(entry->d_name);
    ::closedir(directory);
    SAME(502u, seen.size());
}
CASE("readdir", "two readers of one directory do not disturb each other") {
    fill("d", 400);
    DIR* const one = ::opendir("d");
    DIR* const two = ::opendir("d");
    int first = 0;
    int second = 0;
    while (::readdir(one) != nullptr) {
        ++first;
        if (first % 2 == 0 && ::readdir(two) != nullptr) ++second;
    }
    while (::readdir(two) != nullptr) ++second;
    SAME(402, first);
    SAME(402, second);
    ::closedir(one);
    ::closedir(two);
}
CASE("readdir", "a listing shows a file that is written and not yet closed with its size") {
    const int file = open_file("a", O_CREAT | O_RDWR);
    OK(::write(file, "12345", 5));
    SAME("a", names().front());
    SAME(5, status("a").st_size);
}
CASE("readdir", "of a file is ENOTDIR") {
    put("a");
    HOLDS(::opendir("a") == nullptr && errno == ENOTDIR);
}
CASE("readdir", "long names fill many answers") {
    OK(::mkdir("d", 0755));
    for (int i = 0; i < 300; ++i) put("d/" + std::string(250, 'n') + std::to_string(1000 + i));
    SAME(300u, names("d").size());
}

}  // namespace
}  // namespace posix
