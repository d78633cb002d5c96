#include "tests/sim/sim_disk.h"

#include "src/base/bytes.h"

namespace larder::sim {

using base::Code;
using base::Result;
using base::Subject;

namespace {

constexpr std::size_t kSectorBytes = 512;

std::string folder_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

std::unexpected<base::Error> io_failure(const std::string& path) {
    return base::fail(Code::io_failure, Subject::disk, path + ": the simulated disk failed");
}

std::unexpected<base::Error> full(const std::string& path) {
    return base::fail(Code::no_space, Subject::disk, path + ": the simulated disk is full");
}

}  // namespace

class SimDisk::SimFile final : public io::File {
 public:
    SimFile(SimDisk& disk, std::shared_ptr<Inode> inode, std::string path)
        : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), life_(disk.life_) {}

    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) override {
        const std::lock_guard hold(disk_.mutex_);
        TRY_VOID(alive());
        const auto& bytes = inode_->now;
        if (offset >= bytes.size()) return 0;
        const auto count = std::min<std::size_t>(out.size(), bytes.size() - offset);
        std::memcpy(out.data(), bytes.data() + offset, count);
        return count;
    }

    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> data) override {
        const std::lock_guard hold(disk_.mutex_);
        TRY_VOID(alive(offset + data.size() > inode_->now.size()));
        TRY_VOID(disk_.grow(*inode_, offset + data.size(), path_));
        disk_.write(*inode_, {offset, std::string(base::as_chars(data)), false});
        return {};
    }

    Result<void> sync_data() override {
        const std::lock_guard hold(disk_.mutex_);
        auto called = alive();
        if (called) {
            disk_.sync(*inode_);
        } else if (disk_.powered_ && life_ == disk_.life_) {
            // The kernel reports the failure once and takes the pages for clean: what they held is lost, or not.
            disk_.survive(*inode_);
        }
        return called;
    }

    Result<void> truncate(std::uint64_t size) override {
        const std::lock_guard hold(disk_.mutex_);
        TRY_VOID(alive(size > inode_->now.size()));
        disk_.write(*inode_, {size, {}, true});
        return {};
    }

    Result<void> allocate(std::uint64_t size) override {
        const std::lock_guard hold(disk_.mutex_);
        TRY_VOID(alive(true));
        if (size <= inode_->now.size()) return {};
        TRY_VOID(disk_.grow(*inode_, size, path_));
        disk_.write(*inode_, {size, {}, true});
        return {};
    }

    Result<void> punch_hole(std::uint64_t offset, std::uint64_t length) override {
        const std::lock_guard hold(disk_.mutex_);
        TRY_VOID(alive());
        const auto size = inode_->now.size();
        if (offset >= size) return {};
        disk_.write(*inode_, {offset, std::string(std::min(length, size - offset), '\0'), false});
        return {};
    }

    Result<std::uint64_t> size() override {
        const std::lock_guard hold(disk_.mutex_);
        TRY_VOID(alive());
        return inode_->now.size();
    }

    Result<std::uint64_t> allocated() override { return size(); }

 private:
    Result<void> alive(bool needs_space = false) {
        if (life_ != disk_.life_) return io_failure(path_);
        return disk_.call(path_, needs_space);
    }

    SimDisk& disk_;
    std::shared_ptr<Inode> inode_;
    std::string path_;
    std::uint64_t life_;
};

class SimDisk::SimLock final : public io::FileLock {
 public:
    SimLock(SimDisk& disk, std::string path) : disk_(disk), path_(std::move(path)), life_(disk.life_) {}
    ~SimLock() override {
        const std::lock_guard hold(disk_.mutex_);
        if (life_ == disk_.life_) disk_.locks_.erase(path_);
    }

 private:
    SimDisk& disk_;
    std::string path_;
    std::uint64_t life_;
};

SimDisk::SimDisk(std::uint64_t seed, std::uint64_t capacity) : dice_(seed), capacity_(capacity) {}

void SimDisk::fail_at(std::uint64_t calls, Fault fault) {
    const std::lock_guard hold(mutex_);
    fault_call_ = calls_ + calls;
    fault_ = fault;
    failed_ = false;
}

void SimDisk::fail_never() {
    const std::lock_guard hold(mutex_);
    fault_call_.reset();
    failed_ = false;
}

bool SimDisk::has_failed() const {
    const std::lock_guard hold(mutex_);
    return failed_;
}

std::uint64_t SimDisk::calls() const {
    const std::lock_guard hold(mutex_);
    return calls_;
}

void SimDisk::cut_power() {
    const std::lock_guard hold(mutex_);
    powered_ = false;
}

void SimDisk::set_capacity(std::uint64_t bytes) {
    const std::lock_guard hold(mutex_);
    capacity_ = bytes;
}

void SimDisk::restart() {
    const std::lock_guard hold(mutex_);
    // A journalling file system keeps changes of names in order: some of the last are lost.
    std::size_t kept = unsynced_names_.empty() ? 0 : dice_() % (unsynced_names_.size() + 1);
    for (const auto& change : unsynced_names_) {
        if (kept-- == 0) break;
        for (const auto& [path, inode] : change.names) {
            if (inode) {
                platter_[path] = inode;
            } else {
                platter_.erase(path);
            }
        }
    }
    unsynced_names_.clear();
    now_ = platter_;
    for (const auto& [path, inode] : now_) {
        survive(*inode);
        inode->now = inode->platter;
    }
    powered_ = true;
    fault_call_.reset();
    locks_.clear();
    ++life_;
}

void SimDisk::kill_process() {
    const std::lock_guard hold(mutex_);
    locks_.clear();
    ++life_;
}

void SimDisk::flip_bit(const std::string& path, std::uint64_t bit) {
    const std::lock_guard hold(mutex_);
    const auto found = now_.find(path);
    if (found == now_.end()) return;
    for (auto* bytes : {&found->second->now, &found->second->platter}) {
        if (bit / 8 < bytes->size()) (*bytes)[bit / 8] = static_cast<char>((*bytes)[bit / 8] ^ (1 << (bit % 8)));
    }
}

std::string SimDisk::contents(const std::string& path) const {
    const std::lock_guard hold(mutex_);
    const auto found = now_.find(path);
    return found == now_.end() ? std::string() : found->second->now;
}

std::vector<std::string> SimDisk::paths() const {
    const std::lock_guard hold(mutex_);
    std::vector<std::string> out;
    for (const auto& [path, inode] : now_) out.push_back(path);
    return out;
}

Result<std::unique_ptr<io::File>> SimDisk::open(const std::string& path, io::OpenMode mode) {
    const std::lock_guard hold(mutex_);
    const auto found = now_.find(path);
    const bool there = found != now_.end();
    const bool makes = !there && (mode == io::OpenMode::create || mode == io::OpenMode::create_new);
    TRY_VOID(call(path, makes));
    if (there && mode == io::OpenMode::create_new) {
        return base::fail(Code::already_exists, Subject::disk, path + " exists");
    }
    if (there) return std::make_unique<SimFile>(*this, found->second, path);
    if (!makes) return base::fail(Code::not_found, Subject::disk, "there is no " + path);
    auto inode = std::make_shared<Inode>();
    change_names(folder_of(path), {{path, inode}});
    return std::make_unique<SimFile>(*this, std::move(inode), path);
}

Result<void> SimDisk::rename(const std::string& from, const std::string& to) {
    const std::lock_guard hold(mutex_);
    TRY_VOID(call(from));
    const auto found = now_.find(from);
    if (found == now_.end()) return base::fail(Code::not_found, Subject::disk, "there is no " + from);
    change_names(folder_of(to), {{from, nullptr}, {to, found->second}});
    return {};
}

Result<void> SimDisk::remove(const std::string& path) {
    const std::lock_guard hold(mutex_);
    TRY_VOID(call(path));
    if (folders_.erase(path) > 0) return {};
    if (!now_.contains(path)) return base::fail(Code::not_found, Subject::disk, "there is no " + path);
    change_names(folder_of(path), {{path, nullptr}});
    return {};
}

Result<std::vector<std::string>> SimDisk::list(const std::string& folder) {
    const std::lock_guard hold(mutex_);
    TRY_VOID(call(folder));
    std::vector<std::string> out;
    for (const auto& [path, inode] : now_) {
        if (folder_of(path) == folder) out.push_back(path.substr(folder.size() + 1));
    }
    for (const auto& path : folders_) {
        if (folder_of(path) == folder) out.push_back(path.substr(folder.size() + 1));
    }
    std::sort(out.begin(), out.end());
    return out;
}

Result<void> SimDisk::make_folder(const std::string& folder) {
    const std::lock_guard hold(mutex_);
    TRY_VOID(call(folder, true));
    for (std::size_t slash = folder.find('/', 1); slash != std::string::npos; slash = folder.find('/', slash + 1)) {
        folders_.insert(folder.substr(0, slash));
    }
    folders_.insert(folder);
    return {};
}

Result<void> SimDisk::sync_dir(const std::string& folder) {
    const std::lock_guard hold(mutex_);
    TRY_VOID(call(folder));
    std::erase_if(unsynced_names_, [&](const NameChange& change) {
        if (change.folder != folder) return false;
        for (const auto& [path, inode] : change.names) {
            if (inode) {
                platter_[path] = inode;
            } else {
                platter_.erase(path);
            }
        }
        return true;
    });
    return {};
}

Result<bool> SimDisk::exists(const std::string& path) {
    const std::lock_guard hold(mutex_);
    TRY_VOID(call(path));
    return now_.contains(path) || folders_.contains(path);
}

Result<io::Space> SimDisk::space(const std::string& folder) {
    const std::lock_guard hold(mutex_);
    TRY_VOID(call(folder));
    return io::Space{capacity_, capacity_ - std::min(capacity_, used())};
}

Result<std::unique_ptr<io::FileLock>> SimDisk::lock(const std::string& path) {
    const std::lock_guard hold(mutex_);
    TRY_VOID(call(path));
    if (!locks_.insert(path).second) {
        return base::fail(Code::conflict, Subject::disk, path + " is locked by another process");
    }
    return std::make_unique<SimLock>(*this, path);
}

Result<void> SimDisk::call(const std::string& path, bool needs_space) {
    const auto number = calls_++;
    if (!powered_) return io_failure(path);
    if (!fault_call_ || number < *fault_call_) return {};
    if (fault_ == Fault::no_space && !needs_space) return {};
    fault_call_.reset();
    failed_ = true;
    if (fault_ == Fault::no_space) return full(path);
    powered_ = fault_ != Fault::power_cut;
    return io_failure(path);
}

Result<void> SimDisk::grow(Inode& inode, std::uint64_t size, const std::string& path) {
    if (size <= inode.now.size() || used() - inode.now.size() + size <= capacity_) return {};
    return full(path);
}

void SimDisk::write(Inode& inode, Unsynced change) {
    apply(inode.now, change);
    inode.unsynced.push_back(std::move(change));
}

void SimDisk::sync(Inode& inode) {
    for (const auto& change : inode.unsynced) apply(inode.platter, change);
    inode.unsynced.clear();
}

void SimDisk::apply(std::string& bytes, const Unsynced& change) {
    if (change.resize) {
        bytes.resize(change.offset);
        return;
    }
    if (bytes.size() < change.offset + change.bytes.size()) bytes.resize(change.offset + change.bytes.size());
    std::memcpy(bytes.data() + change.offset, change.bytes.data(), change.bytes.size());
}

void SimDisk::change_names(const std::string& folder,
                           std::vector<std::pair<std::string, std::shared_ptr<Inode>>> names) {
    for (const auto& [path, inode] : names) {
        if (inode) {
            now_[path] = inode;
        } else {
            now_.erase(path);
        }
    }
    unsynced_names_.push_back({folder, std::move(names)});
}

// All, nothing, or any part of what was not synced reaches the platter.
void SimDisk::survive(Inode& inode) {
    const auto mood = dice_() % 4;
    for (const auto& change : inode.unsynced) {
        const bool kept = mood == 0 ? false : mood == 1 ? true : dice_() % 2 == 0;
        if (!kept) continue;
        if (change.resize || mood == 1 || dice_() % 4 != 0) {
            apply(inode.platter, change);
            continue;
        }
        for (std::size_t at = 0; at < change.bytes.size();) {
            const auto end = std::min(change.bytes.size(), at + kSectorBytes - (change.offset + at) % kSectorBytes);
            if (dice_() % 2 == 0) {
                apply(inode.platter, {change.offset + at, change.bytes.substr(at, end - at), false});
            }
            at = end;
        }
    }
    inode.unsynced.clear();
}

std::uint64_t SimDisk::used() const {
    std::uint64_t total = 0;
    for (const auto& [path, inode] : now_) total += inode->now.size();
    return total;
}

}  // namespace larder::sim
