#include "src/io/disk.h"
#include "src/io/real_env.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>

namespace larder::io {
namespace {

using base::Code;
using base::Result;

// The error of the last system call, about `path`.
std::unexpected<base::Error> failed(const char* action, const std::string& path, int error = errno) {
    Code code = Code::io_failure;
    switch (error) {
        case ENOENT:
            code = Code::not_found;
            break;
        case EEXIST:
            code = Code::already_exists;
            break;
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            code = Code::no_space;
            break;
        case EACCES:
        case EPERM:
        case EROFS:
            code = Code::permission_denied;
            break;
        default:
            break;
    }
    return base::fail(code, base::Subject::disk,
                      std::string(action) + " " + path + ": " + std::generic_category().message(error));
}

class Descriptor {
 public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

 private:
    int fd_;
};

class RealFile final : public File {
 public:
    RealFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override {
        std::size_t done = 0;
        while (done < out.size()) {
            const auto n = ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return failed("reading", path_);
            if (n == 0) break;
            done += static_cast<std::size_t>(n);
        }
        return done;
    }

    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> data) override {
        std::size_t done = 0;
        while (done < data.size()) {
            const auto n =
                ::pwrite(fd_.get(), data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return failed("writing", path_);
            done += static_cast<std::size_t>(n);
        }
        return {};
    }

    Result<void> sync_data() override {
        if (::fdatasync(fd_.get()) != 0) return failed("syncing", path_);
        return {};
    }

    Result<void> truncate(std::uint64_t size) override {
        if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return failed("truncating", path_);
        return {};
    }

    Result<void> allocate(std::uint64_t size) override {
        if (::fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)) == 0) return {};
        // A file system without the call still works: space is then taken as it is written.
        if (errno == EOPNOTSUPP) return {};
        return failed("reserving space for", path_);
    }

    Result<void> punch_hole(std::uint64_t offset, std::uint64_t length) override {
        const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
        if (::fallocate(fd_.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0) return {};
        if (errno == EOPNOTSUPP) return base::fail(Code::unsupported, base::Subject::disk, "no holes in " + path_);
        return failed("punching a hole in", path_);
    }

    Result<std::uint64_t> size() override {
        struct stat info{};
        if (::fstat(fd_.get(), &info) != 0) return failed("looking at", path_);
        return static_cast<std::uint64_t>(info.st_size);
    }

    Result<std::uint64_t> allocated() override {
        struct stat info{};
        if (::fstat(fd_.get(), &info) != 0) return failed("looking at", path_);
        return static_cast<std::uint64_t>(info.st_blocks) * 512;
    }

 private:
    Descriptor fd_;
    std::string path_;
};

class RealLock final : public FileLock {
 public:
    explicit RealLock(int fd) : fd_(fd) {}

 private:
    Descriptor fd_;
};

int flags_of(OpenMode mode) {
    switch (mode) {
        case OpenMode::read_only:
            return O_RDONLY;
        case OpenMode::read_write:
            return O_RDWR;
        case OpenMode::create:
            return O_RDWR | O_CREAT;
        case OpenMode::create_new:
            return O_RDWR | O_CREAT | O_EXCL;
    }
    return O_RDONLY;
}

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

class RealDisk final : public Disk {
 public:
    Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
        const int fd = ::open(path.c_str(), flags_of(mode) | O_CLOEXEC, 0600);
        if (fd < 0) return failed("opening", path);
        return std::make_unique<RealFile>(fd, path);
    }

    Result<void> rename(const std::string& from, const std::string& to) override {
        if (::rename(from.c_str(), to.c_str()) != 0) return failed("renaming", from);
        return {};
    }

    Result<void> remove(const std::string& path) override {
        if (::remove(path.c_str()) != 0) return failed("removing", path);
        return {};
    }

    Result<std::vector<std::string>> list(const std::string& folder) override {
        DIR* dir = ::opendir(folder.c_str());
        if (dir == nullptr) return failed("listing", folder);
        std::vector<std::string> names;
        while (const auto* entry = ::readdir(dir)) {
            const std::string name = entry->d_name;
            if (name != "." && name != "..") names.push_back(name);
        }
        ::closedir(dir);
        std::sort(names.begin(), names.end());
        return names;
    }

    Result<void> make_folder(const std::string& folder) override {
        for (std::size_t slash = folder.find('/', 1);; slash = folder.find('/', slash + 1)) {
            const std::string part = folder.substr(0, slash);
            if (::mkdir(part.c_str(), 0700) == 0) {
                TRY_VOID(sync_dir(parent_of(part)));
            } else if (errno != EEXIST) {
                return failed("making folder", part);
            }
            if (slash == std::string::npos) return {};
        }
    }

    Result<void> sync_dir(const std::string& folder) override {
        Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (fd.get() < 0) return failed("opening folder", folder);
        if (::fsync(fd.get()) != 0) return failed("syncing folder", folder);
        return {};
    }

    Result<bool> exists(const std::string& path) override {
        struct stat info{};
        if (::stat(path.c_str(), &info) == 0) return true;
        if (errno == ENOENT) return false;
        return failed("looking for", path);
    }

    Result<Space> space(const std::string& folder) override {
        struct statvfs info{};
        if (::statvfs(folder.c_str(), &info) != 0) return failed("measuring", folder);
        return Space{static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize,
                     static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize};
    }

    Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) return failed("opening", path);
        auto lock = std::make_unique<RealLock>(fd);
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) {
                return base::fail(Code::conflict, base::Subject::disk, path + " is locked by another process");
            }
            return failed("locking", path);
        }
        return lock;
    }
};

}  // namespace

std::unique_ptr<Disk> make_real_disk() {
    return std::make_unique<RealDisk>();
}

}  // namespace larder::io
