// A store that keeps what was read: what callers see, and what the store below is asked.
#include "tests/unit/read_cache/harness.h"

namespace larder::read_cache {
namespace {

TEST_CASE_METHOD(Fixture, "what was read is not asked for again", "[cache]") {
    const auto body = text(3 * kMiB + 100'000);
    below.put("a", body);
    const auto file = handle("a");
    std::string first;
    for (std::uint64_t at = 0; at < body.size(); at += 128 << 10) first += read(*file, at, 128 << 10);
    CHECK((first == body));
    CHECK(reads == 4);
    SECTION("by this mount") {
        keep();
    }
    SECTION("by the next") {
        remount();
    }
    const auto again = handle("a");
    connected = false;
    CHECK((read(*again, 0, 5) == body.substr(0, 5)));
    CHECK((read(*again, kMiB - 70'000, 140'000) == body.substr(kMiB - 70'000, 140'000)));
    CHECK((read(*again, 2 * kMiB, kMiB) == body.substr(2 * kMiB, kMiB)));
    CHECK((read(*again, 3 * kMiB + 99'990, kMiB) == body.substr(body.size() - 10)));
    CHECK(read(*again, body.size(), 10).empty());
    CHECK(reads == 4);
}

TEST_CASE_METHOD(Fixture, "a new version is never read from the old one's pieces", "[cache]") {
    below.put("a", "old");
    const auto before = handle("a");
    CHECK(read(*before) == "old");
    below.put("a", "new");
    CHECK(read("a") == "new");
    CHECK(read(*before) == "old");
    below.erase("a");
    below.put("a", "3rd");
    CHECK(read("a") == "3rd");
    remount();
    below.put("a", "4th");
    CHECK(read("a") == "4th");
}

TEST_CASE_METHOD(Fixture, "opening asks the store below", "[cache]") {
    below.put("a", "body");
    CHECK(read("a") == "body");
    connected = false;
    CHECK(world.run(store->open("a")).error().is(base::Code::disconnected));
}

TEST_CASE_METHOD(Fixture, "a renamed file and its hard links share their pieces", "[cache]") {
    below.put("a", "body");
    CHECK(read("a") == "body");
    REQUIRE(world.run(store->rename("a", "b", false, 1)));
    REQUIRE(world.run(store->link("b", "c", 1)));
    CHECK(read("b") == "body");
    CHECK(read("c") == "body");
    CHECK(reads == 1);
}

TEST_CASE_METHOD(Fixture, "a handle that was written to reads past the cache", "[cache]") {
    below.put("a", "0123456789");
    const auto file = handle("a");
    CHECK(read(*file) == "0123456789");
    REQUIRE(world.run(file->write(2, Buffer::copy_of("xx"))));
    CHECK(read(*file) == "01xx456789");
    REQUIRE(world.run(file->truncate(5)));
    CHECK(read(*file) == "01xx4");
    CHECK(read("a") == "0123456789");
    REQUIRE(world.run(file->commit({})));
    CHECK(read(*file) == "01xx4");
    CHECK(read("a") == "01xx4");
    REQUIRE(world.run(file->punch(0, 1)));
    CHECK(read(*file) == std::string("\0"
                                     "1xx4",
                                     5));
    keep();
    CHECK(pieces().size() == 2);
}

TEST_CASE_METHOD(Fixture, "content is copied between handles", "[cache]") {
    below.put("a", "source");
    below.put("b", "");
    const auto from = handle("a");
    const auto to = handle("b");
    CHECK(read(*from) == "source");
    REQUIRE(world.run(to->copy_from(*from, 2, 0, 4)));
    CHECK(read(*to) == "urce");
    const auto other = world.run(below.open("a"));
    CHECK(world.run(to->copy_from(**other, 0, 0, 1)).error().is(base::Code::invalid_argument));
}

TEST_CASE_METHOD(Fixture, "those who read one piece at once ask for it once", "[cache]") {
    const auto body = text(5000);
    below.put("a", body);
    const auto first = handle("a");
    auto second = handle("a");
    held.emplace(env.executor);
    std::vector<std::string> out(4);
    io::TaskGroup group(env.executor);
    for (std::size_t i = 0; i < out.size(); ++i) {
        group.spawn(alone(read_into(i % 2 == 0 ? *first : *second, out[i], i * 100)));
    }
    SECTION("and all have it") {
        held->set(io::Done{});
        world.run(joined(group));
        for (std::size_t i = 0; i < out.size(); ++i) CHECK((out[i] == body.substr(i * 100, 100)));
        CHECK(reads == 1);
    }
    SECTION("but not from a handle that is written to meanwhile") {
        group.spawn(alone(write_into(*first, "written")));
        held->set(io::Done{});
        world.run(joined(group));
        for (std::size_t i = 0; i < out.size(); ++i) CHECK((out[i] == body.substr(i * 100, 100)));
        CHECK(read(*first, 0, 7) == "written");
        keep();
        CHECK(pieces().empty());
    }
}

TEST_CASE_METHOD(Fixture, "a read sees no write that was called after it", "[cache]") {
    below.put("a", "0123456789");
    read("a");
    remount();
    SECTION("from the cache") {}
    SECTION("not from the cache after all") {
        REQUIRE(disk.remove(pieces()[0]));
    }
    const auto file = handle("a");
    std::string before;
    std::string after;
    io::TaskGroup group(env.executor);
    group.spawn(alone(read_into(*file, before, 0)));
    group.spawn(alone(write_into(*file, "written")));
    group.spawn(alone(read_into(*file, after, 0)));
    world.run(joined(group));
    CHECK(before == "0123456789");
    CHECK(after == "written789");
}

TEST_CASE_METHOD(Fixture, "what the store below refuses is refused, and not kept", "[cache]") {
    below.put("a", "body");
    const auto file = handle("a");
    connected = false;
    CHECK(read(*file).starts_with("error: there is no connection"));
    connected = true;
    CHECK(read(*file) == "body");
    CHECK(world.run(file->read(0, kMiB + 1)).error().is(base::Code::invalid_argument));
}

}  // namespace
}  // namespace larder::read_cache
