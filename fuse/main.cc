// larder-mount: one bucket as a folder, in a process of its own. `larder mount` and mount(8) start it.
#include "fuse/at_login.h"
#include "fuse/mount.h"
#include "fuse/mount_options.h"
#include "replication/read_cache/read_cache.h"
#include "replication/remote/remote_store.h"
#include "replication/write_behind/write_behind.h"
#include "src/base/log.h"

#include <systemd/sd-daemon.h>

#include <csignal>
#include <fcntl.h>
#include <iostream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace larder;
namespace log = base::log;

constexpr int kFailed = 1;
constexpr int kNotFound = 3;
constexpr int kNotAllowed = 4;
constexpr int kNoDaemon = 5;

int report(const base::Error& error, const fuse::MountCommand& command) {
    int exit = kFailed;
    std::string fix;
    if (error.code == base::Code::disconnected) {
        exit = kNoDaemon;
        fix = "is larderd running?   larder status";
    } else if (error.code == base::Code::not_found) {
        exit = kNotFound;
        fix = "larder bucket ls";
    } else if (error.code == base::Code::permission_denied) {
        exit = kNotAllowed;
        fix = "larder key allow KEY " + command.bucket + " --read --write";
    }
    std::cerr << "error: " << error.message << "  [" << base::name_of(error.code) << "]\n  bucket: " << command.bucket
              << "\n  folder: " << command.folder << "\n  socket: " << command.socket << '\n';
    if (!fix.empty()) std::cerr << "  fix: " << fix << '\n';
    return exit;
}

// The file system over `below`, which writes behind if it is to.
io::Task<base::Result<void>> serve_files(io::RealEnv& world, const fuse::MountCommand& command,
                                         engine::FileStore& below, fuse::MountPlan plan, io::Promise<io::Done> stop) {
    behind::Options behind;
    behind.journal = command.journal;
    behind.patience = command.patience;
    if (!command.writes_behind()) {
        if (!command.read_only) CO_TRY_VOID(co_await behind::store_left(world.env(), below, std::move(behind)));
        co_return co_await fuse::run_mount(world, below, std::move(plan), stop);
    }
    CO_TRY(const auto files, co_await behind::open_write_behind(world.env(), below, std::move(behind)));
    co_return co_await fuse::run_mount(world, *files, std::move(plan), stop);
}

io::Task<base::Result<void>> serve(io::RealEnv& world, const fuse::MountCommand& command, io::Promise<io::Done> stop,
                                   std::function<void()> ready) {
    remote::ConnectOptions options;
    options.socket = command.socket;
    options.bucket = command.bucket;
    options.key_id = command.access_key;
    options.secret = command.secret;
    options.patience = command.patience;
    CO_TRY(const auto store, co_await remote::connect_files(world, std::move(options)));
    fuse::MountPlan plan;
    plan.options = command.options;
    plan.session.folder = command.folder;
    plan.session.source = command.bucket;
    plan.session.allow_other = command.allow_other;
    plan.session.read_only = command.read_only;
    plan.ready = std::move(ready);
    if (command.cache_bytes == 0) co_return co_await serve_files(world, command, *store, std::move(plan), stop);
    read_cache::Options cached;
    cached.folder = command.cache;
    cached.bytes = command.cache_bytes;
    const auto cache = co_await read_cache::open_read_cache(world.env(), *store, std::move(cached));
    auto done = co_await serve_files(world, command, *cache, std::move(plan), stop);
    co_await cache->kept();
    co_return done;
}

io::Task<void> run(io::RealEnv& world, const fuse::MountCommand& command, io::Promise<io::Done> stop,
                   std::function<void()> ready, int& exit) {
    const auto done = co_await serve(world, command, stop, std::move(ready));
    exit = done ? 0 : report(done.error(), command);
    world.stop();
}

int mount(const fuse::MountCommand& command, std::function<void()> ready) {
    io::RealEnv world({.stay_awake = true});
    const io::Promise<io::Done> stop(world.env().executor);
    world.on_stop_signal([stop] { stop.set(io::Done{}); });
    io::TaskGroup tasks(world.env().executor);
    int exit = kFailed;
    world.env().executor.post([&] { tasks.spawn(run(world, command, stop, std::move(ready), exit)); });
    world.run();
    return exit;
}

// The parent waits until the folder is mounted, or until what went wrong has been said.
int mount_in_background(const fuse::MountCommand& command) {
    int tell[2];
    if (::pipe2(tell, O_CLOEXEC) != 0) return kFailed;
    const auto child = ::fork();
    if (child < 0) return kFailed;
    if (child > 0) {
        ::close(tell[1]);
        char word = 0;
        if (::read(tell[0], &word, 1) == 1) return 0;
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : kFailed;
    }
    ::close(tell[0]);
    ::setsid();
    const int exit = mount(command, [out = tell[1]] {
        // From here nobody reads what is printed, and no folder is held.
        static_cast<void>(::chdir("/"));
        const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        for (const int standard : {0, 1, 2}) ::dup2(nothing, standard);
        static_cast<void>(::write(out, "y", 1));
        ::close(out);
    });
    return exit;
}

}  // namespace

int main(int argc, char** argv) {
    auto command = fuse::parse_mount_command(argc, argv);
    if (!command) return command.error();
    if (command->at_login) return fuse::mount_at_login(std::move(*command));
    struct stat there{};
    if (::stat(command->folder.c_str(), &there) != 0 || !S_ISDIR(there.st_mode)) {
        std::cerr << "error: there is no folder \"" << command->folder << "\".  [no-such-file]\n  fix: mkdir -p "
                  << command->folder << '\n';
        return kNotFound;
    }
    const auto level = command->log_level == "debug"   ? log::Level::debug
                       : command->log_level == "info"  ? log::Level::info
                       : command->log_level == "error" ? log::Level::error
                                                       : log::Level::warning;
    log::configure(level, ::isatty(STDERR_FILENO) == 1 ? log::Format::text : log::Format::json);
    if (!command->foreground) return mount_in_background(*command);
    return mount(*command, [] { ::sd_notify(0, "READY=1"); });
}
