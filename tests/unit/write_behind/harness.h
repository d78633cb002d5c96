// A store that writes behind, over a store in memory that can be away, with its journal on a simulated disk.
#pragma once

#include "replication/write_behind/write_behind.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/memory_files.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

namespace larder::behind {

using base::Buffer;
using engine::FileAttributes;
using engine::NewFile;

struct Fixture {
    sim::SimDisk disk{1};  // outlives the pool of the world, which may be at work on it
    test::World world;
    io::Env env{world.env().executor, world.env().clock,   world.env().random, disk,
                world.env().network,  world.env().blocking};
    test::MemoryFiles below{world.env()};
    bool connected = true;
    base::Duration patience = std::chrono::seconds(20);
    std::unique_ptr<engine::FileStore> store = open();
    std::int64_t now = world.env().clock.wall_now().ms * 1'000'000;

    Fixture() {
        below.set_gate([this](std::string) -> io::Task<base::Result<void>> { return gate(); });
    }
    io::Task<base::Result<void>> gate() {
        if (connected) co_return base::Result<void>();
        co_return base::fail(base::Code::disconnected, base::Subject::none, "there is no connection.");
    }
    base::Result<std::unique_ptr<engine::FileStore>> try_open() {
        Options options;
        options.journal = "/state/a.journal";
        options.linger = std::chrono::milliseconds(5);
        options.gather = std::chrono::milliseconds(1);
        options.pause = std::chrono::milliseconds(5);
        options.patience = patience;
        return world.run(open_write_behind(env, below, options));
    }
    std::unique_ptr<engine::FileStore> open() {
        auto opened = try_open();
        REQUIRE(opened);
        return std::move(*opened);
    }
    FileAttributes times() {
        FileAttributes times;
        times.mtime_ns = times.ctime_ns = now += 1000;
        return times;
    }
    engine::FileEntry make(const std::string& key) {
        NewFile file;
        file.key = key;
        file.attributes = times();
        file.attributes.mode = 0100644;
        file.may_wait = true;
        const auto made = world.run(store->create(file));
        REQUIRE(made);
        return *made;
    }
    std::unique_ptr<engine::FileHandle> handle(const std::string& key) {
        auto opened = world.run(store->open(key));
        REQUIRE(opened);
        return std::move(*opened);
    }
    void write(engine::FileHandle& file, std::uint64_t offset, const std::string& bytes) {
        REQUIRE(world.run(file.write(offset, Buffer::copy_of(bytes))));
    }
    std::string read(engine::FileHandle& file) {
        const auto data = world.run(file.read(0, 100'000));
        return data ? std::string(data->chars()) : data.error().message;
    }
    io::Task<bool> wait(base::Duration time) {
        co_await env.clock.sleep_for(time);
        co_return true;
    }
    // A new file, synced while the store is away.
    std::unique_ptr<engine::FileHandle> promise(const std::string& key, const std::string& bytes) {
        connected = false;
        make(key);
        auto file = handle(key);
        write(*file, 0, bytes);
        REQUIRE(world.run(file->commit(times())));
        return file;
    }
    // What was closed reaches the journal within moments.
    void until_journalled(const std::string& bytes) {
        while (disk.read_file("/state/a.journal")->find(bytes) == std::string::npos) {
            world.run(wait(std::chrono::milliseconds(1)));
        }
    }
    void settle() { REQUIRE(world.run(store->settle(""))); }
    // The mount's process ends at once; the next one begins.
    void kill() {
        store.reset();
        disk.kill_process();
        connected = true;
        store = open();
    }
    void cut_power() {
        disk.cut_power();
        store.reset();
        disk.restart();
        connected = true;
        store = open();
    }
};

}  // namespace larder::behind
