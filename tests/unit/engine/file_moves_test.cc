// Directories that move: cut off, met by others, with what cannot be moved below them; and links that are cut off.
#include "replication/local_engine.h"
#include "src/base/limits.h"
#include "tests/unit/engine/faults.h"

#include <cstdio>

namespace larder::engine {
namespace {

using base::Code;
using base::Subject;

constexpr auto kBlock = base::limits::kBlockBytes;

std::unique_ptr<FileStore> files_of(Node& node, BucketId id) {
    return node.engine->files(id).value();
}

std::string body_of(int i) {
    return pattern(i % 3 == 0 ? 20'000 : 30, static_cast<std::uint64_t>(i));
}
std::string name_of(int i) {
    return (i % 2 == 0 ? "f" : "sub/f") + std::to_string(i);
}

bool make_tree(Node& node, BucketId id, int count) {
    for (int i = 0; i < count; ++i) {
        if (!node.put(id, "from/" + name_of(i), body_of(i))) return false;
    }
    NewFile marker;
    marker.key = "from/";
    marker.attributes.mode = 040700;
    return node.run(files_of(node, id)->create(marker)).has_value();
}

std::set<std::string> keys(Node& node, BucketId id) {
    std::set<std::string> out;
    for (const auto& object : node.run(node.engine->list_objects(id, {}))->objects) out.insert(object.key);
    return out;
}

Task<bool> make_many(Engine& engine, io::Env& env, BucketId id, int count, std::size_t size) {
    io::Semaphore window(env.executor, 256);
    io::TaskGroup group(env.executor);
    const auto one = [](Engine& to, BucketId bucket, std::string key, std::string body,
                        io::Semaphore::Permit permit) -> Task<void> {
        (void)co_await write_all(to.put_object(bucket, key, body.size()), body);
        permit.release();
    };
    for (int i = 0; i < count; ++i) {
        auto permit = co_await window.acquire();
        group.spawn(one(engine, id, "from/" + std::to_string(i), pattern(size, static_cast<std::uint64_t>(i)),
                        std::move(permit)));
    }
    co_await group.join();
    co_return true;
}

std::size_t keys_below(Node& node, BucketId id, const std::string& prefix) {
    ListQuery query;
    query.prefix = prefix;
    query.limit = 1'000'000;
    return node.run(node.engine->list_objects(id, query))->objects.size();
}

// Whether the whole tree comes to stand under `to`, and nothing elsewhere.
bool comes_to(Node& node, BucketId id, const std::string& to, int count) {
    std::set<std::string> expected{to};
    for (int i = 0; i < count; ++i) expected.insert(to + name_of(i));
    const auto holds = [&]() -> Task<bool> {
        std::set<std::string> there;
        const auto page = co_await node.engine->list_objects(id, {});
        if (!page) co_return false;
        for (const auto& object : page->objects) there.insert(object.key);
        co_return there == expected;
    };
    return node.run(eventually(node.env, holds));
}

TEST_CASE("a directory moves with all that is below it", "[files][moves]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(make_tree(node, id, 30));
    const auto files = files_of(node, id);
    const auto marker = node.run(files->find("from"))->directory;
    const auto file = node.run(files->find("from/f0"))->object;
    REQUIRE(node.run(files->rename_directory("from/", "to/", 7)));
    CHECK(comes_to(node, id, "to/", 30));
    const auto moved = node.run(files->find("to"))->directory;
    CHECK(moved->inode == marker->inode);
    CHECK((moved->attributes.mode == 040700u && moved->attributes.ctime_ns == 7));
    CHECK(node.run(files->find("to/f0"))->object->inode == file->inode);
    for (int i = 0; i < 30; ++i) CHECK((node.get(id, "to/" + name_of(i)) == body_of(i)));
    CHECK(node.damage().empty());
}

TEST_CASE("moves that cannot be are refused before anything moves", "[files][moves]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(make_tree(node, id, 4));
    REQUIRE(node.put(id, "full/x", "x"));
    const auto files = files_of(node, id);
    const auto before = keys(node, id);
    CHECK(node.run(files->rename_directory("from/", "from/sub/", 1)).error().is(Code::invalid_argument));
    CHECK(node.run(files->rename_directory("from/", "from/new/", 1)).error().is(Code::invalid_argument));
    CHECK(node.run(files->rename_directory("none/", "to/", 1)).error().is(Code::not_found, Subject::object));
    CHECK(node.run(files->rename_directory("from/", "full/", 1)).error().is(Code::conflict, Subject::object));
    CHECK(node.run(files->rename_directory("from", "to", 1)).error().is(Code::invalid_argument));
    // "from/sub/f1" would be no key.
    const auto longest = std::string(base::limits::kKeyBytesMax - 3, 'x') + "/";
    CHECK(node.run(files->rename_directory("from/", longest, 1)).error().is(Code::invalid_argument));
    CHECK(node.run(files->rename_directory("from/", "from/", 1)));
    CHECK(keys(node, id) == before);
}

TEST_CASE("a directory's move cut off at any moment is finished", "[files][moves]") {
    constexpr int kCount = 4;
    const auto prepare = [](Node& node, BucketId id) { return make_tree(node, id, kCount); };
    const auto act = [](Node& node, BucketId id, bool) {
        return node.run(files_of(node, id)->rename_directory("from/", "to/", 1)).has_value();
    };
    const auto after = [](Node& node, BucketId id, bool, bool done) {
        // Nothing of it was begun, or all of it comes to be.
        const bool begun = done || comes_to(node, id, "to/", kCount);
        CHECK(comes_to(node, id, begun ? "to/" : "from/", kCount));
        for (int i = 0; i < kCount; ++i) {
            CHECK((node.get(id, (begun ? "to/" : "from/") + name_of(i)) == body_of(i)));
        }
        CHECK(node.comes_to_blocks(2));
    };
    for_every_full_moment(prepare, act, after);
}

Task<bool> begin_and_leave(FileStore& files, io::Env& env) {
    io::TaskGroup group(env.executor);
    const auto move = [](FileStore& store) -> Task<void> { (void)co_await store.rename_directory("from/", "to/", 1); };
    group.spawn(move(files));
    for (;;) {
        const auto found = co_await files.find("to");
        if (!found || found->directory) break;
        co_await env.clock.sleep_for(std::chrono::microseconds(100));
    }
    // The caller goes away: its task is dropped here.
    co_return true;
}

TEST_CASE("a directory's move goes on when its caller goes away", "[files][moves]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(make_tree(node, id, 60));
    auto files = files_of(node, id);
    REQUIRE(node.run(begin_and_leave(*files, node.env)));
    files.reset();
    SECTION("at once") {}
    SECTION("and after a sudden end") {
        node.kill();
        node.open();
    }
    CHECK(comes_to(node, id, "to/", 60));
}

Task<bool> move_both(FileStore& files, io::Env& env, std::multiset<std::string>& outcomes) {
    io::TaskGroup group(env.executor);
    const auto move = [](FileStore& store, std::string from, std::string to,
                         std::multiset<std::string>& out) -> Task<void> {
        const auto done = co_await store.rename_directory(from, to, 1);
        out.insert(done ? "done" : done.error().is(Code::not_found) ? "not found" : done.error().message);
    };
    group.spawn(move(files, "from/", "one/", outcomes));
    group.spawn(move(files, "from/", "two/", outcomes));
    co_await group.join();
    co_return true;
}

TEST_CASE("of two moves of one directory one finds it", "[files][moves]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(make_tree(node, id, 40));
    std::multiset<std::string> outcomes;
    REQUIRE(node.run(move_both(*files_of(node, id), node.env, outcomes)));
    CHECK(outcomes == std::multiset<std::string>{"done", "not found"});
    CHECK(comes_to(node, id, "one/", 40));
}

TEST_CASE("a renamed directory shows at once, and its old name is free", "[files][moves]") {
    constexpr int kCount = 3000;
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(node.run(make_many(*node.engine, node.env, id, kCount, 10)));
    auto files = files_of(node, id);
    REQUIRE(node.run(files->rename_directory("from/", "to/", 1)));
    // Some are still on their way: what follows meets both kinds.
    CHECK(keys_below(node, id, "to/") == kCount);
    CHECK(keys_below(node, id, "from/") == 0);
    CHECK_FALSE(node.run(files->find("from"))->directory);
    const auto last = std::to_string(kCount - 1);
    CHECK((node.get(id, "to/" + last) == pattern(10, kCount - 1)));
    CHECK(node.get(id, "from/" + last).error().is(Code::not_found));
    REQUIRE(node.put(id, "from/" + last, "new"));
    REQUIRE(node.remove(id, "to/17"));
    if (GENERATE(false, true)) {
        files.reset();
        node.kill();
        node.open();
        files = files_of(node, id);
    }
    CHECK(keys_below(node, id, "to/") == kCount - 1);
    REQUIRE(node.run(files->rename("to/18", "to/17", true, 1)));
    // The next move of one of them waits until all is there.
    REQUIRE(node.run(files->rename_directory("to/", "third/", 1)));
    CHECK(keys_below(node, id, "third/") == kCount - 1);
    CHECK(keys_below(node, id, "from/") == 1);
    CHECK((node.get(id, "from/" + last) == "new"));
    CHECK((node.get(id, "third/17") == pattern(10, 18)));
}

// The moves of directories that a stopped node would take up.
std::size_t moves_left(Node& node) {
    const auto db = db::Db::open(node.env, node.metrics, {.folder = node.meta_folder() + "/rows"});
    REQUIRE(db);
    table::DbRowStore rows(**db);
    const auto partition = quorum::FixedPlacement({1}).partition_of("moves");
    std::size_t count = 0;
    REQUIRE(rows.scan(model::kMoves, partition, "moves", "", 0, [&count](std::string_view, const table::RowView& row) {
        count += row.has_value() ? 1 : 0;
        return Result<table::ScanStep>(table::ScanStep());
    }));
    return count;
}

TEST_CASE("a move is over before another of its directories begins, also on a disk that was full", "[files][moves]") {
    for (std::int64_t moment = 0; moment < 8; ++moment) {
        INFO("full after " << moment << " writes");
        Node node;
        const auto id = node.bucket("b");
        REQUIRE(make_tree(node, id, 1));
        auto files = files_of(node, id);
        node.disk.fill_after(moment);
        const bool done = node.run(files->rename_directory("from/", "to/", 1)).has_value();
        const auto was_full = [&]() -> Task<bool> { co_return node.disk.was_full(); };
        if (done) (void)node.run(eventually(node.env, was_full));
        node.disk.make_room();
        // This one waits for the other, and is refused.
        const std::string at = done ? "to/" : "from/";
        CHECK(node.run(files->rename_directory(at, at + "in/", 1)).error().is(Code::invalid_argument));
        files.reset();
        node.close();
        CHECK(moves_left(node) == 0);
        node.open();
        CHECK(comes_to(node, id, at, 1));
    }
}

TEST_CASE("a name that was lost just before its directory moves does not stay behind", "[files][moves][links]") {
    constexpr int kCount = 200;
    Node node;
    const auto id = node.bucket("b");
    const auto files = files_of(node, id);
    for (int i = 0; i < kCount; ++i) {
        const auto key = "from/" + std::to_string(i);
        REQUIRE(node.put(id, key, "shared"));
        REQUIRE(node.run(files->link(key, "other" + std::to_string(i), 1)));
    }
    // The contents hear behind that these names are no longer theirs.
    for (int i = 0; i < kCount; ++i) REQUIRE(node.put(id, "from/" + std::to_string(i), "alone"));
    REQUIRE(node.run(files->rename_directory("from/", "to/", 1)));
    const auto all_told = [&]() -> Task<bool> {
        for (int i = 0; i < kCount; ++i) {
            const auto other = co_await files->find("other" + std::to_string(i));
            if (!other || other->object->links != 1) co_return false;
        }
        co_return true;
    };
    CHECK(node.run(eventually(node.env, all_told)));
    REQUIRE(node.run(files->rename_directory("to/", "third/", 1)));
    CHECK(keys_below(node, id, "third/") == kCount);
}

TEST_CASE("many names of one file move together", "[files][moves][links]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(node.put(id, "from/0", pattern(20'000)));
    const auto files = files_of(node, id);
    for (int i = 1; i < 150; ++i) {
        REQUIRE(node.run(files->link("from/0", "from/" + std::to_string(i), 1)));
    }
    REQUIRE(node.run(files->rename_directory("from/", "to/", 1)));
    CHECK(node.run(files->find("to/77"))->object->links == 150);
    CHECK_FALSE(node.run(files->find("from"))->directory);
    CHECK(node.comes_to_blocks(1));
}

TEST_CASE("a damaged row does not stop the files beside it", "[files][moves]") {
    Node node;
    const auto id = node.bucket("b");
    ObjectProperties marked;
    const std::string mark = "a-value-that-stands-nowhere-else";
    marked.metadata = {{"m", mark}};
    for (int i = 0; i < 5; ++i) {
        REQUIRE(node.put(id, "d/f" + std::to_string(i), "x", {}, i == 2 ? marked : ObjectProperties()));
    }
    REQUIRE(node.put(id, "m/", "", {}, marked));
    auto files = files_of(node, id);
    const bool linked = GENERATE(false, true);
    if (linked) REQUIRE(node.run(files->link("d/f2", "d/g", 1)));
    files.reset();
    node.close();
    REQUIRE(flip_bit_at(node.meta_folder(), mark) > 0);
    node.open();
    files = files_of(node, id);
    const auto page = node.run(files->list("d/", "", 100));
    REQUIRE(page);
    CHECK(page->entries.size() == (linked ? 6 : 5));
    for (const auto& entry : page->entries) CHECK((entry.inode != 0 && (entry.size == 1) == (entry.version != Tag{})));
    // Its marker cannot be read: the directory is shown all the same.
    CHECK(node.run(files->list("", "", 100))->entries.size() == 2);
    CHECK(node.run(node.engine->list_objects(id, {}))->objects.size() == page->entries.size() + 1);
    CHECK(node.run(files->find("d/f2")).error().is(Code::corrupted));
    // All but the damaged one move; it stays and can be removed.
    REQUIRE(node.run(files->rename_directory("d/", "e/", 1)));
    const auto all_came = [&]() -> Task<bool> {
        const auto left = co_await files->list("d/", "", 100);
        const auto come = co_await files->list("e/", "", 100);
        co_return left&& come && come->entries.size() == 4 && left->entries.size() == (linked ? 2 : 1);
    };
    CHECK(node.run(eventually(node.env, all_came)));
    CHECK(node.run(files->remove("d/f2", 1)));
    if (linked) CHECK(node.run(files->remove("d/g", 1)));
    CHECK_FALSE(node.run(files->find("d"))->directory);
    if (!linked) {
        CHECK(node.run(files->remove("m/", 1)));
        CHECK(node.damage().empty());
    }
}

TEST_CASE("a link cut off at any moment is there or not", "[files][links]") {
    const auto prepare = [](Node& node, BucketId id) { return node.put(id, "a", pattern(2 * kBlock)).has_value(); };
    const auto act = [](Node& node, BucketId id, bool) {
        return node.run(files_of(node, id)->link("a", "b", 1)).has_value();
    };
    const auto after = [](Node& node, BucketId id, bool, bool done) {
        CHECK((node.get(id, "a") == pattern(2 * kBlock)));
        const auto other = node.get(id, "b");
        if (done) REQUIRE(other);
        CHECK(node.run(files_of(node, id)->find("a"))->object->links == (other ? 2 : 1));
        CHECK(node.comes_to_blocks(2));
        REQUIRE(node.remove(id, "a"));
        if (other) CHECK((node.get(id, "b") == pattern(2 * kBlock)));
        REQUIRE(node.remove(id, "b"));
        CHECK(node.comes_to_blocks(0));
    };
    for_every_full_moment(prepare, act, after);
}

TEST_CASE("how long directories take to move", "[.][measure][moves]") {
    for (const auto& [count, size] : {std::pair(100'000, std::size_t{100}), {20'000, 20'000}}) {
        Node node;
        const auto id = node.bucket("b");
        REQUIRE(node.run(make_many(*node.engine, node.env, id, count, size)));
        const auto files = files_of(node, id);
        const auto began = node.env.clock.now();
        REQUIRE(node.run(files->rename_directory("from/", "to/", 1)));
        const auto shown = std::chrono::duration<double>(node.env.clock.now() - began).count();
        REQUIRE(node.run(files->rename_directory("to/", "third/", 1)));
        const auto took = std::chrono::duration<double>(node.env.clock.now() - began).count();
        std::printf("%d files of %zu bytes: shown after %.3f s, all there after %.1f s, %.0f a second\n", count, size,
                    shown, took, count / took);
    }
}

}  // namespace
}  // namespace larder::engine
