// The journal of a mount: what is read back after the process, or the power, went.
#include "replication/write_behind/journal.h"

#include "tests/sim/sim_disk.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

namespace larder::behind {
namespace {

constexpr const char* kPath = "/state/a.journal";

// The world's own loop over a disk that forgets.
struct Fixture {
    sim::SimDisk disk{1};  // outlives the pool of the world, which may be at work on it
    test::World world;
    io::Env env{world.env().executor, world.env().clock,   world.env().random, disk,
                world.env().network,  world.env().blocking};
    std::unique_ptr<Journal> journal = open();

    std::unique_ptr<Journal> open(std::uint64_t bytes_max = 1 << 20) {
        auto opened = world.run(Journal::open(env, {kPath, bytes_max}));
        REQUIRE(opened);
        return std::move(*opened);
    }
    std::vector<std::string> left() {
        std::vector<std::string> bodies;
        for (const auto& record : journal->left()) bodies.push_back(record.body);
        return bodies;
    }
    using Bodies = std::vector<std::string>;
};

TEST_CASE_METHOD(Fixture, "what was synced outlives a power cut, what was written the process", "[behind]") {
    REQUIRE(journal->append("one"));
    REQUIRE(world.run(journal->sync()));
    REQUIRE(journal->append("two"));
    REQUIRE(world.run(journal->write()));
    SECTION("power") {
        disk.cut_power();
        journal.reset();
        disk.restart();
        journal = open();
        REQUIRE_FALSE(left().empty());
        CHECK(left().front() == "one");
    }
    SECTION("process") {
        journal.reset();
        disk.kill_process();
        journal = open();
        CHECK(left() == Bodies{"one", "two"});
    }
}

TEST_CASE_METHOD(Fixture, "what is stored does not come back", "[behind]") {
    const auto first = journal->append("one");
    REQUIRE(journal->append("two"));
    journal->stored(*first);
    CHECK(journal->forgets_marks());
    REQUIRE(world.run(journal->sync()));
    CHECK_FALSE(journal->forgets_marks());
    journal.reset();
    disk.kill_process();
    journal = open();
    CHECK(left() == Bodies{"two"});
    journal->forget_left();
    REQUIRE(world.run(journal->sync()));
    REQUIRE(journal->append("three"));
    REQUIRE(world.run(journal->write()));
    journal.reset();
    disk.kill_process();
    journal = open();
    CHECK(left() == Bodies{"three"});
}

TEST_CASE_METHOD(Fixture, "any end of the file is an end", "[behind]") {
    for (const auto* const body : {"first", "second", "third"}) REQUIRE(journal->append(body));
    REQUIRE(world.run(journal->sync()));
    const auto whole = disk.contents(kPath).substr(0, 3 * 28 + 16);
    journal.reset();
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        disk.kill_process();
        REQUIRE((*disk.open(kPath, io::OpenMode::read_write))->truncate(size));
        journal = open();
        std::size_t whole_ones = 0;
        for (const auto* const body : {"first", "second", "third"}) {
            const auto at = whole.find(body);
            if (at + std::string_view(body).size() <= size) ++whole_ones;
        }
        CHECK(left().size() == whole_ones);
        journal.reset();
        disk.kill_process();
        REQUIRE((*disk.open(kPath, io::OpenMode::read_write))->write_at(0, base::as_bytes(whole)));
    }
}

TEST_CASE_METHOD(Fixture, "a damaged record hides those behind it, and nothing is misread", "[behind]") {
    for (const auto* const body : {"first", "second", "third"}) REQUIRE(journal->append(body));
    REQUIRE(world.run(journal->sync()));
    const auto second = disk.contents(kPath).find("second");
    journal.reset();
    disk.kill_process();
    disk.flip_bit(kPath, second * 8);
    journal = open();
    CHECK(left() == Bodies{"first"});
}

TEST_CASE_METHOD(Fixture, "a full journal and a failing disk are told", "[behind]") {
    journal.reset();
    disk.kill_process();
    journal = open(100);
    REQUIRE(journal->append(std::string(60, 'x')));
    CHECK(journal->append(std::string(60, 'x')).error().is(base::Code::no_space));
    disk.fail_at(0, sim::Fault::io_error);
    CHECK_FALSE(world.run(journal->sync()));
    CHECK_FALSE(journal->append("y"));
}

TEST_CASE_METHOD(Fixture, "one process at a time", "[behind]") {
    const auto other = world.run(Journal::open(env, {kPath, 1 << 20}));
    REQUIRE_FALSE(other);
    CHECK(other.error().is(base::Code::conflict));
}

}  // namespace
}  // namespace larder::behind
