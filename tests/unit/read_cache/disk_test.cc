// The cache's folder: its bound, what is found in it, and a disk that fails. Reads go on whatever it does.
#include "tests/unit/read_cache/harness.h"

namespace larder::read_cache {
namespace {

TEST_CASE_METHOD(Fixture, "what was used longest ago makes room", "[cache]") {
    bytes = 4 * (kMiB + 4096);
    remount();
    for (int i = 0; i < 4; ++i) below.put(std::to_string(i), text(kMiB, static_cast<unsigned>(i)));
    for (int i = 0; i < 4; ++i) CHECK((read(std::to_string(i)) == text(kMiB, static_cast<unsigned>(i))));
    keep();
    CHECK((read("0") == text(kMiB, 0)));
    below.put("more", text(kMiB, 9));
    CHECK((read("more") == text(kMiB, 9)));
    keep();
    CHECK(pieces().size() == 4);
    CHECK(used() <= bytes);
    // Whatever is still in memory counts no more.
    store.reset();
    disk.kill_process();
    store = open();
    reads = 0;
    read("0");
    read("2");
    read("3");
    read("more");
    CHECK(reads == 0);
    CHECK((read("1") == text(kMiB, 1)));
    CHECK(reads == 1);
}

TEST_CASE_METHOD(Fixture, "the folder is never larger than it may be", "[cache]") {
    bytes = 10 * kMiB;
    remount();
    for (unsigned i = 0; i < 40; ++i) {
        const auto key = std::to_string(i);
        const auto body = text(i % 3 == 0 ? kMiB : i * 20'000, i);
        below.put(key, body);
        CHECK((read(key) == body));
        CHECK(used() <= bytes);
    }
    remount();
    CHECK(used() <= bytes);
    CHECK(used() > 7 * kMiB);
    bytes = 2 * kMiB;
    remount();
    CHECK(used() <= bytes);
}

TEST_CASE_METHOD(Fixture, "a damaged, torn or foreign piece is read from the store below", "[cache]") {
    const auto body = text(300'000);
    below.put("a", body);
    below.put("b", text(300'000, 2));
    CHECK((read("a") == body));
    CHECK((read("b") == text(300'000, 2)));
    remount();
    REQUIRE(pieces().size() == 2);
    const auto first = pieces()[0];
    const auto whole = disk.contents(first);
    auto file = disk.open(first, io::OpenMode::read_write);
    REQUIRE(file);
    SECTION("a bit of the content") {
        disk.flip_bit(first, 8 * 200'000);
    }
    SECTION("a bit of the header") {
        disk.flip_bit(first, 8 * 70);
    }
    SECTION("cut") {
        REQUIRE((*file)->truncate(150'000));
    }
    SECTION("cut where a part ends") {
        REQUIRE((*file)->truncate(128 + (64 << 10)));
    }
    SECTION("empty") {
        REQUIRE((*file)->truncate(0));
    }
    SECTION("zeroes") {
        REQUIRE((*file)->write_at(0, base::as_bytes(std::string(whole.size(), '\0'))));
    }
    SECTION("another's") {
        REQUIRE((*file)->write_at(0, base::as_bytes(disk.contents(pieces()[1]))));
    }
    SECTION("gone") {
        REQUIRE(disk.remove(first));
    }
    reads = 0;
    CHECK((read("a") == body));
    CHECK(reads == 1);
    remount();
    reads = 0;
    CHECK((read("a") == body));
    CHECK(reads == 0);
    CHECK(pieces().size() == 2);
    CHECK(pieces()[0] != first);
}

TEST_CASE_METHOD(Fixture, "an undamaged part of a damaged piece is good", "[cache]") {
    below.put("a", text(300'000));
    read("a");
    remount();
    disk.flip_bit(pieces()[0], 8 * 290'000);
    reads = 0;
    CHECK((read(*handle("a"), 1000, 1000) == text(300'000).substr(1000, 1000)));
    CHECK(reads == 0);
}

TEST_CASE_METHOD(Fixture, "a damaged piece is fetched once for all who find it so", "[cache]") {
    below.put("a", text(300));
    read("a");
    remount();
    disk.flip_bit(pieces()[0], 8 * 200);
    reads = 0;
    const auto file = handle("a");
    std::vector<std::string> out(8);
    io::TaskGroup group(env.executor);
    for (auto& one : out) group.spawn(alone(read_into(*file, one, 0)));
    world.run(joined(group));
    for (const auto& one : out) CHECK((one == text(300).substr(0, 100)));
    CHECK(reads == 1);
    keep();
    CHECK(pieces().size() == 1);
}

TEST_CASE_METHOD(Fixture, "a failing disk switches the cache off and fails no read", "[cache]") {
    const auto body = text(2 * kMiB);
    below.put("a", body);
    const auto file = handle("a");
    SECTION("full") {
        disk.set_capacity(10'000);
        read(*file);
        keep();
        CHECK(pieces().empty());
    }
    SECTION("full later") {
        read(*file);
        keep();
        disk.fail_at(0, sim::Fault::no_space);
        read(*file, kMiB);
        keep();
    }
    SECTION("reading") {
        read(*file);
        remount();
        disk.fail_at(1, sim::Fault::io_error);
    }
    SECTION("writing") {
        disk.fail_at(1, sim::Fault::io_error);
    }
    SECTION("from the beginning") {
        store.reset();
        disk.kill_process();
        disk.fail_at(0, sim::Fault::io_error);
        store = open();
    }
    CHECK((read("a") == body.substr(0, kMiB)));
    keep();
    reads = 0;
    const auto left = pieces().size();
    const auto again = handle("a");
    CHECK((read(*again) == body.substr(0, kMiB)));
    CHECK((read(*again, kMiB) == body.substr(kMiB)));
    CHECK(reads == 2);
    keep();
    CHECK(pieces().size() == left);
}

TEST_CASE_METHOD(Fixture, "after a power cut what is not whole is read again", "[cache]") {
    for (unsigned i = 0; i < 8; ++i) below.put(std::to_string(i), text(400'000, i));
    for (unsigned i = 0; i < 8; ++i) read(std::to_string(i));
    keep();
    disk.cut_power();
    store.reset();
    disk.restart();
    store = open();
    for (unsigned i = 0; i < 8; ++i) CHECK((read(std::to_string(i)) == text(400'000, i)));
}

TEST_CASE_METHOD(Fixture, "one mount at a time has the folder, and others' files in it stay", "[cache]") {
    below.put("a", "body");
    REQUIRE(disk.open("/cache/a/notes", io::OpenMode::create));
    const auto second = open();
    const auto opened = world.run(second->open("a"));
    REQUIRE(opened);
    CHECK(read(**opened) == "body");
    keep();
    CHECK(pieces() == std::vector<std::string>{"/cache/a/notes"});
    CHECK(read("a") == "body");
    remount();
    CHECK(pieces().size() == 2);
    CHECK(read("a") == "body");
    CHECK(reads == 2);
}

TEST_CASE_METHOD(Fixture, "a slow disk gets less, and nobody waits for it", "[cache]") {
    recent_bytes = 2 * kMiB;
    remount();
    const auto body = text(6 * kMiB);
    below.put("a", body);
    auto file = handle("a");
    slow.hold(true);
    for (std::uint64_t at = 0; at < body.size(); at += kMiB) CHECK((read(*file, at) == body.substr(at, kMiB)));
    CHECK(reads == 6);
    // The first is on its way to the disk, the last waits.
    CHECK((read(*file, 0) == body.substr(0, kMiB)));
    CHECK((read(*file, 5 * kMiB) == body.substr(5 * kMiB)));
    CHECK(reads == 6);
    slow.hold(false);
    remount();
    CHECK(pieces().size() == 2);
    file = handle("a");
    CHECK((read(*file, 0) == body.substr(0, kMiB)));
    CHECK((read(*file, 5 * kMiB) == body.substr(5 * kMiB)));
    CHECK(reads == 6);
    CHECK((read(*file, 4 * kMiB) == body.substr(4 * kMiB, kMiB)));
    CHECK(reads == 7);
}

}  // namespace
}  // namespace larder::read_cache
