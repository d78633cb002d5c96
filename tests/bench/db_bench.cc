// Speed of the local store alone: db_bench FOLDER [ROWS [SHARDS]]. Prints one figure a line, beside the disk's own sync
// rate.
#include "src/base/bytes.h"
#include "src/db/db.h"
#include "tests/support/run_task.h"

#include <cstdio>
#include <cstdlib>
#include <random>

namespace larder::db {
namespace {

constexpr TreeId kRows = 1;
constexpr TreeId kBodies = 2;
constexpr std::size_t kKeyBytes = 60;
constexpr std::size_t kRowBytes = 300;
constexpr std::size_t kBodyBytes = 1024;

std::mt19937_64 dice{1};

std::string random_bytes(std::size_t size) {
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(dice());
    return out;
}

double seconds_since(base::Instant start, io::Clock& clock) {
    return std::chrono::duration<double>(clock.now() - start).count();
}

void say(const char* name, double value, const char* unit) {
    std::printf("%-44s %12.0f %s\n", name, value, unit);
    std::fflush(stdout);
}

// Commits one row and one body `count` times, one after the other.
io::Task<void> put_rows(Db& db, int count, std::uint64_t& body_number, bool with_body) {
    for (int i = 0; i < count; ++i) {
        const auto number = body_number++;
        const auto shard = static_cast<ShardId>(number % db.shards());
        auto done = co_await db.commit(shard,
                                       [=, key = random_bytes(kKeyBytes), row = random_bytes(kRowBytes),
                                        body = std::string(kBodyBytes, 'b')](Writer& w) -> base::Result<void> {
                                           TRY(const auto before, w.get(kRows, key));
                                           if (with_body) {
                                               std::string place(8, '\0');
                                               for (int b = 0; b < 8; ++b)
                                                   place[static_cast<std::size_t>(7 - b)] =
                                                       static_cast<char>(number >> (8 * b));
                                               TRY_VOID(w.put(kBodies, place, body));
                                           }
                                           return w.put(kRows, key, row);
                                       });
        if (!done) {
            std::printf("commit failed: %s\n", done.error().message.c_str());
            std::exit(1);
        }
    }
}

io::Task<int> put_at_once(Db& db, io::Executor& executor, int callers, int each, std::uint64_t& body_number,
                          bool with_body) {
    io::TaskGroup group(executor);
    for (int i = 0; i < callers; ++i) group.spawn(put_rows(db, each, body_number, with_body));
    co_await group.join();
    co_return 0;
}

struct Bench {
    test::World world;
    base::Metrics metrics;
    std::unique_ptr<Db> db;
    std::string folder;
    std::uint64_t body_number = 0;
    std::uint32_t shards = 1;

    io::Clock& clock() { return world.env().clock; }

    void open() {
        db.reset();
        const auto start = clock().now();
        Options options;
        options.folder = folder;
        options.shards = shards;
        auto opened = Db::open(world.env(), metrics, options);
        if (!opened) {
            std::printf("open failed: %s\n", opened.error().message.c_str());
            std::exit(1);
        }
        db = std::move(*opened);
        say("open", seconds_since(start, clock()) * 1000, "ms");
    }

    void sync_floor() {
        auto file = *world.env().disk.open(folder + "/floor", io::OpenMode::create);
        const std::string page(4096, 'p');
        const int count = 500;
        for (const char* name : {"4 KiB append + sync", "4 KiB overwrite + sync"}) {
            const auto start = clock().now();
            for (int i = 0; i < count; ++i) {
                (void)file->write_at(static_cast<std::uint64_t>(i) * 4096, base::as_bytes(page));
                (void)file->sync_data();
            }
            say(name, count / seconds_since(start, clock()), "per second");
        }
        (void)world.env().disk.remove(folder + "/floor");
    }

    void puts(const char* name, int callers, int each, bool with_body = true) {
        const auto start = clock().now();
        (void)world.run(put_at_once(*db, world.env().executor, callers, each, body_number, with_body));
        say(name, callers * each / seconds_since(start, clock()), "commits per second");
    }

    void gets() {
        std::vector<std::string> keys;
        (void)db->look(0, [&](Reader& reader) -> base::Result<void> {
            TRY(const auto cursor, reader.cursor(kRows));
            TRY_VOID(cursor->seek(random_bytes(2)));
            while (cursor->valid() && keys.size() < 1000) {
                keys.emplace_back(cursor->key());
                TRY_VOID(cursor->next());
            }
            return {};
        });
        if (keys.empty()) return;
        const int count = 200'000;
        const auto start = clock().now();
        for (int i = 0; i < count; ++i) (void)db->get(0, kRows, keys[dice() % keys.size()]);
        say("point get, 1000 neighbours", count / seconds_since(start, clock()), "per second");
    }

    void scan() {
        std::size_t rows = 0;
        const auto start = clock().now();
        for (ShardId shard = 0; shard < db->shards(); ++shard) {
            (void)db->look(shard, [&](Reader& reader) -> base::Result<void> {
                TRY(const auto cursor, reader.cursor(kRows));
                TRY_VOID(cursor->seek({}));
                while (cursor->valid()) {
                    ++rows;
                    TRY_VOID(cursor->next());
                }
                return {};
            });
        }
        say("ordered scan", static_cast<double>(rows) / seconds_since(start, clock()), "rows per second");
        say("rows", static_cast<double>(rows), "");
    }
};

int run(int argc, char** argv) {
    if (argc < 2) {
        std::printf("db_bench FOLDER [ROWS [SHARDS]]\n");
        return 2;
    }
    Bench bench;
    bench.folder = argv[1];
    if (argc > 3) bench.shards = static_cast<std::uint32_t>(std::atoi(argv[3]));
    bench.open();
    bench.sync_floor();
    const int rows = argc > 2 ? std::atoi(argv[2]) : 1000;
    bench.puts("filling, 500 callers, no body", 500, rows / 500, false);
    bench.puts("1 caller, row and body", 1, 1000);
    bench.puts("1 caller, row", 1, 1000, false);
    bench.puts("32 callers, row and body, first", 32, 500);
    bench.puts("32 callers, row and body", 32, 3000);
    bench.sync_floor();
    bench.gets();
    bench.scan();
    bench.open();
    return 0;
}

}  // namespace
}  // namespace larder::db

int main(int argc, char** argv) {
    return larder::db::run(argc, argv);
}
