// The file system with faults on demand: a disk that is full, at once or after so many more writes.
#pragma once

#include "src/io/disk.h"

#include <atomic>
#include <memory>
#include <string>

namespace larder::test {

class FaultyDisk final : public io::Disk {
 public:
    explicit FaultyDisk(io::Disk& real) : real_(real) {}

    // After `writes` more, every write fails as on a full disk. Any thread.
    void fill_after(std::int64_t writes) { *left_ = writes; }
    void make_room() { *left_ = INT64_MAX / 2; }
    // Whether a write has failed since room was made.
    bool was_full() const { return *left_ < 0; }

    base::Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override;
    base::Result<void> rename(const std::string& from, const std::string& to) override {
        return real_.rename(from, to);
    }
    base::Result<void> remove(const std::string& path) override { return real_.remove(path); }
    base::Result<std::vector<std::string>> list(const std::string& folder) override { return real_.list(folder); }
    base::Result<void> make_folder(const std::string& folder) override { return real_.make_folder(folder); }
    base::Result<void> sync_dir(const std::string& folder) override { return real_.sync_dir(folder); }
    base::Result<bool> exists(const std::string& path) override { return real_.exists(path); }
    base::Result<io::Space> space(const std::string& folder) override { return real_.space(folder); }
    base::Result<std::unique_ptr<io::FileLock>> lock(const std::string& path) override { return real_.lock(path); }

 private:
    class FaultyFile;

    io::Disk& real_;
    std::shared_ptr<std::atomic<std::int64_t>> left_ = std::make_shared<std::atomic<std::int64_t>>(INT64_MAX / 2);
};

}  // namespace larder::test
