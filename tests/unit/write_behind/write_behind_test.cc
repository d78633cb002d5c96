// A store that answers before the store below has everything: what callers and other stores see.
#include "tests/unit/write_behind/harness.h"

namespace larder::behind {
namespace {

TEST_CASE_METHOD(Fixture, "a new file is shown at once and stored behind", "[behind]") {
    connected = false;
    const auto made = make("a");
    const auto file = handle("a");
    write(*file, 0, "hello");
    REQUIRE(world.run(file->commit_soon(times())));
    CHECK(read(*file) == "hello");
    const auto found = world.run(store->find("a"));
    REQUIRE(found);
    REQUIRE(found->object);
    CHECK(found->object->size == 5);
    CHECK(found->object->inode == made.inode);
    CHECK_FALSE(below.content("a"));
    connected = true;
    settle();
    CHECK(below.content("a") == "hello");
    CHECK(world.run(below.find("a"))->object->inode == made.inode);
}

TEST_CASE_METHOD(Fixture, "a new file that nobody writes into is stored as well", "[behind]") {
    make("a");
    settle();
    CHECK(below.content("a") == "");
    CHECK(world.run(store->create({"a", {}, {}, true})).error().is(base::Code::already_exists));
}

TEST_CASE_METHOD(Fixture, "content that is not committed stays here", "[behind]") {
    make("a");
    const auto file = handle("a");
    write(*file, 0, "half");
    settle();
    CHECK(below.content("a") == "");
    write(*file, 4, "whole");
    CHECK(read(*file) == "halfwhole");
    REQUIRE(world.run(file->commit(times())));
    settle();
    CHECK(below.content("a") == "halfwhole");
}

TEST_CASE_METHOD(Fixture, "a new file may grow large", "[behind]") {
    make("a");
    const auto file = handle("a");
    std::string all;
    for (int i = 0; i < 30; ++i) {
        const std::string part(1000, static_cast<char>('a' + i));
        write(*file, all.size(), part);
        all += part;
    }
    CHECK((read(*file) == all));
    REQUIRE(world.run(file->commit_soon(times())));
    settle();
    CHECK((below.content("a") == all));
}

TEST_CASE_METHOD(Fixture, "writes into a stored file last when they are synced", "[behind]") {
    below.put("a", "0123456789");
    const auto file = handle("a");
    write(*file, 2, "xx");
    REQUIRE(world.run(file->commit(times())));
    connected = false;
    write(*file, 5, "yy");
    REQUIRE(world.run(file->commit(times())));
    CHECK(file->size() == 10);
    SECTION("the connection comes back") {
        connected = true;
        settle();
    }
    SECTION("more is written while the store is away") {
        for (int i = 0; i < 3; ++i) {
            world.run(wait(std::chrono::milliseconds(20)));
            write(*file, 9, std::to_string(i));
            REQUIRE(world.run(file->commit(times())));
        }
        write(*file, 9, "9");
        connected = true;
        CHECK(read(*file) == "01xx4yy789");
        settle();
    }
    SECTION("the process ends") {
        kill();
    }
    SECTION("the power goes") {
        cut_power();
    }
    CHECK(below.content("a") == "01xx4yy789");
}

TEST_CASE_METHOD(Fixture, "a file made at once is written behind without being opened first", "[behind]") {
    NewFile made;
    made.key = "exclusive";
    made.attributes = times();
    REQUIRE(world.run(store->create(made)));
    connected = false;
    const auto file = handle("exclusive");
    write(*file, 0, "kept here");
    REQUIRE(world.run(file->commit_soon(times())));
    SECTION("and stored when the store is back") {
        connected = true;
        settle();
        CHECK(below.content("exclusive") == "kept here");
    }
    SECTION("but not over what another door put there meanwhile") {
        connected = true;
        REQUIRE(world.run(below.remove("exclusive", now += 1000)));
        below.put("exclusive", "by S3");
        settle();
        CHECK(below.content("exclusive") == "by S3");
    }
    SECTION("nor made again when it was removed") {
        connected = true;
        REQUIRE(world.run(below.remove("exclusive", now += 1000)));
        settle();
        CHECK(below.keys().empty());
    }
}

TEST_CASE_METHOD(Fixture, "what is to follow on what is there is refused over what another door wrote", "[behind]") {
    const auto other_door = [&](const std::string& key, const std::string& bytes) {
        const auto there = world.run(below.open(key));
        REQUIRE(there);
        write(**there, (*there)->size(), bytes);
        REQUIRE(world.run((*there)->commit(times())));
    };
    const auto refused = [&](engine::FileHandle& file) {
        const auto done = world.run(file.commit_if_current(times()));
        return !done && done.error().is(base::Code::conflict, base::Subject::object);
    };
    SECTION("into a file that was made a moment ago") {
        NewFile made;
        made.key = "log";
        made.attributes = times();
        REQUIRE(world.run(store->create(made)));
        const auto file = handle("log");
        other_door("log", "theirs");
        write(*file, 0, "mine");
        CHECK(refused(*file));
        CHECK(below.content("log") == "theirs");
    }
    SECTION("into a file that was open") {
        below.put("log", "begin ");
        const auto file = handle("log");
        write(*file, 6, "one ");
        REQUIRE(world.run(file->commit_if_current(times())));
        write(*file, 10, "two ");
        other_door("log", "theirs ");
        CHECK(refused(*file));
        CHECK(below.content("log") == "begin one theirs ");
    }
}

TEST_CASE_METHOD(Fixture, "a file removed before it was stored never was", "[behind]") {
    const auto file = promise("a", "temporary");
    REQUIRE(world.run(store->remove("a", now += 1000)));
    CHECK(read(*file) == "temporary");
    kill();
    CHECK(below.keys().empty());
}

TEST_CASE_METHOD(Fixture, "other calls on a file wait until it is stored, and no longer than they may", "[behind]") {
    make("d/a");
    CHECK(world.run(store->list("d/", "", 10))->entries.size() == 1);
    make("d/b");
    REQUIRE(world.run(store->rename_directory("d/", "e/", now += 1000)));
    CHECK(below.keys() == std::vector<std::string>{"e/a", "e/b"});
    store.reset();
    disk.kill_process();
    patience = std::chrono::milliseconds(20);
    store = open();
    connected = false;
    make("e/c");
    CHECK(world.run(store->rename("e/c", "e/d", false, now += 1000)).error().is(base::Code::timeout));
}

TEST_CASE_METHOD(Fixture, "its own changes are not told by watch", "[behind]") {
    const auto begin = world.run(store->watch("", env.clock.now()));
    REQUIRE(begin);
    make("mine");
    settle();
    below.put("theirs", "x");
    const auto page = world.run(store->watch(begin->next, env.clock.now()));
    REQUIRE(page);
    REQUIRE(page->events.size() == 1);
    CHECK(page->events[0].key == "theirs");
}

TEST_CASE_METHOD(Fixture, "another door that was faster is overwritten, as by open without O_EXCL", "[behind]") {
    connected = false;
    make("a");
    const auto file = handle("a");
    write(*file, 0, "mine");
    REQUIRE(world.run(file->commit_soon(times())));
    below.put("a", "theirs, and longer");
    connected = true;
    settle();
    CHECK(below.content("a") == "mine");
}

TEST_CASE_METHOD(Fixture, "what the store refuses is told, kept and tried again", "[behind]") {
    bool full = true;
    below.set_gate([&full](std::string call) -> io::Task<base::Result<void>> {
        const auto answer = [](bool refuse) -> io::Task<base::Result<void>> {
            if (refuse) co_return base::fail(base::Code::quota_exceeded, base::Subject::bucket, "the bucket is full.");
            co_return base::Result<void>();
        };
        return answer(full && call == "create");
    });
    make("a");
    const auto file = handle("a");
    write(*file, 0, "kept");
    REQUIRE(world.run(file->commit_soon(times())));
    CHECK(world.run(store->settle("")).error().is(base::Code::quota_exceeded));
    CHECK(world.run(file->commit(times())).error().is(base::Code::quota_exceeded));
    full = false;
    while (!world.run(store->settle(""))) {
    }
    CHECK(below.content("a") == "kept");
}

TEST_CASE_METHOD(Fixture, "large changes are left to the store, and are durable there", "[behind]") {
    below.put("a", std::string(100, 'x'));
    const auto file = handle("a");
    write(*file, 0, "small");
    REQUIRE(world.run(file->commit(times())));
    const std::string half(600'000, 'y');
    for (int i = 0; i < 4; ++i) write(*file, static_cast<std::uint64_t>(i) * half.size(), half);
    REQUIRE(world.run(file->commit(times())));
    CHECK((below.content("a") == half + half + half + half));
    REQUIRE(world.run(file->truncate(3)));
    REQUIRE(world.run(file->commit(times())));
    CHECK(below.content("a") == "yyy");
    write(*file, 1, "z");
    REQUIRE(world.run(file->commit(times())));
    kill();
    CHECK(below.content("a") == "yzy");
}

TEST_CASE_METHOD(Fixture, "attributes set while a new file is written stay", "[behind]") {
    make("a");
    const auto file = handle("a");
    write(*file, 0, "x");
    FileAttributes mode;
    mode.mode = 0100600;
    REQUIRE(world.run(store->set_attributes("a", mode)));
    REQUIRE(world.run(file->commit_soon(times())));
    CHECK(world.run(store->find("a"))->object->attributes.mode == 0100600);
    const auto again = handle("a");
    CHECK(again->entry().attributes.mode == 0100600);
    CHECK(read(*again) == "x");
    settle();
    CHECK(read(*again) == "x");
    CHECK(read(*file) == "x");
    CHECK(world.run(below.find("a"))->object->attributes.mode == 0100600);
    CHECK(below.content("a") == "x");
}

TEST_CASE_METHOD(Fixture, "an open file stays readable when its name goes to another", "[behind]") {
    make("a");
    const auto file = handle("a");
    write(*file, 0, "old");
    REQUIRE(world.run(file->commit_soon(times())));
    make("b");
    REQUIRE(world.run(store->rename("b", "a", false, now += 1000)));
    CHECK(read(*file) == "old");
}

}  // namespace
}  // namespace larder::behind
