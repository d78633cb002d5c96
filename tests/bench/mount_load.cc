// Load for the bench of folders: one job of one thread on any file system, as a program would do it.
//
//   mount_load make FOLDER COUNT BYTES    files f000000, f000001, … of so many bytes
//   mount_load stat FOLDER COUNT SECONDS  stat() of the first COUNT of them, over and over; 0 seconds: each once
//   mount_load create FOLDER SECONDS      creates a file, writes 4 KiB, closes it; then the next
//   mount_load write FILE MIB             writes so many MiB in order, one at a time, and closes the file
//   mount_load read FILE SECONDS          reads the file in MiBs, over and over; 0 seconds: once
//   mount_load random FILE SECONDS        writes 4 KiB somewhere in the file and syncs it; then the next
//   mount_load walk FOLDER                reads folder after folder, with an lstat() of each entry, as ls -lR
//   mount_load rename FROM TO
//
// "Over and over" begins after one round that is not counted. Prints one line of JSON: count (calls, files or entries),
// bytes, seconds. A call that fails is told on the standard error and ends it with 1.
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <random>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Words = std::vector<std::string>;

constexpr std::size_t kMiB = 1 << 20;
constexpr std::size_t kSmall = 4 << 10;

struct Outcome {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
    double seconds = 0;
};

// Ends the program when a call failed; else its result.
template <typename T>
T must(T result, const std::string& what) {
    if (result < 0) {
        std::fprintf(stderr, "mount_load: %s: %s\n", what.c_str(), std::strerror(errno));
        std::exit(1);
    }
    return result;
}

class Watch {
 public:
    explicit Watch(double limit = 0) : limit_(limit) {}
    double seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }
    bool over() const { return seconds() >= limit_; }

 private:
    double limit_;
    Clock::time_point began_ = Clock::now();
};

std::string file_name(const std::string& folder, std::uint64_t number) {
    char name[16];
    std::snprintf(name, sizeof name, "/f%06llu", static_cast<unsigned long long>(number));
    return folder + name;
}

// No two runs write the same: what a store has already it need not write again.
std::uint64_t fresh_seed() {
    return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
}

// Bytes that do not compress.
std::vector<char> noise(std::size_t size, std::uint64_t seed) {
    std::vector<char> out(size);
    std::mt19937_64 dice(seed);
    for (std::size_t i = 0; i + sizeof seed <= size; i += sizeof seed) {
        const std::uint64_t value = dice();
        std::memcpy(out.data() + i, &value, sizeof value);
    }
    return out;
}
void stamp(std::vector<char>& block, std::uint64_t number) {
    if (block.size() >= sizeof number) std::memcpy(block.data(), &number, sizeof number);
}

void put(int fd, const std::vector<char>& bytes, const std::string& what) {
    for (std::size_t done = 0; done < bytes.size();) {
        done += static_cast<std::size_t>(must(::write(fd, bytes.data() + done, bytes.size() - done), what));
    }
}

void create_file(const std::string& path, const std::vector<char>& bytes) {
    const int fd = must(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644), path);
    put(fd, bytes, path);
    must(::close(fd), path);
}

Outcome make(const Words& words) {
    const auto count = std::stoull(words[1]);
    auto bytes = noise(std::stoull(words[2]), 1);
    const Watch watch;
    for (std::uint64_t i = 0; i < count; ++i) {
        stamp(bytes, i);
        create_file(file_name(words[0], i), bytes);
    }
    return {count, count * bytes.size(), watch.seconds()};
}

Outcome stat_files(const Words& words) {
    std::vector<std::string> paths;
    for (std::uint64_t i = 0; i < std::stoull(words[1]); ++i) paths.push_back(file_name(words[0], i));
    const auto round = [&paths] {
        struct stat found{};
        for (const auto& path : paths) must(::stat(path.c_str(), &found), path);
    };
    const double limit = std::stod(words[2]);
    if (limit > 0) round();
    Outcome out;
    const Watch watch(limit);
    do {
        round();
        out.count += paths.size();
    } while (!watch.over() && limit > 0);
    out.seconds = watch.seconds();
    return out;
}

Outcome create(const Words& words) {
    auto bytes = noise(kSmall, fresh_seed());
    Outcome out;
    const Watch watch(std::stod(words[1]));
    do {
        stamp(bytes, out.count);
        create_file(file_name(words[0], out.count++), bytes);
    } while (!watch.over());
    out.bytes = out.count * kSmall;
    out.seconds = watch.seconds();
    return out;
}

Outcome write_file(const Words& words) {
    const auto count = std::stoull(words[1]);
    auto bytes = noise(kMiB, fresh_seed());
    const int fd = must(::open(words[0].c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644), words[0]);
    const Watch watch;
    for (std::uint64_t i = 0; i < count; ++i) {
        stamp(bytes, i);
        put(fd, bytes, words[0]);
    }
    must(::close(fd), words[0]);
    return {count, count * kMiB, watch.seconds()};
}

Outcome read_file(const Words& words) {
    std::vector<char> bytes(kMiB);
    Outcome out;
    const auto round = [&] {
        const int fd = must(::open(words[0].c_str(), O_RDONLY | O_CLOEXEC), words[0]);
        for (;;) {
            const auto got = must(::read(fd, bytes.data(), bytes.size()), words[0]);
            if (got == 0) break;
            out.bytes += static_cast<std::uint64_t>(got);
            ++out.count;
        }
        ::close(fd);
    };
    const double limit = std::stod(words[1]);
    if (limit > 0) round();
    out = {};
    const Watch watch(limit);
    do round();
    while (!watch.over() && limit > 0);
    out.seconds = watch.seconds();
    return out;
}

Outcome write_anywhere(const Words& words) {
    auto bytes = noise(kSmall, fresh_seed());
    std::mt19937_64 dice(fresh_seed());
    const int fd = must(::open(words[0].c_str(), O_RDWR | O_CLOEXEC), words[0]);
    struct stat found{};
    must(::fstat(fd, &found), words[0]);
    const auto places = static_cast<std::uint64_t>(found.st_size) / kSmall;
    Outcome out;
    const Watch watch(std::stod(words[1]));
    do {
        stamp(bytes, dice());
        must(::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(dice() % places * kSmall)), words[0]);
        must(::fsync(fd), words[0]);
        ++out.count;
    } while (!watch.over());
    out.seconds = watch.seconds();
    out.bytes = out.count * kSmall;
    must(::close(fd), words[0]);
    return out;
}

void walk_folder(const std::string& folder, std::uint64_t& entries) {
    std::vector<std::string> below;
    DIR* open = ::opendir(folder.c_str());
    if (open == nullptr) must(-1, folder);
    errno = 0;
    while (const auto* entry = ::readdir(open)) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") {
            struct stat found{};
            must(::fstatat(::dirfd(open), entry->d_name, &found, AT_SYMLINK_NOFOLLOW), name);
            ++entries;
            if (S_ISDIR(found.st_mode)) below.push_back(folder + '/' + name);
        }
        errno = 0;
    }
    if (errno != 0) must(-1, folder);
    ::closedir(open);
    for (const auto& next : below) walk_folder(next, entries);
}
Outcome walk(const Words& words) {
    Outcome out;
    const Watch watch;
    walk_folder(words[0], out.count);
    out.seconds = watch.seconds();
    return out;
}

Outcome rename_it(const Words& words) {
    const Watch watch;
    must(std::rename(words[0].c_str(), words[1].c_str()), words[0]);
    return {1, 0, watch.seconds()};
}

struct Job {
    const char* name;
    std::size_t words;
    Outcome (*run)(const Words&);
};
constexpr Job kJobs[] = {{"make", 3, make},        {"stat", 3, stat_files}, {"create", 2, create},
                         {"write", 2, write_file}, {"read", 2, read_file},  {"random", 2, write_anywhere},
                         {"walk", 1, walk},        {"rename", 2, rename_it}};

}  // namespace

int main(int argc, char** argv) {
    const Words words(argv + std::min(argc, 2), argv + argc);
    for (const auto& job : kJobs) {
        if (argc < 2 || std::strcmp(argv[1], job.name) != 0 || words.size() != job.words) continue;
        const auto done = job.run(words);
        std::printf("{\"count\": %llu, \"bytes\": %llu, \"seconds\": %.6f}\n",
                    static_cast<unsigned long long>(done.count), static_cast<unsigned long long>(done.bytes),
                    done.seconds);
        return 0;
    }
    std::fprintf(stderr, "mount_load: wrong words; its first lines say which there are\n");
    return 2;
}
