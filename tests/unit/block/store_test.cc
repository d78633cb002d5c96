// Putting, getting, referencing and dropping.
#include "src/base/hash.h"
#include "src/io/task_group.h"
#include "tests/unit/block/harness.h"

#include <catch2/catch.hpp>

namespace larder::block {
namespace {

using base::Code;
using base::Result;

TEST_CASE("a block is there from when put has returned, also after a power cut", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    const std::vector<std::string> all = {"", "x", pattern(5000), pattern(65'536), text(1 << 20), pattern(1 << 20)};
    for (const auto& bytes : all) {
        const auto name = node.put(bytes, 1);
        REQUIRE(name);
        CHECK((*name == base::sha256(bytes)));
    }
    for (int life = 0; life < 3; ++life) {
        for (const auto& bytes : all) CHECK((node.get(bytes) == bytes));
        CHECK(node.get(all[4], 300'000, 70'000) == all[4].substr(300'000, 70'000));
        CHECK(node.get(all[5], 300'000, 70'000) == all[5].substr(300'000, 70'000));
        CHECK(node.blocks() == all.size());
        CHECK(node.damage().empty());
        if (life == 0) node.cut_power();
        if (life == 1) node.kill();
        if (life < 2) node.open();
    }
}

TEST_CASE("what is not there is not found; a read beyond the end is refused", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    REQUIRE(node.put("abc", 1));
    CHECK(node.get("abd").error().is(Code::not_found, base::Subject::block));
    CHECK(node.get("abc", 2, 2).error().is(Code::invalid_argument));
    CHECK(node.get("abc", 4, 0).error().is(Code::invalid_argument));
    CHECK(node.refer({"abc", "abd"}, 2).error().is(Code::not_found, base::Subject::block));
}

TEST_CASE("the same bytes are stored once and live as long as one owner does", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    const auto bytes = pattern(100'000);
    REQUIRE(node.put(bytes, 1));
    const auto length = node.store->status().folders[0].segment_bytes;
    REQUIRE(node.put(bytes, 1));
    REQUIRE(node.put(bytes, 2));
    REQUIRE(node.refer({bytes}, 3));
    REQUIRE(node.refer({bytes}, 3));
    CHECK(node.store->status().folders[0].segment_bytes == length);
    CHECK(node.blocks() == 1);
    for (const std::uint64_t by : {1, 3}) {
        REQUIRE(node.drop(by));
        REQUIRE(node.drop(by));
        CHECK(node.get(bytes) == bytes);
    }
    node.reopen();
    CHECK(node.get(bytes) == bytes);
    REQUIRE(node.drop(2));
    CHECK(node.get(bytes).error().is(Code::not_found));
    CHECK(node.blocks() == 0);
    CHECK(node.store->status().stored_bytes == 0);
    // Bytes that died come back as new ones.
    REQUIRE(node.put(bytes, 4));
    node.reclaim();
    CHECK(node.get(bytes) == bytes);
}

TEST_CASE("a name given beforehand is checked unless the caller has done it", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    const auto bytes = base::Buffer::copy_of("abc");
    const auto name = base::sha256("abc");
    CHECK(node.run(node.store->put(bytes, owner(1), base::sha256("other"), false)).error().is(Code::corrupted));
    CHECK(node.blocks() == 0);
    CHECK((node.run(node.store->put(bytes, owner(1), name, false)) == name));
    CHECK((node.run(node.store->put(bytes, owner(2), name, true)) == name));
    CHECK(node.blocks() == 1);
}

TEST_CASE("owners that are leased keep their blocks", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    const auto bytes = pattern(100'000);
    REQUIRE(node.put(bytes, 1));
    {
        const auto lease = node.store->lease({owner(1), owner(2)});
        const auto again = node.store->lease({owner(1)});
        CHECK(node.drop(1).error().is(Code::conflict));
        CHECK(node.drop(3));
        node.reclaim();
        CHECK(node.get(bytes) == bytes);
    }
    CHECK(node.drop(1));
    CHECK(node.blocks() == 0);
}

io::Task<void> put_one(BlockStore& store, std::string bytes, std::uint64_t by, int& failures) {
    const auto put = co_await store.put(base::Buffer::copy_of(bytes), owner(by), std::nullopt, false);
    if (!put || *put != base::sha256(bytes)) ++failures;
}

io::Task<int> put_many(Node& node, int count, int kinds) {
    int failures = 0;
    io::TaskGroup group(node.env.executor);
    for (int i = 0; i < count; ++i) {
        const auto seed = static_cast<std::uint64_t>(i % kinds);
        group.spawn(put_one(*node.store, pattern(20'000 + seed, seed), static_cast<std::uint64_t>(i), failures));
    }
    co_await group.join();
    co_return failures;
}

TEST_CASE("blocks put at once share syncs; the same bytes put at once become one block", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    const auto before = node.disk.calls();
    CHECK(node.run(put_many(node, 200, 50)) == 0);
    CHECK(node.blocks() == 50);
    // Two writes a record, and few besides.
    CHECK(node.disk.calls() - before < 200 * 8);
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        CHECK((node.get(pattern(20'000 + seed, seed)) == pattern(20'000 + seed, seed)));
    }
    for (std::uint64_t by = 0; by < 200; ++by) REQUIRE(node.drop(by));
    CHECK(node.blocks() == 0);
}

TEST_CASE("a damaged block is reported, and healed for all when its bytes come again", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    const auto bad = pattern(200'000, 1);
    const auto good = pattern(200'000, 2);
    REQUIRE(node.put(bad, 1));
    REQUIRE(node.put(good, 1));
    const auto at = node.disk.contents(node.segments()[0]).find(bad.substr(100'000, 64));
    REQUIRE(at != std::string::npos);
    node.disk.flip_bit(node.segments()[0], at * 8);
    CHECK(node.get(bad).error().is(Code::corrupted, base::Subject::block));
    CHECK(node.get(bad, 0, 60'000) == bad.substr(0, 60'000));
    CHECK(node.get(good) == good);
    REQUIRE(node.damage().size() == 1);
    CHECK(node.damage()[0].find("/data/one/segment-00000001 offset 0") != std::string::npos);
    REQUIRE(node.put(bad, 2));
    CHECK(node.get(bad) == bad);
    CHECK(node.damage().empty());
    CHECK(node.blocks() == 2);
    REQUIRE(node.drop(2));
    node.reclaim();
    node.reopen();
    CHECK(node.get(bad) == bad);
}

TEST_CASE("an owner with very many blocks is dropped", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    CHECK(node.run(put_many(node, 40, 40)) == 0);
    std::vector<std::string> all;
    for (std::uint64_t seed = 0; seed < 40; ++seed) all.push_back(pattern(20'000 + seed, seed));
    REQUIRE(node.refer(all, 1000));
    for (std::uint64_t by = 0; by < 40; ++by) REQUIRE(node.drop(by));
    CHECK(node.blocks() == 40);
    REQUIRE(node.drop(1000));
    CHECK(node.blocks() == 0);
}

}  // namespace
}  // namespace larder::block
