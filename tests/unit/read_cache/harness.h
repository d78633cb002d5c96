// A store that caches, over a store in memory that counts what it is asked, with its folder on a simulated disk.
#pragma once

#include "replication/read_cache/read_cache.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/memory_files.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

namespace larder::read_cache {

using base::Buffer;

constexpr std::uint64_t kMiB = 1 << 20;

struct Fixture {
    sim::SimDisk disk{1};  // outlives the pool of the world, which may be at work on it
    test::World world;
    io::Env env{world.env().executor, world.env().clock,   world.env().random, disk,
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

inline std::string text(std::uint64_t size, unsigned seed = 1) {
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
    return out;
}

}  // namespace larder::read_cache
