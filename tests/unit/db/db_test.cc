#include "src/db/db.h"

#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

#include <fstream>

namespace larder::db {
namespace {

constexpr TreeId kTree = 7;

struct Store {
    test::World world;
    test::TempFolder folder;
    base::Metrics metrics;
    std::unique_ptr<Db> db;

    void open() {
        db.reset();
        Options options;
        options.folder = folder.path() + "/meta";
        options.shards = 2;
        auto opened = Db::open(world.env(), metrics, options);
        REQUIRE(opened);
        db = std::move(*opened);
    }
    base::Result<void> put(ShardId shard, std::string key, std::string value) {
        return world.run(db->commit(shard, [=](Writer& w) { return w.put(kTree, key, value); }));
    }
    std::optional<std::string> get(ShardId shard, std::string_view key) {
        auto got = db->get(shard, kTree, key);
        REQUIRE(got);
        return *got;
    }
};

io::Task<int> commit_many(Db& db, io::Executor& executor, int count) {
    io::TaskGroup group(executor);
    int good = 0;
    for (int i = 0; i < count; ++i) {
        group.spawn([](Db& d, int n, int& ok) -> io::Task<void> {
            auto done = co_await d.commit(static_cast<ShardId>(n % 2), [n](Writer& w) {
                return w.put(kTree, "k" + std::to_string(n), std::to_string(n));
            });
            ok += done ? 1 : 0;
        }(db, i, good));
    }
    co_await group.join();
    co_return good;
}

TEST_CASE("a committed row is read back, also after reopening", "[db]") {
    Store store;
    store.open();
    REQUIRE(store.put(0, "a", "1"));
    REQUIRE(store.put(1, "a", "2"));
    CHECK(store.get(0, "a") == "1");
    CHECK(store.get(1, "a") == "2");
    store.open();
    CHECK(store.db->report().unclean);
    CHECK(store.get(0, "a") == "1");
    REQUIRE(store.db->close());
    store.open();
    CHECK_FALSE(store.db->report().unclean);
    CHECK(store.get(1, "a") == "2");
}

TEST_CASE("a change that fails leaves nothing of itself and does not harm its group", "[db]") {
    Store store;
    store.open();
    const auto failed = store.world.run(store.db->commit(0, [](Writer& w) -> base::Result<void> {
        TRY_VOID(w.put(kTree, "half", "x"));
        return base::fail(base::Code::precondition_failed, "no");
    }));
    CHECK(failed.error().code == base::Code::precondition_failed);
    CHECK_FALSE(store.get(0, "half"));
    CHECK(store.world.run(commit_many(*store.db, store.world.env().executor, 500)) == 500);
    CHECK(store.get(1, "k499") == "499");
}

TEST_CASE("a change sees what earlier changes and itself wrote, through get and cursor", "[db]") {
    Store store;
    store.open();
    REQUIRE(store.put(0, "b", "old"));
    REQUIRE(store.put(0, "d", "kept"));
    std::vector<std::string> seen;
    const auto done = store.world.run(store.db->commit(0, [&](Writer& w) -> base::Result<void> {
        TRY_VOID(w.put(kTree, "a", "new"));
        TRY_VOID(w.erase(kTree, "b"));
        TRY_VOID(w.put(kTree, "c", "new"));
        TRY_VOID(w.put(kTree + 1, "x", "another tree"));
        TRY(const auto cursor, w.cursor(kTree));
        TRY_VOID(cursor->seek(""));
        while (cursor->valid()) {
            seen.push_back(std::string(cursor->key()) + "=" + std::string(cursor->value()));
            TRY_VOID(cursor->next());
        }
        return {};
    }));
    REQUIRE(done);
    CHECK(seen == std::vector<std::string>{"a=new", "c=new", "d=kept"});
}

TEST_CASE("a second process cannot open the same folder", "[db]") {
    Store store;
    store.open();
    Options options;
    options.folder = store.folder.path() + "/meta";
    const auto second = Db::open(store.world.env(), store.metrics, options);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == base::Code::conflict);
}

TEST_CASE("a newer format is refused", "[db]") {
    Store store;
    store.open();
    store.db.reset();
    std::ofstream(store.folder.path() + "/meta/format") << "larder-db 99\nshards 2\n";
    Options options;
    options.folder = store.folder.path() + "/meta";
    const auto opened = Db::open(store.world.env(), store.metrics, options);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == base::Code::unsupported);
}

TEST_CASE("a shard file that is no database is set aside, and the rest goes on", "[db]") {
    Store store;
    store.open();
    REQUIRE(store.put(0, "a", "1"));
    REQUIRE(store.put(1, "a", "2"));
    REQUIRE(store.db->close());
    store.db.reset();
    std::ofstream(store.folder.path() + "/meta/rows-0.db") << std::string(65536, 'x');
    store.open();
    REQUIRE(store.db->report().quarantined.size() == 1);
    CHECK_FALSE(store.get(0, "a"));
    CHECK(store.get(1, "a") == "2");
    REQUIRE(store.put(0, "a", "3"));

    // It is not forgotten at the next start, until it is taken away.
    REQUIRE(store.db->close());
    store.db.reset();
    store.open();
    REQUIRE(store.db->report().quarantined.size() == 1);
    REQUIRE(store.db->close());
    store.db.reset();
    REQUIRE(std::filesystem::remove(store.folder.path() + "/meta/rows-0.db.damaged-1"));
    store.open();
    CHECK(store.db->report().quarantined.empty());
    CHECK(store.get(0, "a") == "3");
}

TEST_CASE("a shard file that is missing counts as set aside", "[db]") {
    Store store;
    store.open();
    REQUIRE(store.put(1, "a", "2"));
    REQUIRE(store.db->close());
    for (int start = 0; start < 2; ++start) {
        store.db.reset();
        if (start == 0) REQUIRE(std::filesystem::remove(store.folder.path() + "/meta/rows-0.db"));
        store.open();
        CHECK(store.db->report().quarantined.size() == 1);
        CHECK(store.get(1, "a") == "2");
    }
}

TEST_CASE("a flipped bit in a row is reported, never returned", "[db]") {
    Store store;
    store.open();
    const std::string value(300, 'v');
    REQUIRE(store.put(0, "a", value));
    REQUIRE(store.db->close());
    store.db.reset();
    const auto path = store.folder.path() + "/meta/rows-0.db";
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    std::string contents((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const auto at = contents.find(value);
    REQUIRE(at != std::string::npos);
    file.seekp(static_cast<std::streamoff>(at + 100));
    file.put('w');
    file.close();
    store.open();
    const auto got = store.db->get(0, kTree, "a");
    REQUIRE_FALSE(got);
    CHECK(got.error().code == base::Code::corrupted);
}

TEST_CASE("a snapshot opens as a store of its own", "[db]") {
    Store store;
    store.open();
    REQUIRE(store.put(0, "a", "1"));
    REQUIRE(store.world.run(store.db->snapshot(store.folder.path() + "/copy")));
    REQUIRE(store.put(0, "a", "2"));
    Options options;
    options.folder = store.folder.path() + "/copy";
    auto copy = Db::open(store.world.env(), store.metrics, options);
    REQUIRE(copy);
    CHECK(*(*copy)->get(0, kTree, "a") == "1");
}

}  // namespace
}  // namespace larder::db
