// The rule of names: every segment has a name that a folder can hold, and finds its way back.
#include "fuse/names.h"

#include <catch2/catch.hpp>

#include <set>
#include <vector>

namespace larder::fuse::names {
namespace {

TEST_CASE("plain names are themselves", "[names]") {
    for (const std::string name : {"a", "a b", ".hidden", "100%", "%", "%%", "obj", "%object", "ä", "a\nb", "%long"}) {
        CHECK(show(name) == name);
        CHECK(read(name).segment == name);
        CHECK(read(name).kind == Meaning::Kind::plain);
        CHECK(can_be_made(name));
    }
}

TEST_CASE("what a folder cannot hold has a form", "[names]") {
    CHECK(show("") == "%empty");
    CHECK(show(".") == "%dot");
    CHECK(show("..") == "%dotdot");
    CHECK(show("a", true) == "a%obj");
    CHECK(read("a%obj").kind == Meaning::Kind::object);
    CHECK(read("a%obj").segment == "a");
    CHECK(read("%dot%obj").segment == ".");
    for (const std::string name : {"%empty", "%dot", "%dotdot", "a%obj"}) CHECK_FALSE(can_be_made(name));
}

TEST_CASE("what no child is shown as means nothing", "[names]") {
    for (const std::string name : {"a%obj%obj", "%empty%obj%obj", "%long-x-0123456789abcdef%obj"})
        CHECK(read(name).kind == Meaning::Kind::nothing);
    CHECK(read("a%obj%%obj").segment == "a%obj");
}

TEST_CASE("a name that looks like a form shows one more sign", "[names]") {
    for (const std::string name : {"%empty", "%dot", "%dot%%", "a%obj", "a%obj%", "%long-x-0123456789abcdef"}) {
        CHECK(show(name) == name + "%");
        CHECK(read(show(name)).segment == name);
        CHECK(read(show(name)).kind == Meaning::Kind::plain);
        CHECK(can_be_made(show(name)));
    }
}

TEST_CASE("a long segment is found by its beginning and its digest", "[names]") {
    const std::string long_one(300, 'x');
    const auto name = show(long_one);
    CHECK(name.size() <= kNameBytesMax);
    CHECK(name != show(long_one + "y"));
    CHECK(name != show(long_one, true));
    CHECK(read(name).kind == Meaning::Kind::search);
    CHECK(long_one.starts_with(read(name).segment));
    CHECK_FALSE(can_be_made(name));
    // Cut between characters, never inside one.
    std::string umlauts;
    for (int i = 0; i < 200; ++i) umlauts += "ä";
    CHECK(read(show("x" + umlauts)).segment.size() % 2 == 1);
}

// All short segments over an alphabet that makes forms likely.
TEST_CASE("no two children of a directory share a name, and each is found again", "[names]") {
    const std::vector<std::string> bits = {"",     "%",      ".",  "a",      "%obj",
                                           "%dot", "%empty", "%%", "%long-", "-0123456789abcdef"};
    std::set<std::string> segments;
    for (const auto& one : bits) {
        for (const auto& two : bits) {
            for (const auto& three : bits) segments.insert(one + two + three);
        }
    }
    std::set<std::string> shown;
    for (const auto& segment : segments) {
        for (const bool beside : {false, true}) {
            const auto name = show(segment, beside);
            CHECK(shown.insert(name).second);
            const auto meaning = read(name);
            CHECK(meaning.segment == segment);
            CHECK((meaning.kind == Meaning::Kind::object) == beside);
        }
    }
}

}  // namespace
}  // namespace larder::fuse::names
