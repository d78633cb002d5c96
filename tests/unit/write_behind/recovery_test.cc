// What a later life of the mount stores of what the last one promised.
#include "tests/unit/write_behind/harness.h"

namespace larder::behind {
namespace {

TEST_CASE_METHOD(Fixture, "new files outlive the process when closed, and a power cut when synced", "[behind]") {
    connected = false;
    make("closed");
    make("synced");
    const auto closed = handle("closed");
    const auto synced = handle("synced");
    write(*closed, 0, "one");
    write(*synced, 0, "two");
    REQUIRE(world.run(closed->commit_soon(times())));
    SECTION("process") {
        until_journalled("one");
        REQUIRE(world.run(synced->commit(times())));
        kill();
    }
    SECTION("power") {
        REQUIRE(world.run(synced->commit(times())));
        cut_power();
    }
    CHECK(below.content("closed") == "one");
    CHECK(below.content("synced") == "two");
}

TEST_CASE_METHOD(Fixture, "a later life that writes nothing behind stores what is left, and the journal goes",
                 "[behind]") {
    const auto file = promise("promised", "promised");
    store.reset();
    disk.kill_process();
    Options options;
    options.journal = "/state/a.journal";
    REQUIRE_FALSE(world.run(store_left(env, below, options)));
    connected = true;
    REQUIRE(world.run(store_left(env, below, options)));
    const auto stored = world.run(below.open("promised"));
    REQUIRE(stored);
    CHECK(read(**stored) == "promised");
    CHECK_FALSE(*disk.exists(options.journal));
    CHECK(world.run(store_left(env, below, options)));
}

TEST_CASE_METHOD(Fixture, "a later life does not bring back what was stored, removed or changed since", "[behind]") {
    for (const auto* const key : {"stored", "removed", "renamed", "changed"}) {
        make(key);
        const auto file = handle(key);
        write(*file, 0, key);
        REQUIRE(world.run(file->commit(times())));
    }
    settle();
    REQUIRE(world.run(store->remove("removed", now += 1000)));
    REQUIRE(world.run(store->rename("renamed", "new", false, now += 1000)));
    below.put("changed", "by S3");
    SECTION("process") {
        kill();
    }
    SECTION("power") {
        cut_power();
    }
    CHECK(below.keys() == std::vector<std::string>{"changed", "new", "stored"});
    CHECK(below.content("changed") == "by S3");
    CHECK(below.content("new") == "renamed");
}

TEST_CASE_METHOD(Fixture, "a mount does not begin without what the last one promised", "[behind]") {
    const auto file = promise("a", "mine");
    store.reset();
    disk.kill_process();
    CHECK(try_open().error().is(base::Code::disconnected));
    connected = true;
    store = open();
    CHECK(below.content("a") == "mine");
}

}  // namespace
}  // namespace larder::behind
