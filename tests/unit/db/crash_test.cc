// Crashes and failing disks: every acknowledged change is there afterwards, none is there by half.
#include "tests/support/seeds.h"
#include "tests/unit/db/crash_harness.h"

#include <catch2/catch.hpp>

namespace larder::db {
namespace {

// Some life with a fault at a random call of it, then what the disk makes of it, then a look.
std::string live_and_fall(test::World& world, std::uint64_t seed, sim::Fault fault, bool power_goes) {
    CrashStore store(world, seed);
    if (!store.open()) return "the first opening failed";
    for (int life = 0; life < 3; ++life) {
        store.disk.fail_at(store.dice() % 120, fault);
        if (!store.is_open()) (void)store.open();
        if (store.is_open()) store.work(static_cast<int>(1 + store.dice() % 8));
        if (store.is_open() && store.dice() % 4 == 0) (void)store.db().close();
        if (power_goes && store.dice() % 2 == 0) {
            store.disk.cut_power();
            store.drop();
            store.disk.restart();
        } else if (power_goes) {
            store.drop();
            store.disk.restart();
        } else {
            store.drop();
            store.disk.kill_process();
        }
        store.disk.fail_never();
        if (const auto opened = store.open(); !opened) return "reopening: " + opened.error().message;
        if (!store.db().report().quarantined.empty()) return "quarantined: " + store.db().report().quarantined[0];
        if (auto wrong = store.verdict(); !wrong.empty()) return wrong;
        if (store.dice() % 2 == 0) store.drop();
    }
    return {};
}

// As many seeds as every run of the tests can bear; LARDER_DB_SEEDS asks for more.
void check_seeds(int usual, sim::Fault fault, bool power_goes) {
    test::check_seeds(test::seeds("LARDER_DB_SEEDS", usual), [=](test::World& world, std::uint64_t seed) {
        return live_and_fall(world, seed, fault, power_goes);
    });
}

TEST_CASE("a power cut at any call loses nothing acknowledged and keeps nothing by half", "[db][crash]") {
    check_seeds(200, sim::Fault::power_cut, true);
}

TEST_CASE("a call that fails, and then a power cut, loses nothing acknowledged", "[db][crash]") {
    check_seeds(100, sim::Fault::io_error, true);
}

TEST_CASE("a call that fails, and then a restart, loses nothing acknowledged", "[db][crash]") {
    check_seeds(100, sim::Fault::io_error, false);
}

TEST_CASE("a full disk at any call loses nothing acknowledged", "[db][crash]") {
    check_seeds(100, sim::Fault::no_space, true);
}

}  // namespace
}  // namespace larder::db
