// Files and names through the file system, and what another door or mount sees of them.
#include "tests/unit/fuse/harness.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/falloc.h>

namespace larder::fuse {
namespace {

struct Fixture {
    test::World world;
    test::MemoryFiles store{world.env()};
    Mount mount{world, store};
};

TEST_CASE_METHOD(Fixture, "a file written is an object, and an object is a file", "[fuse]") {
    REQUIRE(mount.put("a", "hello"));
    CHECK(store.content("a") == "hello");
    store.put("dir/b", "from S3");
    CHECK(*mount.get("dir/b") == "from S3");
    CHECK(mount.find("dir/b")->stat.st_size == 7);
    CHECK(S_ISDIR(mount.find("dir")->stat.st_mode));
    CHECK(mount.find("c").error() == ENOENT);
}

TEST_CASE_METHOD(Fixture, "others see the old version until it is closed or synced", "[fuse]") {
    REQUIRE(mount.put("a", "old"));
    const auto file = mount.open("a", O_RDWR);
    REQUIRE(mount.write(file->file, 0, "newer"));
    CHECK(mount.read(file->file, 0, 100) == "newer");
    CHECK(store.content("a") == "old");
    REQUIRE(mount.run(mount.files().sync(file->file)));
    CHECK(store.content("a") == "newer");
}

TEST_CASE_METHOD(Fixture, "writes anywhere, holes, truncation and punching", "[fuse]") {
    REQUIRE(mount.put("a", std::string(10'000, 'x')));
    const auto file = mount.open("a", O_RDWR)->file;
    auto& files = mount.files();
    REQUIRE(mount.write(file, 20'000, "end"));
    REQUIRE(mount.write(file, 5, "yyy"));
    REQUIRE(mount.run(files.allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 50)));
    std::string expected(20'003, '\0');
    expected.replace(0, 10'000, std::string(10'000, 'x'));
    expected.replace(5, 3, "yyy");
    expected.replace(100, 50, std::string(50, '\0'));
    expected.replace(20'000, 3, "end");
    CHECK((mount.read(file, 0, 30'000) == expected));
    AttributeChanges cut;
    cut.size = 7;
    const auto node = mount.find("a")->node;
    CHECK(mount.run(files.set_attributes(node, cut))->st_size == 7);
    REQUIRE(mount.run(files.allocate(file, 0, 0, 12)));
    REQUIRE(mount.run(files.flush(file)));
    CHECK(store.content("a") == std::string("xxxxxyy\0\0\0\0\0", 12));
    CHECK(mount.run(files.allocate(file, FALLOC_FL_COLLAPSE_RANGE, 0, 4096)).error() == EOPNOTSUPP);
}

TEST_CASE_METHOD(Fixture, "what is written while a file is renamed goes with it", "[fuse]") {
    REQUIRE(mount.put("a", "0123456789"));
    const auto file = mount.open("a", O_RDWR)->file;
    REQUIRE(mount.write(file, 0, "x"));
    bool once = true;
    const auto write = [](Mount& mount, FileId file) -> io::Task<base::Result<void>> {
        static_cast<void>(co_await mount.files().write(file, 5, base::Buffer::copy_of("yy")));
        co_return base::Result<void>();
    };
    const auto pass = []() -> io::Task<base::Result<void>> { co_return base::Result<void>(); };
    store.set_gate(
        [&](std::string call) { return call == "rename" && std::exchange(once, false) ? write(mount, file) : pass(); });
    REQUIRE(mount.rename("a", "b"));
    SECTION("and is written on") {
        REQUIRE(mount.write(file, 9, "z"));
    }
    SECTION("or closed") {}
    REQUIRE(mount.run(mount.files().flush(file)));
    CHECK(store.content("b")->starts_with("x1234yy78"));
    CHECK(store.keys() == std::vector<std::string>{"b"});
}

TEST_CASE_METHOD(Fixture, "an open file outlives its last name", "[fuse]") {
    REQUIRE(mount.put("a", "kept"));
    const auto file = mount.open("a", O_RDWR)->file;
    const auto node = mount.find("a")->node;
    REQUIRE(mount.unlink("a"));
    CHECK(mount.find("a").error() == ENOENT);
    CHECK(mount.run(mount.files().attributes(node))->st_nlink == 0);
    CHECK(mount.read(file, 0, 10) == "kept");
    REQUIRE(mount.write(file, 4, "!"));
    CHECK(mount.read(file, 0, 10) == "kept!");
    REQUIRE(mount.run(mount.files().flush(file)));
    CHECK(store.keys().empty());
}

TEST_CASE_METHOD(Fixture, "what was found and is gone before it is used is stale, and nothing breaks", "[fuse]") {
    REQUIRE(mount.put("a", "A"));
    REQUIRE(mount.put("b", "B"));
    const auto replaced = mount.find("b")->node;
    REQUIRE(mount.rename("a", "b"));
    auto& files = mount.files();
    CHECK(mount.run(files.open(replaced, O_RDONLY)).error() == ESTALE);
    CHECK(mount.run(files.open(replaced, O_RDWR | O_TRUNC)).error() == ESTALE);
    CHECK(mount.run(files.link(replaced, kRootNode, "c")).error() == ENOENT);
    CHECK(mount.run(files.attributes(replaced))->st_nlink == 0);
    REQUIRE(mount.mkdir("d"));
    const auto folder = mount.find("d")->node;
    REQUIRE(mount.rmdir("d"));
    const auto listing = mount.run(files.open_directory(folder));
    CHECK(mount.run(files.read_directory(*listing, 0, true, [](const auto&) { return true; })));
    CHECK(mount.run(files.lookup(folder, "x")).error() == ENOENT);
    CHECK(mount.run(files.make_directory(folder, "x", 0755, {})).error() == ENOENT);
    CHECK(mount.run(files.unlink(folder, "x")).error() == ENOENT);
}

TEST_CASE("a rename into a directory that another door ends meanwhile is refused", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    Options options;
    options.live_ttl = options.dead_ttl = base::Duration(0);
    Mount mount(world, store, options);
    REQUIRE(mount.put("a", "A"));
    REQUIRE(mount.mkdir("d"));
    const auto folder = mount.find("d")->node;
    const auto file = mount.open("a", O_RDWR)->file;
    REQUIRE(mount.write(file, 1, "B"));
    bool first = true;
    store.set_gate([&](std::string call) -> io::Task<base::Result<void>> {
        if (call == "commit" && std::exchange(first, false)) {
            store.erase("d/");
            // Somebody looks meanwhile, and the mount learns of it.
            CHECK_FALSE(co_await mount.files().lookup(kRootNode, "d"));
        }
        co_return base::Result<void>();
    });
    CHECK(mount.run(mount.files().rename(kRootNode, "a", folder, "b", 0)).error() == ESTALE);
    CHECK_FALSE(first);
    CHECK(store.content("a") == "AB");
}

TEST_CASE_METHOD(Fixture, "renames replace, refuse and exchange as renameat2 says", "[fuse]") {
    REQUIRE(mount.put("a", "A"));
    REQUIRE(mount.put("b", "B"));
    REQUIRE(mount.mkdir("d"));
    REQUIRE(mount.put("d/x", "X"));
    CHECK(mount.rename("a", "b", RENAME_NOREPLACE).error() == EEXIST);
    CHECK(mount.rename("a", "d").error() == EISDIR);
    CHECK(mount.rename("d", "a").error() == ENOTDIR);
    CHECK(mount.rename("none", "x").error() == ENOENT);
    REQUIRE(mount.rename("a", "b", RENAME_EXCHANGE));
    CHECK(*mount.get("a") == "B");
    REQUIRE(mount.rename("a", "b"));
    CHECK(*mount.get("b") == "B");
    CHECK(mount.find("a").error() == ENOENT);
    const auto node = mount.find("d/x")->node;
    REQUIRE(mount.rename("d", "e"));
    CHECK(mount.find("e/x")->node == node);
    CHECK(*mount.get("e/x") == "X");
    CHECK(mount.find("d").error() == ENOENT);
    REQUIRE(mount.mkdir("f"));
    CHECK(mount.rename("f", "e").error() == ENOTEMPTY);
    REQUIRE(mount.rename("e", "f"));
    CHECK(store.keys() == std::vector<std::string>{"b", "f/", "f/x"});
}

TEST_CASE_METHOD(Fixture, "what is being written follows its directory's rename", "[fuse]") {
    REQUIRE(mount.mkdir("d"));
    REQUIRE(mount.put("d/x", "one"));
    const auto file = mount.open("d/x", O_RDWR)->file;
    REQUIRE(mount.write(file, 3, "two"));
    REQUIRE(mount.rename("d", "e"));
    CHECK(store.content("e/x") == "onetwo");
    REQUIRE(mount.write(file, 6, "three"));
    REQUIRE(mount.run(mount.files().flush(file)));
    CHECK(store.content("e/x") == "onetwothree");
}

TEST_CASE_METHOD(Fixture, "names of one file share it", "[fuse]") {
    REQUIRE(mount.put("a", "1"));
    REQUIRE(mount.link("a", "b"));
    CHECK(mount.find("a")->node == mount.find("b")->node);
    CHECK(mount.find("b")->stat.st_nlink == 2);
    REQUIRE(mount.put("b", "22"));
    CHECK(*mount.get("a") == "22");
    CHECK(mount.link("a", "b").error() == EEXIST);
    REQUIRE(mount.unlink("a"));
    CHECK(mount.find("b")->stat.st_nlink == 1);
    CHECK(store.content("b") == "22");
}

TEST_CASE_METHOD(Fixture, "a directory that content implied stays when its last child is removed here", "[fuse]") {
    store.put("dir/only", "x");
    REQUIRE(mount.unlink("dir/only"));
    CHECK(store.keys() == std::vector<std::string>{"dir/"});
    CHECK(mount.rmdir("dir"));
    CHECK(store.keys().empty());
    store.put("other/only", "x");
    CHECK(mount.rmdir("other").error() == ENOTEMPTY);
}

TEST_CASE_METHOD(Fixture, "attributes are kept beside the content and never make a version", "[fuse]") {
    REQUIRE(mount.put("a", "x"));
    const auto version = mount.run(store.find("a"))->object->version;
    AttributeChanges changes;
    changes.mode = S_IFREG | 0600;
    changes.uid = 7;
    changes.mtime_ns = -1;
    const auto stat = mount.run(mount.files().set_attributes(mount.find("a")->node, changes));
    CHECK(stat->st_mode == (S_IFREG | 0600));
    CHECK(stat->st_uid == 7);
    CHECK(stat->st_mtim.tv_sec == -1);
    CHECK(stat->st_mtim.tv_nsec == 999'999'999);
    const auto object = mount.run(store.find("a"))->object;
    CHECK(object->version == version);
    CHECK(object->attributes.mode == (S_IFREG | 0600u));
    const auto node = mount.find("a")->node;
    auto& files = mount.files();
    REQUIRE(mount.run(files.set_xattr(node, "user.k", "v", engine::XattrMode::create)));
    CHECK(mount.run(files.set_xattr(node, "user.k", "v", engine::XattrMode::create)).error() == EEXIST);
    CHECK(*mount.run(files.xattr(node, "user.k")) == "v");
    CHECK(*mount.run(files.xattr(node, "user.s3.key")) == "a");
    CHECK(mount.run(files.set_xattr(node, "user.none", std::nullopt, engine::XattrMode::replace)).error() == ENODATA);
    CHECK(mount.run(files.set_xattr(node, "system.posix_acl_access", "v", {})).error() == EOPNOTSUPP);
}

TEST_CASE_METHOD(Fixture, "a second mount sees a change when it opens the file", "[fuse]") {
    const auto second_store = store.another();
    Mount second(world, *second_store);
    REQUIRE(mount.put("a", "one"));
    CHECK(*second.get("a") == "one");
    REQUIRE(mount.put("a", "three"));
    CHECK(*second.get("a") == "three");
    REQUIRE(mount.unlink("a"));
    CHECK_FALSE(second.open("a", O_RDONLY));
    CHECK(second.find("a").error() == ENOENT);
}

TEST_CASE_METHOD(Fixture, "what two mounts append is all there, whoever closes last", "[fuse]") {
    const auto second_store = store.another();
    Mount second(world, *second_store);
    REQUIRE(mount.put("log", "begin\n"));
    const auto one = mount.open("log", O_WRONLY | O_APPEND)->file;
    const auto two = second.open("log", O_WRONLY | O_APPEND)->file;
    const auto append = [](Mount& to, FileId file, std::uint64_t believed, const std::string& bytes) {
        return to.run(to.files().write(file, believed, base::Buffer::copy_of(bytes), true));
    };
    REQUIRE(append(mount, one, 6, "one\n"));
    REQUIRE(append(second, two, 6, "two\n"));
    REQUIRE(second.run(second.files().sync(two)));
    second.told() = {};
    mount.told() = {};
    REQUIRE(mount.run(mount.files().flush(one)));
    CHECK(store.content("log") == "begin\ntwo\none\n");
    CHECK(mount.told().nodes.contains(mount.find("log")->node));
    REQUIRE(append(second, two, 10, "more\n"));
    store.put("elsewhere", "x");
    REQUIRE(second.run(second.files().flush(two)));
    CHECK(store.content("log") == "begin\ntwo\none\nmore\n");
    CHECK(*mount.get("log") == "begin\ntwo\none\nmore\n");
    // Who also wrote elsewhere has a version of the whole, as ever.
    REQUIRE(append(mount, one, 18, "a"));
    REQUIRE(mount.write(one, 0, "B"));
    REQUIRE(append(second, two, 18, "b"));
    REQUIRE(second.run(second.files().sync(two)));
    REQUIRE(mount.run(mount.files().flush(one)));
    CHECK(store.content("log") == "Begin\ntwo\none\nmore\na");
}

TEST_CASE_METHOD(Fixture, "the kernel is told of changes made elsewhere, not of its own", "[fuse]") {
    REQUIRE(mount.put("a", "one"));
    REQUIRE(mount.mkdir("d"));
    mount.told() = {};
    REQUIRE(mount.put("a", "two"));
    const auto own = mount.told().entries;
    CHECK(own.empty());
    store.put("d/new", "x");
    store.put("a", "three");
    CHECK(*mount.get("d/new") == "x");
    const auto d = mount.find("d")->node;
    CHECK(mount.told().entries.contains({d, "new"}));
    CHECK(mount.told().entries.contains({kRootNode, "a"}));
}

TEST_CASE_METHOD(Fixture, "a write the store refused is told at close, and the old version stays", "[fuse]") {
    REQUIRE(mount.put("a", "old"));
    store.set_gate([](std::string call) -> io::Task<base::Result<void>> {
        if (call == "write") co_return base::fail(base::Code::no_space, "the disk is full");
        co_return base::Result<void>();
    });
    const auto file = mount.open("a", O_RDWR)->file;
    const auto written = mount.write(file, 0, "new bytes");
    const auto closed = mount.run(mount.files().flush(file));
    CHECK((!written || !closed));
    if (!closed) CHECK(closed.error() == ENOSPC);
    store.set_gate({});
    CHECK(mount.run(mount.files().flush(file)).error() == ENOSPC);
    CHECK(store.content("a") == "old");
}

TEST_CASE("a read-only mount refuses every change", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    store.put("a", "x");
    Options options;
    options.read_only = true;
    Mount mount(world, store, options);
    CHECK(*mount.get("a") == "x");
    CHECK(mount.put("b", "x").error() == EROFS);
    CHECK(mount.unlink("a").error() == EROFS);
    CHECK(mount.mkdir("d").error() == EROFS);
    CHECK(mount.rename("a", "b").error() == EROFS);
    CHECK(mount.open("a", O_RDWR).error() == EROFS);
}

TEST_CASE("what is open is written to its file, wherever another mount has moved it", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    const auto other_store = store.another();
    store.put("a", "one");
    store.put("b", "two");
    Mount mount(world, store);
    Mount other(world, *other_store);
    REQUIRE(mount.find("b"));
    const auto opened = *mount.open("a", O_RDWR);
    REQUIRE(mount.write(opened.file, 0, "ONE"));
    REQUIRE(other.rename("a", "b", RENAME_EXCHANGE));
    // In this order: the old name leads elsewhere before the new one is known.
    CHECK(*mount.get("a") == "two");
    CHECK(*mount.get("b") == "ONE");
    REQUIRE(mount.run(mount.files().sync(opened.file)));
    CHECK(store.content("b") == "ONE");
    CHECK(store.content("a") == "two");
}

TEST_CASE("a name that another mount has moved away leads nowhere, whatever else its file is called", "[fuse]") {
    test::World world;
    test::MemoryFiles store(world.env());
    const auto other_store = store.another();
    store.put("a", "one");
    Mount mount(world, store);
    Mount other(world, *other_store);
    REQUIRE(mount.run(mount.files().make_symlink(kRootNode, "link", "to/a", {})));
    REQUIRE(mount.find("a"));
    REQUIRE(other.rename("a", "b"));
    REQUIRE(other.rename("link", "moved"));
    CHECK(*mount.get("b") == "one");
    CHECK_FALSE(mount.find("a"));
    const auto link = *mount.find("moved");
    CHECK(*mount.run(mount.files().read_link(link.node)) == "to/a");
}

}  // namespace
}  // namespace larder::fuse
