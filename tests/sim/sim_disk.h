// A disk in memory that does to files what power cuts and bad hardware do: forgets what was not synced (any subset of
// it), tears writes at 512-byte sectors, forgets names whose folder was not synced, fills up, fails a chosen call,
// loses what a failed sync should have saved, flips bits. One seed gives one behaviour.
#pragma once

#include "src/io/disk.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace larder::sim {

enum class Fault {
    power_cut,  // this call and all later ones fail, until restart()
    io_error,   // this call fails; a failed sync forgets what it should have saved
    no_space,   // this call fails if it needs space, else the next that does
};

// Any thread.
class SimDisk final : public io::Disk {
 public:
    explicit SimDisk(std::uint64_t seed, std::uint64_t capacity = 1ull << 40);

    // The call number `calls` from now (0: the next) meets `fault`.
    void fail_at(std::uint64_t calls, Fault fault);
    void fail_never();
    // Whether a fault that was asked for has happened since.
    bool has_failed() const;
    std::uint64_t calls() const;

    // Everything stops; every call fails.
    void cut_power();
    // What the platters hold becomes what the files hold. Open files and locks of before are dead.
    void restart();
    // A process that ended at once: nothing is lost, but its open files and locks are gone.
    void kill_process();

    void set_capacity(std::uint64_t bytes);
    void flip_bit(const std::string& path, std::uint64_t bit);
    // Bytes of a file as they are now; empty when there is none.
    std::string contents(const std::string& path) const;
    std::vector<std::string> paths() const;

    base::Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override;
    base::Result<void> rename(const std::string& from, const std::string& to) override;
    base::Result<void> remove(const std::string& path) override;
    base::Result<std::vector<std::string>> list(const std::string& folder) override;
    base::Result<void> make_folder(const std::string& folder) override;
    base::Result<void> sync_dir(const std::string& folder) override;
    base::Result<bool> exists(const std::string& path) override;
    base::Result<io::Space> space(const std::string& folder) override;
    base::Result<std::unique_ptr<io::FileLock>> lock(const std::string& path) override;

 private:
    class SimFile;
    class SimLock;
    struct Unsynced {
        std::uint64_t offset = 0;
        std::string bytes;
        bool resize = false;  // to `offset` bytes
    };
    struct Inode {
        std::string now;
        std::string platter;
        std::vector<Unsynced> unsynced;
    };
    using Names = std::map<std::string, std::shared_ptr<Inode>>;
    struct NameChange {
        std::string folder;
        std::vector<std::pair<std::string, std::shared_ptr<Inode>>> names;  // null: gone
    };

    // Counts the call and meets its fault, if it has one. Held: mutex_.
    base::Result<void> call(const std::string& path, bool needs_space = false);
    base::Result<void> grow(Inode& inode, std::uint64_t size, const std::string& path);
    void write(Inode& inode, Unsynced change);
    void sync(Inode& inode);
    void change_names(const std::string& folder, std::vector<std::pair<std::string, std::shared_ptr<Inode>>> names);
    void survive(Inode& inode);
    std::uint64_t used() const;
    static void apply(std::string& bytes, const Unsynced& change);

    mutable std::mutex mutex_;
    std::mt19937_64 dice_;
    std::uint64_t capacity_;
    std::uint64_t life_ = 1;  // of the handles; another after each restart
    bool powered_ = true;
    std::uint64_t calls_ = 0;
    std::optional<std::uint64_t> fault_call_;
    Fault fault_ = Fault::power_cut;
    bool failed_ = false;
    Names now_;
    Names platter_;
    std::vector<NameChange> unsynced_names_;
    std::set<std::string> folders_;
    std::set<std::string> locks_;
};

}  // namespace larder::sim
