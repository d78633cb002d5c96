// What goes wrong on disks: what the client sees, and that nothing else is lost.
#include "src/base/limits.h"
#include "src/db/db.h"
#include "tests/unit/engine/faults.h"
#include "tests/unit/engine/file_clients.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

namespace larder::engine {
namespace {

using base::Code;
constexpr auto kBlock = base::limits::kBlockBytes;

TEST_CASE("a flipped bit in a segment is reported, harms one object, and heals when it is written again", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const auto bad = pattern(2 * kBlock, 1);
    const auto good = pattern(2 * kBlock, 2);
    REQUIRE(node.put(id, "bad", bad));
    REQUIRE(node.put(id, "good", good));
    node.close();
    REQUIRE(flip_bit_at(node.data_folder(), bad.substr(kBlock + 500'000, 64)) == 1);
    node.open();
    CHECK(node.get(id, "bad").error().is(Code::corrupted, base::Subject::block));
    CHECK(node.head(id, "bad"));
    CHECK((node.get(id, "good") == good));
    CHECK_FALSE(node.damage().empty());
    REQUIRE(node.put(id, "again", bad));
    CHECK((node.get(id, "again") == bad));
    CHECK((node.get(id, "bad") == bad));
    CHECK(node.damage().empty());
}

TEST_CASE("a flipped bit in a row harms that object alone", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const std::string marker = "this text stands in the row of one object and nowhere else";
    ObjectProperties marked;
    marked.metadata = {{"mark", marker}};
    for (int i = 0; i < 50; ++i)
        REQUIRE(node.put(id, "k" + std::to_string(i), pattern(100), {}, i == 7 ? marked : ObjectProperties()));
    node.close();
    REQUIRE(flip_bit_at(node.meta_folder(), marker) > 0);
    node.open();
    CHECK(node.get(id, "k7").error().is(Code::corrupted));
    CHECK(node.head(id, "k7").error().is(Code::corrupted));
    for (int i = 0; i < 50; ++i) {
        if (i != 7) CHECK((node.get(id, "k" + std::to_string(i)) == pattern(100)));
    }
    REQUIRE(node.engine->find_bucket("b"));
    // A listing does not leave it out, as if it were deleted, and shows all others.
    const auto page = node.run(node.engine->list_objects(id, {}));
    REQUIRE(page->objects.size() == 50);
    CHECK(std::count_if(page->objects.begin(), page->objects.end(), [](const auto& o) { return o.etag.empty(); }) == 1);
    REQUIRE(node.damage().size() == 1);
    CHECK(node.damage()[0].find("b:k7") == 0);
    // Nobody knows what a condition on it would be judged by.
    Condition only_new;
    only_new.if_absent = true;
    CHECK(node.put(id, "k7", "x", only_new).error().is(Code::corrupted));

    SECTION("writing it again heals it") {
        REQUIRE(node.put(id, "k7", pattern(200)));
        CHECK((node.get(id, "k7") == pattern(200)));
    }
    SECTION("deleting it heals the bucket") {
        REQUIRE(node.remove(id, "k7"));
        CHECK(node.head(id, "k7").error().is(Code::not_found));
    }
    SECTION("other changes and a restart are not kept from happening") {
        REQUIRE(node.put(id, "k8", "new"));
        node.close();
        node.open();
        CHECK(node.get(id, "k8") == "new");
        REQUIRE(node.put(id, "k7", "healed"));
    }
    CHECK(node.damage().empty());
}

TEST_CASE("a flipped bit in an inline body harms that body alone", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const auto body = pattern(3000, 77);
    REQUIRE(node.put(id, "bad", body));
    REQUIRE(node.put(id, "good", "fine"));
    node.close();
    REQUIRE(flip_bit_at(node.meta_folder(), body.substr(1000, 64)) > 0);
    node.open();
    CHECK(node.get(id, "bad").error().is(Code::corrupted));
    CHECK(node.get(id, "good") == "fine");
    CHECK(node.run(node.engine->list_objects(id, {}))->objects.size() == 2);
    REQUIRE(node.put(id, "bad", body));
    CHECK((node.get(id, "bad") == body));
}

Result<void> erase_trees(db::Db& db, test::World& world, db::TreeId first, db::TreeId last) {
    for (db::ShardId shard = 0; shard < db.shards(); ++shard) {
        TRY_VOID(world.run(db.commit(shard, [=](db::Writer& rows) -> Result<void> {
            for (auto tree = first; tree <= last; ++tree) {
                std::vector<std::string> keys;
                {
                    TRY(const auto cursor, rows.cursor(tree));
                    TRY_VOID(cursor->seek({}));
                    while (cursor->valid()) {
                        keys.emplace_back(cursor->key());
                        TRY_VOID(cursor->next());
                    }
                }
                for (const auto& key : keys) TRY_VOID(rows.erase(tree, key));
            }
            return {};
        })));
    }
    return db.close();
}

TEST_CASE("a lost index of blocks is made again from the segments", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const auto shared = pattern(2 * kBlock, 1);
    REQUIRE(node.put(id, "one", shared));
    REQUIRE(node.put(id, "two", shared));
    REQUIRE(node.put(id, "gone", pattern(kBlock, 3)));
    REQUIRE(node.put(id, "big", pattern(20 * kBlock, 4)));
    REQUIRE(node.remove(id, "gone"));
    REQUIRE(node.put(id, "changed", pattern(20 * kBlock, 5)));
    auto changed = pattern(20 * kBlock, 5);
    {
        OpenFile file(node, id, "changed");
        for (std::size_t at = kBlock / 2; at < changed.size(); at += kBlock / 4) {
            REQUIRE(file.write(at, pattern(3, at)));
            changed.replace(at, 3, pattern(3, at));
        }
        REQUIRE(file.commit());
    }
    const auto blocks = node.status().blocks;
    CHECK(blocks > 42);
    node.close();
    {
        db::Options options;
        options.folder = node.meta_folder() + "/rows";
        auto db = db::Db::open(node.env, node.metrics, options);
        REQUIRE(db);
        REQUIRE(erase_trees(**db, node.world, 32, 47));
    }
    node.open();
    CHECK((node.get(id, "one") == shared));
    CHECK((node.get(id, "big") == pattern(20 * kBlock, 4)));
    CHECK((object_bytes(node, id, "changed") == changed));
    CHECK(node.comes_to_blocks(blocks));
    CHECK(node.damage().empty());
    REQUIRE(node.remove(id, "changed"));
    REQUIRE(node.remove(id, "one"));
    CHECK(node.comes_to_blocks(22));
    CHECK((node.get(id, "two") == shared));
    REQUIRE(node.remove(id, "two"));
    CHECK(node.comes_to_blocks(20));
}

TEST_CASE("a full disk refuses writes, serves reads, and takes writes again when there is room", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const auto body = pattern(2 * kBlock, 1);
    REQUIRE(node.put(id, "small", "x"));
    REQUIRE(node.put(id, "large", body));
    node.disk.fill_after(0);
    CHECK(node.put(id, "small2", "x").error().is(Code::no_space));
    CHECK(node.put(id, "large2", pattern(3 * kBlock, 2)).error().is(Code::no_space));
    CHECK(node.get(id, "small") == "x");
    CHECK((node.get(id, "large") == body));
    node.disk.make_room();
    CHECK(node.put(id, "small2", "x"));
    CHECK(node.put(id, "large2", pattern(3 * kBlock, 2)));
    CHECK((node.get(id, "large2") == pattern(3 * kBlock, 2)));
    CHECK(node.comes_to_blocks(5));
    CHECK(node.damage().empty());
}

Result<ObjectInfo> complete(Node& node, BucketId id, UploadId upload) {
    CompleteOptions options;
    options.etag = "e-2";
    const std::vector<CompletedPart> parts = {{1, etag_of(pattern(100'000, 1)), {}},
                                              {2, etag_of(pattern(50'000, 2)), {}}};
    return node.run(node.engine->complete_upload(id, "k", upload, parts, options));
}

TEST_CASE("a completion cut off at any moment can be repeated", "[engine]") {
    const auto prepare = [](Node& node, BucketId id) {
        UploadInfo wanted;
        wanted.bucket = id;
        wanted.key = "k";
        const auto upload = node.run(node.engine->create_upload(wanted))->id;
        for (int n = 1; n <= 2; ++n) {
            auto writer = node.run(node.engine->put_part(id, "k", upload, n, std::nullopt));
            REQUIRE(node.run(
                write_all(std::move(*writer), pattern(n == 1 ? 100'000 : 50'000, static_cast<std::uint64_t>(n)))));
        }
        return upload;
    };
    const auto act = [](Node& node, BucketId id, UploadId upload) { return complete(node, id, upload).has_value(); };
    const auto after = [](Node& node, BucketId id, UploadId upload, bool) {
        const auto again = complete(node, id, upload);
        if (!again) FAIL(again.error().message);
        CHECK((node.get(id, "k") == pattern(100'000, 1) + pattern(50'000, 2)));
        REQUIRE(node.remove(id, "k"));
        CHECK(node.comes_to_blocks(0));
    };
    for_every_full_moment(prepare, act, after);
}

TEST_CASE("a rename cut off at any moment leaves the object under one of its names", "[engine]") {
    const auto prepare = [](Node& node, BucketId id) { return node.put(id, "from", pattern(2 * kBlock)).has_value(); };
    const auto act = [](Node& node, BucketId id, bool) {
        return node.run(rename_object(*node.engine, id, "from", "to")).has_value();
    };
    const auto after = [](Node& node, BucketId id, bool, bool done) {
        const auto from = node.get(id, "from");
        const auto to = node.get(id, "to");
        CHECK(from.has_value() != to.has_value());
        if (done) CHECK(to);
        CHECK(((from ? *from : *to) == pattern(2 * kBlock)));
        CHECK(node.comes_to_blocks(2));
        REQUIRE(node.remove(id, from ? "from" : "to"));
        CHECK(node.comes_to_blocks(0));
    };
    for_every_full_moment(prepare, act, after);
}

TEST_CASE("a copy or an overwrite cut off at any moment harms neither source nor target", "[engine]") {
    const auto prepare = [](Node& node, BucketId id) {
        return node.put(id, "from", pattern(2 * kBlock, 1)).has_value() &&
               node.put(id, "to", pattern(kBlock, 2)).has_value();
    };
    const auto act = [](Node& node, BucketId id, bool) {
        CopySource source;
        source.bucket = id;
        source.key = "from";
        return node.run(node.engine->copy_object(source, id, "to", {})).has_value();
    };
    const auto after = [](Node& node, BucketId id, bool, bool done) {
        CHECK((node.get(id, "from") == pattern(2 * kBlock, 1)));
        const auto to = node.get(id, "to");
        REQUIRE(to);
        CHECK((*to == pattern(2 * kBlock, 1) || (!done && *to == pattern(kBlock, 2))));
        REQUIRE(node.remove(id, "from"));
        REQUIRE(node.remove(id, "to"));
        CHECK(node.comes_to_blocks(0));
    };
    for_every_full_moment(prepare, act, after);
}

TEST_CASE("a file's commit cut off at any moment has been or not", "[engine][file]") {
    const auto before = pattern(3 * kBlock, 1);
    auto changed = before;
    changed.replace(100, 50, pattern(50, 2)).replace(kBlock, 40'000, pattern(40'000, 3));
    const auto prepare = [&](Node& node, BucketId id) { return node.put(id, "k", before).has_value(); };
    const auto act = [&](Node& node, BucketId id, bool) {
        OpenFile file(node, id, "k");
        return file.write(100, pattern(50, 2)) && file.write(kBlock, pattern(40'000, 3)) && file.commit();
    };
    const auto after = [&](Node& node, BucketId id, bool, bool done) {
        const auto now = object_bytes(node, id, "k");
        CHECK((now == changed || (!done && now == before)));
        REQUIRE(node.remove(id, "k"));
        CHECK(node.comes_to_blocks(0));
    };
    for_every_full_moment(prepare, act, after);
}

TEST_CASE("a commit that failed at any moment can be repeated", "[engine][file]") {
    auto expected = pattern(3 * kBlock, 1);
    expected.replace(100, 50, pattern(50, 2)).replace(kBlock, 40'000, pattern(40'000, 3));
    for (std::int64_t moment = 0; moment < 100; ++moment) {
        INFO("full after " << moment << " writes");
        Node node;
        const auto id = node.bucket("b");
        REQUIRE(node.put(id, "k", pattern(3 * kBlock, 1)));
        {
            OpenFile file(node, id, "k");
            REQUIRE(file.write(100, pattern(50, 2)));
            REQUIRE(file.write(kBlock, pattern(40'000, 3)));
            // Of another, so that content must be taken over in every second round.
            if (moment % 2 == 1) REQUIRE(node.put(id, "k", pattern(kBlock, 7)));
            node.disk.fill_after(moment);
            const bool done = file.commit().has_value();
            const bool was_full = node.disk.was_full();
            node.disk.make_room();
            if (!done) REQUIRE(file.commit());
            CHECK((file.content() == expected));
            CHECK((object_bytes(node, id, "k") == expected));
            if (!was_full) return;
        }
        CHECK(node.damage().empty());
        REQUIRE(node.remove(id, "k"));
        CHECK(node.comes_to_blocks(0));
    }
    FAIL("it never had room enough");
}

TEST_CASE("a bucket whose deletion is cut off at any moment is there or gone, never between", "[engine]") {
    const auto prepare = [](Node& node, BucketId id) { return node.bucket("other") != id; };
    const auto act = [](Node& node, BucketId id, bool) { return node.run(node.engine->delete_bucket(id)).has_value(); };
    const auto after = [](Node& node, BucketId id, bool, bool) {
        if (node.engine->find_bucket("b")) {
            CHECK(node.put(id, "k", "x"));
            REQUIRE(node.remove(id, "k"));
            REQUIRE(node.run(node.engine->delete_bucket(id)));
        }
        CHECK(node.bucket("b") != id);
    };
    for_every_full_moment(prepare, act, after);
}

}  // namespace
}  // namespace larder::engine
