// Lookups of many names in one folder, and what others do to it meanwhile.
#include "tests/unit/fuse/harness.h"

#include <cerrno>

namespace larder::fuse {
namespace {

struct Fixture {
    test::World world;
    test::MemoryFiles store{world.env()};
    Mount mount{world, store};
    int finds = 0;

    Fixture() {
        for (int i = 0; i < 2000; ++i) store.put(name(i), "x");
        store.put("d/n0700/below", "x");
        // As a mount that has heard of it all.
        static_cast<void>(mount.find("d"));
        settle();
        store.set_gate([this](std::string call) -> io::Task<base::Result<void>> { return count(std::move(call)); });
    }
    io::Task<base::Result<void>> count(std::string call) {
        if (call == "find") ++finds;
        co_return base::Result<void>();
    }
    static std::string name(int i) {
        auto digits = std::to_string(i);
        return "d/n" + std::string(4 - digits.size(), '0') + digits;
    }
    // What was pushed has arrived.
    void settle() {
        const auto wait = [](io::Env& env) -> io::Task<bool> {
            co_await env.clock.sleep_for(std::chrono::milliseconds(5));
            co_return true;
        };
        world.run(wait(world.env()));
    }
};

TEST_CASE_METHOD(Fixture, "many names of a folder are asked for by the page", "[fuse]") {
    for (int i = 0; i < 600; ++i) {
        REQUIRE(mount.find(name(i)));
        if (i == 10) settle();
    }
    CHECK(finds < 100);
    CHECK(S_ISDIR(mount.find("d/n0700")->stat.st_mode));
    CHECK(mount.find("d/n0700%obj")->stat.st_size == 1);
}

TEST_CASE_METHOD(Fixture, "a page never hides what was made since, and heeds changes of both sides", "[fuse]") {
    for (int i = 0; i < 20; ++i) REQUIRE(mount.find(name(i)));
    settle();
    finds = 0;
    CHECK(mount.find("d/n0050"));
    CHECK(finds == 0);
    CHECK(mount.find("d/n0050x").error() == ENOENT);
    CHECK(finds == 1);
    store.put("d/n0050w", "theirs");
    CHECK(mount.find("d/n0050w"));
    REQUIRE(mount.put("d/n0050x", "mine"));
    CHECK(*mount.get("d/n0050x") == "mine");
    REQUIRE(mount.unlink("d/n0051"));
    CHECK(mount.find("d/n0051").error() == ENOENT);
    REQUIRE(mount.rename("d/n0052", "d/n0053y"));
    CHECK(mount.find("d/n0052").error() == ENOENT);
    CHECK(mount.find("d/n0053y"));
    store.put("d/n0054", "theirs");
    store.put("d/n0055z", "theirs");
    store.erase("d/n0056");
    settle();
    CHECK(mount.find("d/n0054")->stat.st_size == 6);
    CHECK(mount.find("d/n0055z"));
    CHECK(mount.find("d/n0056").error() == ENOENT);
}

}  // namespace
}  // namespace larder::fuse
