// The file service's cost: two processes over a socket, a store in memory behind it. Prints JSON: round trips of find,
// one at a time and 64 together, with CPU of either side, and reads of 1 MiB, four together.
#include "replication/remote/file_server.h"
#include "replication/remote/remote_store.h"
#include "src/io/task_group.h"
#include "tests/support/memory_files.h"
#include "tests/support/run_task.h"

#include <csignal>
#include <cstdio>
#include <ctime>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace larder;

namespace {

constexpr int kFinds = 100'000;
constexpr int kReads = 8'000;

double seconds_of(const timespec& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}
double now(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return seconds_of(t);
}

[[noreturn]] void serve(const std::string& socket) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    test::World world;
    base::Metrics metrics;
    test::MemoryFiles files(world.env());
    files.put("dir/file", std::string(1u << 20, 'x'));
    auto bucket = std::make_shared<engine::Bucket>(files.bucket());
    remote::FileServer server(world.real(), metrics,
                              {[&](std::string_view) { return bucket; },
                               [](std::string_view) { return nullptr; },
                               [&](const engine::Bucket&) { return files.another(); },
                               {}},
                              {.socket = socket});
    if (!server.listen()) std::_Exit(1);
    world.real().run();
    std::_Exit(0);
}

struct Measured {
    double wall = 0;
    double cpu = 0;
    double server_cpu = 0;
};

io::Task<void> finds(engine::FileStore& store, int count) {
    for (int i = 0; i < count; ++i) ENSURE((co_await store.find("dir/file"))->object);
}

io::Task<void> reads(engine::FileHandle& handle, int count) {
    for (int i = 0; i < count; ++i) ENSURE((co_await handle.read(0, 1u << 20))->size() == 1u << 20);
}

io::Task<bool> all(io::TaskGroup& group) {
    co_await group.join();
    co_return true;
}

template <typename Work>
Measured measure(test::World& world, clockid_t server, int workers, Work work) {
    io::TaskGroup group(world.env().executor);
    const Measured before{now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID), now(server)};
    for (int i = 0; i < workers; ++i) group.spawn(work());
    world.run(all(group));
    return {now(CLOCK_MONOTONIC) - before.wall, now(CLOCK_PROCESS_CPUTIME_ID) - before.cpu,
            now(server) - before.server_cpu};
}

void print_finds(const char* name, const Measured& m) {
    std::printf("  \"%s\": {\"us\": %.1f, \"client_cpu_us\": %.1f, \"server_cpu_us\": %.1f},\n", name,
                m.wall / kFinds * 1e6, m.cpu / kFinds * 1e6, m.server_cpu / kFinds * 1e6);
}

}  // namespace

int main() {
    test::TempFolder folder;
    const auto socket = folder.path() + "/files.sock";
    const auto child = ::fork();
    if (child == 0) serve(socket);
    while (::access(socket.c_str(), F_OK) != 0) ::usleep(1000);
    clockid_t server{};
    ENSURE(::clock_getcpuclockid(child, &server) == 0);
    test::World world;
    remote::ConnectOptions options;
    options.socket = socket;
    options.bucket = "memory";
    auto store = *world.run(remote::connect_files(world.real(), std::move(options)));
    auto handle = *world.run(store->open("dir/file"));
    std::printf("{\n");
    print_finds("find_1", measure(world, server, 1, [&] { return finds(*store, kFinds); }));
    print_finds("find_64", measure(world, server, 64, [&] { return finds(*store, kFinds / 64); }));
    const auto read = measure(world, server, 4, [&] { return reads(*handle, kReads / 4); });
    const double bytes = static_cast<double>(kReads) * (1u << 20);
    std::printf("  \"read_1mib_4\": {\"gb_s\": %.2f, \"client_cpu_us\": %.0f, \"server_cpu_us\": %.0f}\n}\n",
                bytes / read.wall / 1e9, read.cpu / kReads * 1e6, read.server_cpu / kReads * 1e6);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}
