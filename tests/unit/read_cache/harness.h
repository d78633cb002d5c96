// A store that caches, over a store in memory that counts what it is asked, with its folder on a simulated disk.
#pragma once

#include "replication/read_cache/read_cache.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/memory_files.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

#include <condition_variable>
#include <mutex>

namespace larder::read_cache {

using base::Buffer;

constexpr std::uint64_t kMiB = 1 << 20;

// A disk on which files are made only when it is let.
class SlowDisk final : public io::Disk {
 public:
    explicit SlowDisk(io::Disk& disk) : disk_(disk) {}
    void hold(bool held) {
        const std::lock_guard lock(mutex_);
        held_ = held;
        changed_.notify_all();
    }
    base::Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !held_ || mode == io::OpenMode::read_only; });
        return disk_.open(path, mode);
    }
    base::Result<void> rename(const std::string& from, const std::string& to) override {
        return disk_.rename(from, to);
    }
    base::Result<void> remove(const std::string& path) override { return disk_.remove(path); }
    base::Result<std::vector<std::string>> list(const std::string& folder) override { return disk_.list(folder); }
    base::Result<void> make_folder(const std::string& folder) override { return disk_.make_folder(folder); }
    base::Result<void> sync_dir(const std::string& folder) override { return disk_.sync_dir(folder); }
    base::Result<bool> exists(const std::string& path) override { return disk_.exists(path); }
    base::Result<io::Space> space(const std::string& folder) override { return disk_.space(folder); }
    base::Result<std::unique_ptr<io::FileLock>> lock(const std::string& path) override { return disk_.lock(path); }

 private:
    io::Disk& disk_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool held_ = false;
};

struct Fixture {
    sim::SimDisk disk{1};  // outlives the pool of the world, which may be at work on it
    SlowDisk slow{disk};
    test::World world;
    io::Env env{world.env().executor, world.env().clock,   world.env().random, slow,
                world.env().network,  world.env().blocking};
    test::MemoryFiles below{world.env()};
    int reads = 0;  // that the store below was asked for
    bool connected = true;
    std::optional<io::Promise<io::Done>> held;  // reads of the store below wait for it
    std::uint64_t bytes = 64 * kMiB;
    std::uint64_t recent_bytes = 16 * kMiB;
    std::unique_ptr<ReadCache> store = open();

    Fixture() {
        below.set_gate([this](std::string call) { return gate(std::move(call)); });
    }
    io::Task<base::Result<void>> gate(std::string call) {
        if (!connected) co_return base::fail(base::Code::disconnected, base::Subject::none, "there is no connection.");
        if (call == "read") ++reads;
        if (call != "read" || !held) co_return base::Result<void>();
        const auto until = *held;
        co_await until.future();
        co_return base::Result<void>();
    }
    std::unique_ptr<ReadCache> open() {
        Options options;
        options.folder = "/cache/a";
        options.bytes = bytes;
        options.recent_bytes = recent_bytes;
        options.patience = std::chrono::milliseconds(1);
        return world.run(open_read_cache(env, below, options));
    }
    // The mount ends, once what it read is kept, and the next one begins.
    void remount() {
        keep();
        store.reset();
        disk.kill_process();
        store = open();
    }
    void keep() { world.run(kept()); }
    io::Task<bool> kept() {
        co_await store->kept();
        co_return true;
    }
    std::unique_ptr<engine::FileHandle> handle(const std::string& key) {
        auto opened = world.run(store->open(key));
        REQUIRE(opened);
        return std::move(*opened);
    }
    std::string read(engine::FileHandle& file, std::uint64_t offset = 0, std::uint64_t length = kMiB) {
        const auto data = world.run(file.read(offset, length));
        return data ? std::string(data->chars()) : "error: " + data.error().message;
    }
    std::string read(const std::string& key) { return read(*handle(key)); }
    // What is in the folder but the lock.
    std::vector<std::string> pieces() {
        std::vector<std::string> out;
        for (const auto& path : disk.paths()) {
            if (path.starts_with("/cache/a/") && path != "/cache/a/lock") out.push_back(path);
        }
        return out;
    }
    std::uint64_t used() {
        std::uint64_t out = 0;
        for (const auto& path : pieces()) out += disk.contents(path).size();
        return out;
    }
};

// Tasks that run beside each other: read_into and write_into, each in alone(), until joined().
inline io::Task<bool> read_into(engine::FileHandle& file, std::string& out, std::uint64_t from) {
    const auto data = co_await file.read(from, 100);
    out = data ? std::string(data->chars()) : data.error().message;
    co_return true;
}
inline io::Task<bool> write_into(engine::FileHandle& file, std::string bytes) {
    co_return (co_await file.write(0, Buffer::copy_of(bytes))).has_value();
}
inline io::Task<void> alone(io::Task<bool> task) {
    static_cast<void>(co_await std::move(task));
}
inline io::Task<bool> joined(io::TaskGroup& group) {
    co_await group.join();
    co_return true;
}

inline std::string text(std::uint64_t size, unsigned seed = 1) {
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
    return out;
}

}  // namespace larder::read_cache
