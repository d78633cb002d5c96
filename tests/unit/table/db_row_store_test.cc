// The rows of a node in its local store: what lies in which tree, who is told of a change, and what a scan sees.
#include "replication/table/db_row_store.h"

#include "tests/support/run_task.h"
#include "tests/unit/table/harness.h"

#include <catch2/catch.hpp>

#include <latch>

namespace larder::table {
namespace {

using base::Code;
using base::Result;
using base::Tag;

constexpr quorum::Partition kPartition = 5;
constexpr db::TreeId kRowTree = 1;
constexpr db::TreeId kBodyTree = 2;
constexpr db::TreeId kLowTree = 3;
const RowKey kKey{"p", "k"};

struct Store {
    Store() { open(); }

    void open() {
        rows.reset();
        db.reset();
        db::Options wanted;
        wanted.folder = folder.path() + "/meta";
        wanted.shards = 2;
        auto opened = db::Db::open(world.env(), metrics, wanted);
        if (!opened) FAIL(opened.error().message);
        db = std::move(*opened);
        rows = std::make_unique<DbRowStore>(*db);
    }
    Result<void> change(RowChange work) { return world.run(rows->apply(kTable, kPartition, std::move(work))); }
    Result<void> put(const RowKey& key, StoredRow row, std::string body = {}) {
        row.body_size = static_cast<std::uint32_t>(body.size());
        return change([=](RowAccess& access) { return access.put(key, row, body); });
    }
    std::optional<StoredRow> get(const RowKey& key) {
        auto row = rows->get(kTable, kPartition, key);
        REQUIRE(row);
        return *row;
    }
    std::optional<std::string> stored(db::TreeId tree, std::string_view place) {
        auto bytes = db->get(rows->shard_of(kPartition), tree, place);
        REQUIRE(bytes);
        return *bytes;
    }
    Result<void> store(db::TreeId tree, std::string place, std::string bytes) {
        return world.run(
            db->commit(rows->shard_of(kPartition), [=](db::Writer& writer) { return writer.put(tree, place, bytes); }));
    }

    test::World world;
    test::TempFolder folder;
    base::Metrics metrics;
    std::unique_ptr<db::Db> db;
    std::unique_ptr<DbRowStore> rows;
};

TEST_CASE("a change that is under way when its store goes still runs its hooks", "[rows]") {
    Store store;
    std::atomic<int> seen = 0;
    store.rows->add_hook(kTable, [&seen](db::Writer&, const RowTransition&) -> Result<void> {
        ++seen;
        return {};
    });
    std::latch begun(1);
    std::latch gone(1);
    io::TaskGroup group(store.world.env().executor);
    const auto change = [](DbRowStore& rows, RowChange work) -> io::Task<void> {
        (void)co_await rows.apply(kTable, kPartition, std::move(work));
    };
    group.spawn(change(*store.rows, [&](RowAccess& access) {
        begun.count_down();
        gone.wait();
        return access.put(kKey, written(tag(1), "one"), {});
    }));
    begun.wait();
    group.stop();
    store.rows.reset();
    gone.count_down();
    store.db.reset();
    CHECK(seen == 1);
}

TEST_CASE("a row lies in tree 1 and its body in tree 2, until the version goes", "[rows]") {
    Store store;
    CHECK_FALSE(store.get(kKey));
    REQUIRE(store.put(kKey, written(tag(1), "one"), "body one"));
    auto row = written(tag(1), "one");
    row.body_size = 8;
    CHECK(store.stored(kRowTree, row_place(kTable, kKey)) == encode_row(row));
    CHECK(store.stored(kBodyTree, body_place(kTable, tag(1), 0)) == "body one");
    CHECK(store.rows->body(kTable, kPartition, row) == "body one");
    REQUIRE(store.put(kKey, written(tag(2), "two"), "body two"));
    CHECK_FALSE(store.stored(kBodyTree, body_place(kTable, tag(1), 0)));
    CHECK(store.stored(kBodyTree, body_place(kTable, tag(2), 0)) == "body two");
    REQUIRE(store.put(kKey, deleted(tag(3))));
    CHECK_FALSE(store.stored(kBodyTree, body_place(kTable, tag(2), 0)));
    CHECK(store.get(kKey)->tombstone);
    REQUIRE(store.change([](RowAccess& access) { return access.erase(kKey); }));
    CHECK_FALSE(store.stored(kRowTree, row_place(kTable, kKey)));
}

// A promise, and a version accepted again, come with the body of the row that is there, or without.
TEST_CASE("the same version again leaves its body", "[rows]") {
    Store store;
    REQUIRE(store.put(kKey, written(tag(1), "one"), "body one"));
    REQUIRE(store.change([](RowAccess& access) -> Result<void> {
        TRY(auto row, access.get(kKey));
        row->fence = tag(9);
        return access.put(kKey, *row, "");
    }));
    const auto row = store.get(kKey);
    CHECK(row->fence == tag(9));
    CHECK(store.rows->body(kTable, kPartition, *row) == "body one");
}

TEST_CASE("a change that fails leaves nothing of itself", "[rows]") {
    Store store;
    REQUIRE(store.put(kKey, written(tag(1), "one"), "body one"));
    const auto failed = store.change([](RowAccess& access) -> Result<void> {
        TRY_VOID(access.put(kKey, written(tag(2), "two"), ""));
        TRY_VOID(access.put({"p", "other"}, written(tag(2), "other"), ""));
        TRY_VOID(access.raise_low(tag(50)));
        return base::fail(Code::precondition_failed, "no");
    });
    CHECK(failed.error().code == Code::precondition_failed);
    CHECK(store.get(kKey)->row == "one");
    CHECK(store.stored(kBodyTree, body_place(kTable, tag(1), 0)) == "body one");
    CHECK_FALSE(store.get({"p", "other"}));
    CHECK(store.rows->low(kPartition)->is_zero());
}

TEST_CASE("a low bound is kept a partition, seen at once, and survives a restart", "[rows]") {
    Store store;
    CHECK(store.rows->low(kPartition)->is_zero());
    REQUIRE(store.change([](RowAccess& access) { return access.raise_low(tag(50)); }));
    CHECK(store.rows->low(kPartition) == tag(50));
    CHECK(store.rows->low(kPartition + 2)->is_zero());  // of the same shard
    Tag seen;
    REQUIRE(store.change([&](RowAccess& access) -> Result<void> {
        TRY(seen, access.low());
        return {};
    }));
    CHECK(seen == tag(50));
    CHECK(store.stored(kLowTree, std::string("\5\0\0\0", 4)) == tag(50).encode());
    store.open();
    CHECK(store.rows->low(kPartition) == tag(50));
}

struct Told {
    std::string key;
    Tag before;
    Tag after;
    bool operator==(const Told&) const = default;
};

TEST_CASE("hooks and observers are told of new versions only, and only of their table", "[rows]") {
    Store store;
    std::vector<Told> hooked;
    std::vector<Told> observed;
    store.rows->add_hook(kTable, [&](db::Writer&, const RowTransition& step) -> Result<void> {
        hooked.push_back({step.key.sort_key, step.before ? step.before->version : Tag{}, step.after.version});
        return {};
    });
    store.rows->add_hook(kTable + 1, [&](db::Writer&, const RowTransition&) -> Result<void> {
        hooked.push_back({"another table", {}, {}});
        return {};
    });
    store.rows->observe(kTable, [&](const RowKey& key, const StoredRow& after) {
        observed.push_back({key.sort_key, {}, after.version});
    });
    StoredRow promise;
    promise.fence = tag(1);
    REQUIRE(store.put(kKey, promise));  // no version yet
    CHECK(hooked.empty());
    REQUIRE(store.put(kKey, written(tag(2), "two")));
    auto again = written(tag(2), "two");
    again.acc = again.fence = tag(3);
    again.fenced = true;
    REQUIRE(store.put(kKey, again));  // the same value under another tag
    REQUIRE(store.put(kKey, deleted(tag(4))));
    REQUIRE(store.change([](RowAccess& access) { return access.erase(kKey); }));
    CHECK(hooked == std::vector<Told>{{"k", {}, tag(2)}, {"k", tag(2), tag(4)}});
    CHECK(observed == std::vector<Told>{{"k", {}, tag(2)}, {"k", {}, tag(4)}});
}

TEST_CASE("what a hook writes is part of the change, and its refusal refuses the change", "[rows]") {
    Store store;
    bool refuses = false;
    int observed = 0;
    store.rows->add_hook(kTable, [&](db::Writer& writer, const RowTransition& step) -> Result<void> {
        TRY_VOID(writer.put(77, step.key.sort_key, step.after.row));
        if (refuses) return base::fail(Code::quota_exceeded, "full");
        return {};
    });
    store.rows->observe(kTable, [&](const RowKey&, const StoredRow&) { ++observed; });
    REQUIRE(store.put(kKey, written(tag(1), "one")));
    CHECK(store.stored(77, "k") == "one");
    refuses = true;
    CHECK(store.put(kKey, written(tag(2), "two")).error().code == Code::quota_exceeded);
    CHECK(store.stored(77, "k") == "one");
    CHECK(store.get(kKey)->row == "one");
    CHECK(observed == 1);
}

// The keys that a scan shows; `visit` may steer it.
std::vector<std::string> scanned(Store& store, std::string from, std::size_t row_bytes = SIZE_MAX,
                                 std::function<ScanStep(std::string_view)> steer = {}) {
    std::vector<std::string> out;
    REQUIRE(store.rows->scan(kTable, kPartition, "p", std::move(from), row_bytes,
                             [&](std::string_view key, const RowView& row) -> Result<ScanStep> {
                                 out.push_back(std::string(key) + "=" + std::string(row.row));
                                 return steer ? steer(key) : ScanStep{};
                             }));
    return out;
}

TEST_CASE("a scan sees the rows of its partition key in order, and is steered", "[rows]") {
    Store store;
    REQUIRE(store.change([](RowAccess& access) -> Result<void> {
        for (const char* key : {"c", "", "b", "\xff", "bb", "a"}) {
            TRY_VOID(access.put({"p", key}, written(tag(1), "row"), ""));
        }
        for (const char* other : {"", "o", "pa", "q"}) {
            TRY_VOID(access.put({other, "b"}, written(tag(1), "not of p"), ""));
        }
        return {};
    }));
    using Keys = std::vector<std::string>;
    CHECK(scanned(store, "") == Keys{"=row", "a=row", "b=row", "bb=row", "c=row", "\xff=row"});
    CHECK(scanned(store, "b", 1) == Keys{"b=r", "bb=r", "c=r", "\xff=r"});
    CHECK(scanned(store, "bc", 0) == Keys{"c=", "\xff="});
    const auto stop = [](std::string_view key) { return ScanStep{key == "b", {}}; };
    CHECK(scanned(store, "", 0, stop) == Keys{"=", "a=", "b="});
    const auto jump = [](std::string_view key) { return key == "a" ? ScanStep{false, "bc"} : ScanStep{}; };
    CHECK(scanned(store, "", 0, jump) == Keys{"=", "a=", "c=", "\xff="});
    const auto to_the_end = [](std::string_view key) { return key == "a" ? ScanStep{false, ""} : ScanStep{}; };
    CHECK(scanned(store, "", 0, to_the_end) == Keys{"=", "a="});
}

TEST_CASE("malformed rows, bounds and missing bodies are reported", "[rows]") {
    Store store;
    REQUIRE(store.store(kRowTree, row_place(kTable, kKey), "\1\4garbage"));
    CHECK(store.rows->get(kTable, kPartition, kKey).error().code == Code::corrupted);
    bool damaged = false;
    REQUIRE(store.rows->scan(kTable, kPartition, "p", "", SIZE_MAX,
                             [&](std::string_view, const RowView& row) -> Result<ScanStep> {
                                 damaged = row.damaged;
                                 return ScanStep{};
                             }));
    CHECK(damaged);
    REQUIRE(store.change([&](RowAccess& access) -> Result<void> {
        damaged = access.get(kKey).value()->damaged;
        return {};
    }));
    CHECK(damaged);
    REQUIRE(store.put(kKey, written(tag(1), "x")));
    CHECK(store.rows->get(kTable, kPartition, kKey).value()->row == "x");
    REQUIRE(store.store(kLowTree, std::string("\5\0\0\0", 4), "short"));
    CHECK(store.rows->low(kPartition).error().code == Code::corrupted);
    auto row = written(tag(8), "x");
    row.body_size = 4;
    CHECK(store.rows->body(kTable, kPartition, row).error().code == Code::corrupted);
    Result<std::string> inside;
    REQUIRE(store.change([&](RowAccess& access) -> Result<void> {
        inside = access.body(row);
        return {};
    }));
    CHECK(inside.error().code == Code::corrupted);
}

}  // namespace
}  // namespace larder::table
