// The store that tests stand on keeps what files.h promises.
#include "tests/support/memory_files.h"

#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

using namespace larder;
using base::Code;
using base::Subject;
using test::MemoryContent;

namespace {

base::Buffer text(std::string_view t) {
    return base::Buffer::copy_of(t);
}

std::vector<std::string> keys_of(const engine::DirectoryPage& page) {
    std::vector<std::string> keys;
    for (const auto& entry : page.entries) keys.push_back(entry.key);
    return keys;
}

}  // namespace

TEST_CASE("content is runs between holes", "[memory]") {
    MemoryContent content("hello");
    content.write(10, text("abcdefgh"));
    CHECK(content.text() == std::string("hello\0\0\0\0\0abcdefgh", 18));
    CHECK(content.seek(0, true) == 5);
    CHECK(content.seek(5, false) == 10);
    CHECK(content.seek(10, true) == 18);
    CHECK_FALSE(content.seek(18, true));
    content.punch(12, 2);
    CHECK(content.read(10, 100).chars() == std::string_view("ab\0\0efgh", 8));
    CHECK(content.seek(10, true) == 12);
    CHECK(content.seek(12, false) == 14);
    content.write(4, text("XYZ"));
    CHECK(content.text().substr(0, 8) == std::string("hellXYZ\0", 8));
    CHECK(content.seek(0, true) == 7);
    content.truncate(11);
    content.truncate(20);
    CHECK(content.size() == 20);
    CHECK(content.seek(11, false) == std::nullopt);
    content.copy(content, 0, 15, 4);
    CHECK(content.read(14, 6).chars() == std::string_view("\0hell\0", 6));
}

TEST_CASE("directories are marked or implied", "[memory]") {
    test::World world;
    test::MemoryFiles files(world.env());
    files.put("a", "1");
    files.put("a.txt", "2");
    files.put("a/x", "3");
    files.put("a/y/z", "4");
    files.put("b", "5");
    CHECK(keys_of(*world.run(files.list("", "", 100))) == std::vector<std::string>{"a", "a.txt", "a/", "b"});
    const auto first = world.run(files.list("", "", 3));
    CHECK((first->truncated && first->next == "a/"));
    CHECK(keys_of(*world.run(files.list("", first->next, 3))) == std::vector<std::string>{"b"});
    CHECK(keys_of(*world.run(files.list("a/", "", 3))) == std::vector<std::string>{"a/x", "a/y/"});

    const auto found = world.run(files.find("a"));
    REQUIRE((found->object && found->directory && found->directory->implied));
    const auto number = found->directory->inode;
    engine::FileAttributes changes;
    changes.mode = 0040700;
    CHECK(world.run(files.set_attributes("a/", changes))->inode == number);
    CHECK(world.run(files.find("a"))->directory->attributes.mode == 0040700u);
    CHECK(world.run(files.remove("a/", 1)).error().is(Code::conflict, Subject::object));
    CHECK(world.run(files.rename_directory("a/", "c/", 9)).has_value());
    CHECK(world.run(files.find("c"))->directory->inode == number);
    CHECK(files.content("c/y/z") == "4");
    CHECK(files.content("a") == "1");
    CHECK(world.run(files.rename_directory("c/", "c/d/", 9)).error().is(Code::invalid_argument));
    CHECK(world.run(files.exchange("c/", "b", 9)).error().is(Code::invalid_argument));
    files.put("d/1", "6");
    CHECK(world.run(files.rename_directory("c/", "d/", 9)).error().is(Code::conflict));
    CHECK(world.run(files.exchange("c/", "d/", 9)).has_value());
    CHECK(files.content("d/y/z") == "4");
    CHECK(files.content("c/1") == "6");
    CHECK(world.run(files.find(""))->directory->inode == 1);
}

TEST_CASE("names share a file", "[memory]") {
    test::World world;
    test::MemoryFiles files(world.env());
    const auto made = world.run(files.create({"f", {}, "one", true}));
    REQUIRE(made);
    CHECK(world.run(files.create({"f", {}, "two", true})).error().is(Code::already_exists));
    const auto linked = world.run(files.link("f", "g", 5));
    CHECK((linked->links == 2 && linked->inode == made->inode && linked->attributes.ctime_ns == 5));
    CHECK(world.run(files.link("f", "g", 5)).error().is(Code::already_exists));
    CHECK(world.run(files.rename("f", "g", false, 6)).has_value());
    CHECK(files.keys() == std::vector<std::string>{"f", "g"});
    CHECK(world.run(files.remove("f", 7))->links == 1);
    CHECK(world.run(files.find("g"))->object->attributes.ctime_ns == 7);
    CHECK(world.run(files.find("g"))->object->version == made->version);
    files.put("h", "three");
    CHECK(world.run(files.rename("h", "g", true, 8)).error().is(Code::already_exists));
    CHECK(world.run(files.rename("h", "g", false, 8)).has_value());
    CHECK(files.content("g") == "three");
}

TEST_CASE("a handle keeps what it opened and commits what it wrote", "[memory]") {
    test::World world;
    test::MemoryFiles files(world.env());
    files.put("f", "0123456789");
    auto handle = *world.run(files.open("f"));
    files.put("f", "other");
    CHECK(world.run(handle->read(2, 3))->chars() == "234");
    CHECK(world.run(handle->write(10, text("ab"))).has_value());
    CHECK((handle->changed() && handle->size() == 12));
    CHECK(files.content("f") == "other");
    const auto committed = world.run(handle->commit({}));
    CHECK((committed->size == 12 && !handle->changed()));
    CHECK(files.content("f") == "0123456789ab");
    files.erase("f");
    CHECK(world.run(handle->commit({})).error().is(Code::not_found, Subject::object));
    CHECK(world.run(handle->read(0, 2))->chars() == "01");
}

TEST_CASE("changes are watched", "[memory]") {
    test::World world;
    test::MemoryFiles files(world.env());
    const auto start = world.run(files.watch("", world.env().clock.now()));
    files.put("f", "1");
    engine::FileAttributes changes;
    changes.uid = 3;
    REQUIRE(world.run(files.set_attributes("f", changes)));
    const auto page = world.run(files.watch(start->next, world.env().clock.now()));
    CHECK((page->events.size() == 2 && page->events[1].key == "f" && !page->events[1].removed));
    files.tree().forget_changes();
    CHECK(world.run(files.watch(start->next, world.env().clock.now()))->missed);
}
