// Mounts a store in memory, or an engine of its own: the file system and its session with the kernel, without a daemon.
//   memory_mount FOLDER [DATA]
#include "fuse/mount.h"
#include "tests/support/memory_files.h"

#include <iostream>
#include <unistd.h>

namespace {

using namespace larder;

io::Task<base::Result<void>> serve_engine(io::RealEnv& world, base::Metrics& metrics, std::string data,
                                          fuse::MountPlan plan, io::Promise<io::Done> stop) {
    engine::Options options;
    options.meta_folder = data + "/meta";
    options.data_folders = {data + "/segments"};
    options.create = true;
    CO_TRY(const auto opened, co_await engine::make_engine(world.env(), metrics, options));
    auto bucket = opened->find_bucket("home");
    if (!bucket) {
        CO_TRY(bucket, co_await opened->create_bucket("home", ""));
    }
    CO_TRY(const auto store, opened->files(bucket->id));
    CO_TRY_VOID(co_await fuse::run_mount(world, *store, std::move(plan), stop));
    co_return co_await opened->close();
}

io::Task<void> serve(io::RealEnv& world, std::string data, fuse::MountPlan plan, io::Promise<io::Done> stop,
                     int& exit) {
    base::Result<void> done;
    if (data.empty()) {
        test::MemoryFiles store(world.env());
        done = co_await fuse::run_mount(world, store, std::move(plan), stop);
    } else {
        base::Metrics metrics;
        done = co_await serve_engine(world, metrics, std::move(data), std::move(plan), stop);
    }
    if (!done) std::cerr << done.error().message << '\n';
    exit = done ? 0 : 1;
    world.stop();
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2 && argc != 3) {
        std::cerr << "usage: memory_mount FOLDER [DATA]\n";
        return 2;
    }
    io::RealEnv world;
    fuse::MountPlan plan;
    plan.options.uid = ::getuid();
    plan.options.gid = ::getgid();
    plan.session.folder = argv[1];
    plan.session.source = "memory";
    plan.session.allow_other = ::getuid() == 0;
    plan.ready = [] { std::cout << "mounted" << std::endl; };
    const io::Promise<io::Done> stop(world.env().executor);
    world.on_stop_signal([stop] { stop.set(io::Done{}); });
    io::TaskGroup tasks(world.env().executor);
    int exit = 1;
    world.env().executor.post(
        [&] { tasks.spawn(serve(world, argc == 3 ? argv[2] : "", std::move(plan), stop, exit)); });
    world.run();
    return exit;
}
