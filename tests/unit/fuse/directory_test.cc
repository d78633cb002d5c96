// Listings: every child once, under the name by which it is found.
#include "tests/unit/fuse/harness.h"

#include <cerrno>
#include <fcntl.h>

namespace larder::fuse {
namespace {

TEST_CASE("every key shows under a name that finds it", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    const std::string long_one(400, 'l');
    const std::vector<std::string> keys = {"a",    "a/b",   "a-b",    "a.b/c", "a//c", "dots/./x", "dots/../y",
                                           "%dot", "x%obj", long_one, "z/",    "q",    "q/",       "q-"};
    for (const auto& key : keys) store.put(key, key.ends_with('/') ? "" : "content of " + key);
    Mount mount(world, store);
    for (const int room : {1, 2, 3, 100}) {
        CHECK(mount.names("", room) == std::vector<std::string>{"%dot%", names::show(long_one), "a", "a%obj", "a-b",
                                                                "a.b", "dots", "q", "q%obj", "q-", "x%obj%", "z"});
        CHECK(mount.names("a", room) == std::vector<std::string>{"%empty", "b"});
        CHECK(mount.names("dots", room) == std::vector<std::string>{"%dot", "%dotdot"});
    }
    CHECK(*mount.get("a%obj") == "content of a");
    CHECK(*mount.get("a/b") == "content of a/b");
    CHECK(*mount.get("a/%empty/c") == "content of a//c");
    CHECK(*mount.get("dots/%dotdot/y") == "content of dots/../y");
    CHECK(*mount.get("%dot%") == "content of %dot");
    CHECK(*mount.get(names::show(long_one)) == "content of " + long_one);
    CHECK(mount.put("new%obj", "x").error() == EINVAL);
    CHECK(mount.put(std::string(256, 'n'), "x").error() == ENAMETOOLONG);
    CHECK(mount.put("\xff", "x").error() == EILSEQ);
}

TEST_CASE("a directory without a name is found by its form alone, and only where one is", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    store.put("a/", "");
    store.put("a/b", "x");
    {
        Mount mount(world, store);
        CHECK(mount.find("%empty").error() == ENOENT);
        CHECK(mount.find("a/%empty").error() == ENOENT);
    }
    store.put("/c", "of the root");
    store.put("a//c", "of a");
    Mount mount(world, store);
    CHECK(*mount.get("%empty/c") == "of the root");
    CHECK(*mount.get("a/%empty/c") == "of a");
}

TEST_CASE("an object has its other name only while a directory has its own", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    store.put("a", "x");
    Mount mount(world, store);
    REQUIRE(mount.find("a"));
    CHECK_FALSE(mount.find("a%obj"));
    store.put("a/b", "y");
    CHECK(mount.names("") == std::vector<std::string>{"a", "a%obj"});
    CHECK(*mount.get("a%obj") == "x");
}

TEST_CASE("a file that was looked at does not hide the directory that has come beside it", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    store.put("a", "x");
    Mount mount(world, store);
    REQUIRE(mount.find("a"));
    store.put("a/b", "y");
    REQUIRE(mount.names("").size() == 2);
    CHECK(*mount.get("a%obj") == "x");
    CHECK(*mount.get("a/b") == "y");
    const auto file = *mount.find("a%obj");
    store.erase("a/b");
    store.put("a", "z");
    CHECK(mount.names("") == std::vector<std::string>{"a"});
    // Asked by its number, as the kernel asks for attributes, before its name.
    CHECK(mount.run(mount.files().attributes(file.node)));
    CHECK_FALSE(mount.find("a%obj"));
    CHECK(*mount.get("a") == "z");
}

TEST_CASE("a removal that is refused leaves no object behind", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    store.put("a/b/c", "x");
    store.put("d/e/f", "y");
    Mount mount(world, store);
    CHECK(mount.rmdir("a/b").error() == ENOTEMPTY);
    CHECK(mount.rename("a/b", "d/e").error() == ENOTEMPTY);
    CHECK(store.keys() == std::vector<std::string>{"a/b/c", "d/e/f"});
}

TEST_CASE("a name that is cut short changes its own object, not the one its beginning names", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    const std::string long_one(400, 'l');
    const std::string beginning(180, 'l');
    store.put(long_one, "long");
    store.put(beginning, "short");
    store.put("d/" + long_one + "/x", "below");
    Mount mount(world, store);
    const auto name = names::show(long_one);
    REQUIRE(names::read(name).segment == beginning);
    REQUIRE(mount.rename(name, "renamed"));
    CHECK(store.content("renamed") == "long");
    CHECK(store.content(beginning) == "short");
    store.put(long_one, "again");
    REQUIRE(mount.unlink(name));
    CHECK_FALSE(store.content(long_one));
    CHECK(store.content(beginning) == "short");
    REQUIRE(mount.rename("d/" + name, "e"));
    CHECK(store.content("e/x") == "below");
}

TEST_CASE("a long name beside a directory of its own is found by its own form", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    for (const auto bytes : {400u, 254u}) {
        const std::string segment(bytes, 'l');
        store.put(segment, "object");
        store.put(segment + "/x", "below");
        Mount mount(world, store);
        CHECK(*mount.get(names::show(segment, true)) == "object");
        CHECK(*mount.get(names::show(segment) + "/x") == "below");
        REQUIRE(mount.unlink(names::show(segment, true)));
        CHECK(store.content(segment + "/x") == "below");
        CHECK_FALSE(store.content(segment));
        store.erase(segment + "/x");
    }
}

TEST_CASE("the kernel is asked to let go of older files when there are many, not of what is open", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    store.put("open", "x");
    for (int i = 100; i < 160; ++i) store.put("d/" + std::to_string(i), "");
    Options options;
    options.files_kept = 40;
    Mount mount(world, store, options);
    REQUIRE(mount.open("open", O_RDONLY));
    const auto directory = *mount.find("d");
    for (int i = 100; i < 137; ++i) CHECK(mount.find("d/" + std::to_string(i)));
    CHECK(mount.told().entries.empty());
    CHECK(mount.find("d/137"));
    const std::pair<NodeId, std::string> first{directory.node, "100"};
    CHECK(mount.told().entries.contains(first));
    CHECK_FALSE(mount.told().entries.contains({directory.node, "137"}));
    CHECK_FALSE(mount.told().entries.contains({kRootNode, "open"}));
    CHECK_FALSE(mount.told().entries.contains({kRootNode, "d"}));
    // Once for many.
    mount.told().entries.clear();
    CHECK(mount.find("d/138"));
    CHECK(mount.told().entries.empty());
    CHECK(mount.names("d").size() == 60);
    CHECK(mount.told().entries.contains(first));
}

TEST_CASE("a large directory is read in pages, each entry once", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    for (int i = 0; i < 2500; ++i) store.put("d/" + std::to_string(i), "");
    Mount mount(world, store);
    CHECK(mount.names("d", 7).size() == 2500);
    CHECK(mount.names("d", 999).size() == 2500);
}

TEST_CASE("a directory can be read from an earlier place again", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    for (int i = 0; i < 3000; ++i) store.put("k" + std::to_string(10'000 + i), "");
    Mount mount(world, store);
    const auto directory = *mount.run(mount.files().open_directory(kRootNode));
    const auto at = [&](std::uint64_t offset) {
        std::string first;
        const auto take = [&first](const DirectoryEntry& entry) {
            if (first.empty()) return first = entry.name, true;
            return false;
        };
        REQUIRE(mount.run(mount.files().read_directory(directory, offset, false, take)));
        return first;
    };
    CHECK(at(2) == "k10000");
    CHECK(at(2502) == "k12500");
    CHECK(at(12) == "k10010");
    CHECK(at(0) == ".");
    CHECK(at(3002) == "");
}

TEST_CASE("forgotten nodes leave memory", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    for (int i = 0; i < 100; ++i) store.put("d/" + std::to_string(i), "");
    Mount mount(world, store);
    std::vector<NodeId> nodes;
    for (int i = 0; i < 100; ++i) nodes.push_back(mount.find("d/" + std::to_string(i))->node);
    const auto d = mount.find("d")->node;
    CHECK(mount.files().nodes() == 102);
    for (const auto node : nodes) mount.files().forget(node, 1);
    CHECK(mount.files().nodes() == 2);
    mount.files().forget(d, 101);
    CHECK(mount.files().nodes() == 1);
    CHECK(mount.find("d/5"));
}

}  // namespace
}  // namespace larder::fuse
