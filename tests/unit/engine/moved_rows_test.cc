// Rows seen as if directories on their way had arrived, against a plain map in which they have.
#include "replication/moved_rows.h"

#include "src/io/real_env.h"
#include "tests/sim/world.h"

#include <catch2/catch.hpp>

#include <map>
#include <random>

namespace larder::engine {
namespace {

using base::Result;
using base::Tag;
using io::Task;
using table::RangeEntry;
using table::RangePage;
using table::RangeQuery;
using table::Row;
using table::RowKey;
using table::Value;

const base::BucketId kBucket{};
const std::string kPartition = std::string(kBucket.view()) + "0";

// Rows as a map: ranges by the definition, a small page at a time.
class MapRows final : public table::Registers {
 public:
    std::map<std::string, Row> rows;
    std::uint64_t last = 0;

    Tag next() { return {++last, 1, 1}; }
    Task<Result<Row>> read(RowKey key, bool) override { co_return at(key.sort_key); }
    Task<Result<Tag>> write(RowKey key, std::optional<Value> value) override { co_return put(key, std::move(value)); }
    Task<Result<Tag>> write_made(RowKey key, Make make) override {
        auto value = make({last + 1, 1, 1});
        co_return put(key, std::move(value));
    }
    Task<Result<Row>> update(RowKey key, table::Decide decide) override {
        CO_TRY(auto decided, decide(at(key.sort_key), {last + 1, 1, 1}));
        put(key, std::move(decided.value));
        co_return at(key.sort_key);
    }
    Task<Result<std::vector<Row>>> update_rows(std::vector<RowKey> keys, table::DecideAll decide) override {
        std::vector<Row> present;
        for (const auto& key : keys) present.push_back(at(key.sort_key));
        const auto version = next();
        CO_TRY(auto decided, decide(present, version));
        for (std::size_t i = 0; i < keys.size(); ++i) set(keys[i].sort_key, version, decided[i]);
        present.clear();
        for (const auto& key : keys) present.push_back(at(key.sort_key));
        co_return present;
    }
    Task<Result<RangePage>> range(RangeQuery query) override {
        co_return page_of(query, std::min<std::size_t>(3, query.limit));
    }

    RangePage page_of(const RangeQuery& query, std::size_t limit) const {
        RangePage page;
        for (const auto& [key, row] : rows) {
            const bool below = key < query.start_at || (!query.start_after.empty() && key <= query.start_after);
            const bool beyond = !query.end_before.empty() && key >= query.end_before;
            if (!row.exists() || below || beyond || !key.starts_with(query.prefix)) continue;
            const auto text = std::make_shared<const std::string>(key);
            RangeEntry entry{*text, false, false, row.version, row.value->row, {}};
            const auto fold =
                query.delimiter.empty() ? std::string::npos : key.find(query.delimiter, query.prefix.size());
            if (fold != std::string::npos) {
                entry = {entry.sort_key.substr(0, fold + query.delimiter.size()), true, false, {}, {}, {}};
            }
            if (entry.is_prefix && !page.entries.empty() && page.entries.back().sort_key == entry.sort_key) continue;
            if (page.entries.size() == limit) {
                page.truncated = true;
                page.resume = key;
                break;
            }
            page.held.push_back(text);
            page.entries.push_back(entry);
        }
        return page;
    }

 private:
    Row at(const std::string& key) const {
        const auto found = rows.find(key);
        return found == rows.end() ? Row() : found->second;
    }
    Tag put(const RowKey& key, std::optional<Value> value) {
        const auto version = next();
        set(key.sort_key, version, std::move(value));
        return version;
    }
    void set(const std::string& key, Tag version, std::optional<Value> value) {
        if (!value && !rows.contains(key)) return;
        rows[key] = Row{version, std::move(value)};
    }
};

// Both worlds: one where directories move at once, and one where their rows come when they are asked for.
struct Worlds {
    Worlds() : moved(env, lying, [this](auto move, auto rest) { return bring(std::move(move), std::move(rest)); }) {}

    Task<Result<void>> bring(DirectoryMove move, std::string rest) {
        ++brought;
        const auto found = lying.rows.find(move.from + rest);
        if (found == lying.rows.end() || !found->second.exists() || found->second.version >= move.since) {
            co_return Result<void>();
        }
        const auto value = found->second.value;
        (void)co_await lying.write({kPartition, move.from + rest}, std::nullopt);
        (void)co_await lying.write({kPartition, move.to + rest}, value);
        co_return Result<void>();
    }

    template <typename T>
    T run(Task<T> task) {
        std::optional<T> value;
        io::TaskGroup group(executor);
        const auto keep = [](Task<T> of, std::optional<T>& out) -> Task<void> { out.emplace(co_await std::move(of)); };
        group.spawn(keep(std::move(task), value));
        while (!value && world.step()) {
        }
        if (!value) FAIL("a task waits for nothing");
        return std::move(*value);
    }

    void put(const std::string& key, const std::string& text) {
        (void)run(moved.write({kPartition, key}, Value{text, {}}));
        there[key] = text;
    }
    void remove(const std::string& key) {
        (void)run(moved.write({kPartition, key}, std::nullopt));
        there.erase(key);
    }
    std::string get(const std::string& key) {
        const auto row = run(moved.read({kPartition, key}, true));
        return row->exists() ? row->value->row : "";
    }
    void rename(const std::string& from, const std::string& to) {
        DirectoryMove move{kBucket, from, to, {}};
        auto closed = run(moved.close(kBucket, from, to));
        move.since = lying.next();
        moved.add(move);
        closed.reset();
        std::map<std::string, std::string> after;
        for (const auto& [key, text] : there) {
            after[key.starts_with(from) ? to + key.substr(from.size()) : key] = text;
        }
        there = after;
    }
    void arrive(const std::string& from, const std::string& to, Tag since) {
        for (const auto& [key, row] : std::map(lying.rows)) {
            if (key.starts_with(from)) (void)run(bring({kBucket, from, to, since}, key.substr(from.size())));
        }
        moved.remove(kBucket, from);
    }
    // What the range shows, page by page, and whether it says so rightly when more follows.
    std::vector<std::string> shown(RangeQuery query) {
        std::vector<std::string> out;
        for (int pages = 0; pages < 100; ++pages) {
            const auto page = run(moved.range(query));
            if (!page) FAIL(page.error().message);
            if (page->entries.size() > query.limit) FAIL("more than asked for");
            for (const auto& entry : page->entries) {
                out.push_back(std::string(entry.sort_key) + (entry.is_prefix ? "" : "=" + std::string(entry.row)));
            }
            if (!page->truncated) return out;
            query.start_at = page->resume;
            query.start_after.clear();
        }
        FAIL("the range has no end");
        return out;
    }
    std::vector<std::string> expected(const RangeQuery& query) const {
        MapRows plain;
        for (const auto& [key, text] : there) plain.rows[key] = Row{{1, 1, 1}, Value{text, {}}};
        std::vector<std::string> out;
        for (const auto& entry : plain.page_of(query, SIZE_MAX).entries) {
            out.push_back(std::string(entry.sort_key) + (entry.is_prefix ? "" : "=" + std::string(entry.row)));
        }
        return out;
    }

    sim::World world{1};
    sim::SimExecutor executor{world, 1};
    sim::SimClock clock{world, 1};
    sim::SimRandom random{world};
    sim::SimBlocking blocking{executor};
    sim::Links links{world};
    sim::SimNetwork network{links, executor, clock, 1};
    std::unique_ptr<io::Disk> disk = io::make_real_disk();
    io::Env env{executor, clock, random, *disk, network, blocking};
    MapRows lying;
    MovedRows moved;
    std::map<std::string, std::string> there;
    int brought = 0;
};

TEST_CASE("a row is under the new name of its directory before it has moved", "[moves]") {
    Worlds w;
    w.put("from/a", "1");
    w.put("from/sub/b", "2");
    w.rename("from/", "to/");
    CHECK(w.lying.rows.contains("from/a"));
    RangeQuery all;
    all.partition_key = kPartition;
    CHECK(w.shown(all) == std::vector<std::string>{"to/a=1", "to/sub/b=2"});
    CHECK(w.brought == 0);
    CHECK(w.get("to/a") == "1");
    CHECK(w.get("from/a").empty());
    CHECK(w.get("elsewhere").empty());
}

TEST_CASE("what is made under the old name stays there", "[moves]") {
    Worlds w;
    w.put("from/a", "old");
    w.rename("from/", "to/");
    w.put("from/a", "new");
    w.put("from/b", "new too");
    CHECK(w.get("to/a") == "old");
    CHECK(w.get("from/a") == "new");
    w.arrive("from/", "to/", {w.lying.last, 1, 1});
    CHECK(w.get("to/b").empty());
}

TEST_CASE("a row moves on and is not missed by a range that is under way", "[moves]") {
    Worlds w;
    for (const auto* key : {"from/a", "from/b", "from/c", "from/d", "from/e"}) w.put(key, "x");
    w.rename("from/", "to/");
    // What the range looks at first is asked for in the middle of it: brought between two of its steps.
    RangeQuery query;
    query.partition_key = kPartition;
    query.limit = 2;
    const auto first = w.run(w.moved.range(query));
    CHECK(w.get("to/d") == "x");
    query.start_at = first->resume;
    CHECK(w.shown(query) == std::vector<std::string>{"to/c=x", "to/d=x", "to/e=x"});
}

Task<void> hold_up(MovedRows& moved, std::vector<std::string>& order) {
    auto closed = co_await moved.close(kBucket, "from/", "to/");
    order.push_back("closed");
}

TEST_CASE("writes wait while a move begins, and it waits for those before it", "[moves]") {
    Worlds w;
    auto closed = w.run(w.moved.close(kBucket, "from/", "to/"));
    std::vector<std::string> order;
    io::TaskGroup group(w.executor);
    const auto write = [](Worlds& in, std::string key, std::vector<std::string>& out) -> Task<void> {
        (void)co_await in.moved.write({kPartition, key}, Value{"x", {}});
        out.push_back(key);
    };
    group.spawn(write(w, "from/a", order));
    group.spawn(write(w, "to/a", order));
    group.spawn(write(w, "other/a", order));
    while (w.world.step()) {
    }
    CHECK(order == std::vector<std::string>{"other/a"});
    // Those that wait have not begun: another move need not wait for them.
    w.run(w.moved.close(kBucket, "x/", "y/"));
    closed.reset();
    while (w.world.step()) {
    }
    CHECK(order.size() == 3);
    order.clear();
    group.spawn(hold_up(w.moved, order));
    while (w.world.step()) {
    }
    CHECK(order == std::vector<std::string>{"closed"});
}

std::string any_of(std::mt19937_64& dice, const std::vector<std::string>& words) {
    return words[dice() % words.size()];
}

TEST_CASE("random changes and ranges show what they would if directories moved at once", "[moves]") {
    const std::vector<std::string> dirs{"a/", "b/", "b/c/", "d/"};
    const std::vector<std::string> rests{"", "1", "2", "c/", "c/1", "c/d/2", "e", "/", "x/y"};
    const std::vector<std::string> prefixes{"", "a", "a/", "b", "b/", "b/c", "b/c/", "c", "d/", "d/c/"};
    const std::vector<std::string> delimiters{"", "/", "/", "c", "/c", "b/c"};
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        INFO("seed " << seed);
        std::mt19937_64 dice(seed);
        Worlds w;
        struct Under {
            std::string from, to;
            Tag since;
        };
        std::vector<Under> moves;
        for (int step = 0; step < 60; ++step) {
            const auto what = dice() % 16;
            const auto key = any_of(dice, dirs) + any_of(dice, rests);
            if (what < 6) {
                w.put(key, std::to_string(step));
            } else if (what < 7) {
                w.remove(key);
            } else if (what < 9) {
                REQUIRE(w.get(key) == (w.there.contains(key) ? w.there[key] : ""));
            } else if (what < 10 && moves.empty()) {
                const auto from = any_of(dice, dirs);
                const auto to = any_of(dice, {"a/", "d/", "b/new/", "z/"});
                bool free = !to.starts_with(from) && !from.starts_with(to);
                for (const auto& [present, text] : w.there) free = free && !present.starts_with(to);
                if (!free) continue;
                w.rename(from, to);
                moves.push_back({from, to, {w.lying.last, 1, 1}});
            } else if (what < 11 && !moves.empty()) {
                w.arrive(moves.back().from, moves.back().to, moves.back().since);
                moves.clear();
            } else {
                RangeQuery query;
                query.partition_key = kPartition;
                query.prefix = any_of(dice, prefixes);
                query.delimiter = any_of(dice, delimiters);
                query.limit = 1 + dice() % 5;
                if (dice() % 3 == 0) query.start_after = any_of(dice, dirs) + any_of(dice, rests);
                if (dice() % 4 == 0) query.end_before = any_of(dice, dirs) + any_of(dice, rests);
                CAPTURE(step, query.prefix, query.delimiter, query.limit, query.start_after, query.end_before);
                REQUIRE(w.shown(query) == w.expected(query));
            }
        }
    }
}

}  // namespace
}  // namespace larder::engine
