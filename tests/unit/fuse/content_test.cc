// The content of an open file: calls that are given up, and handles that are replaced under calls.
#include "fuse/content.h"

#include "src/io/timeout.h"
#include "tests/support/memory_files.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

namespace larder::fuse {
namespace {

using base::Buffer;
using base::Result;
using io::Task;

constexpr std::size_t kMiB = 1 << 20;

// A store whose calls of one kind wait until they are let go.
struct Held {
    explicit Held(std::string held_call) : call(std::move(held_call)) {
        store.put("file", "old");
        store.set_gate([this](std::string name) { return pass(std::move(name)); });
        content.adopt(*world.run(store.open("file")));
    }
    Task<Result<void>> pass(std::string name) {
        if (name == call && !open.is_set()) co_await open_again();
        co_return Result<void>();
    }
    // Each waiter has a promise of its own.
    Task<void> open_again() {
        waiting.emplace_back(world.env().executor);
        const auto mine = waiting.back();
        co_await mine.future();
    }
    void let_go() {
        open.set(io::Done{});
        for (const auto& one : waiting) one.set(io::Done{});
    }
    // Runs the task until nothing moves, then drops it, as an interrupted request is.
    template <typename T>
    bool give_up(Task<Result<T>> task) {
        return !world.run(begin_and_drop<T>(std::move(task)));
    }
    template <typename T>
    Task<bool> begin_and_drop(Task<Result<T>> task) {
        const auto soon = world.env().clock.after(std::chrono::milliseconds(5));
        const auto done = co_await io::with_deadline(world.env().executor, world.env().clock, soon, std::move(task));
        co_return done.has_value() || done.error().code != base::Code::timeout;
    }

    test::World world;
    test::MemoryFiles store{world.env()};
    Content content{world.env(), 3};
    std::string call;
    io::Promise<io::Done> open{world.env().executor};
    std::vector<io::Promise<io::Done>> waiting;
};

TEST_CASE("what was written stays although the call that would have sent it is given up", "[fuse]") {
    Held held("write");
    // The window to the store fills up, and the last run waits for room.
    std::string expected;
    for (int i = 0; i < 9; ++i) {
        const std::string part(kMiB - 1, static_cast<char>('a' + i));
        REQUIRE(held.world.run(held.content.write(expected.size(), Buffer::copy_of(part))));
        expected += part;
    }
    REQUIRE(held.give_up(held.content.read(0, 10)));
    held.let_go();
    REQUIRE(held.world.run(held.content.commit({}, false)));
    CHECK((held.store.content("file") == expected));
}

TEST_CASE("a change given up half-way is never committed", "[fuse]") {
    Held held("truncate");
    REQUIRE(held.give_up(held.content.truncate(1)));
    held.let_go();
    CHECK_FALSE(held.world.run(held.content.commit({}, false)));
    CHECK(held.store.content("file") == "old");
}

Task<Result<std::string>> read_while_opened_again(Held& held) {
    io::Promise<Result<Buffer>> read(held.world.env().executor);
    io::TaskGroup group(held.world.env().executor);
    group.spawn(io::detail::run_into<Buffer>(held.content.read(0, 10), read));
    CO_TRY(auto again, co_await held.store.open("file"));
    held.content.adopt(std::move(again));
    held.let_go();
    CO_TRY(const auto bytes, co_await read.future());
    co_return std::string(bytes.chars());
}

TEST_CASE("a read goes on with the handle it began with", "[fuse]") {
    Held held("read");
    CHECK(held.world.run(read_while_opened_again(held)) == "old");
}

TEST_CASE("what was appended follows on what another door appended, also when the file was renamed", "[fuse]") {
    Held held("nothing");
    auto& world = held.world;
    REQUIRE(world.run(held.content.append(Buffer::copy_of(std::string(" mine")))));
    const auto other = *world.run(held.store.open("file"));
    REQUIRE(world.run(other->write(3, Buffer::copy_of(std::string(" theirs")))));
    REQUIRE(world.run(other->commit({})));
    SECTION("under its name") {
        CHECK(world.run(held.content.commit({}, false)).error().is(base::Code::conflict, base::Subject::object));
        REQUIRE(world.run(held.content.follow_on(*world.run(held.store.open("file")))));
        REQUIRE(world.run(held.content.commit({}, false)));
        CHECK(held.store.content("file") == "old theirs mine");
    }
    SECTION("renamed") {
        REQUIRE(world.run(held.store.rename("file", "renamed", true, 1)));
        REQUIRE(world.run(held.content.move_to(*world.run(held.store.open("renamed")))));
        REQUIRE(world.run(held.content.commit({}, false)));
        CHECK(held.store.content("renamed") == "old theirs mine");
    }
    CHECK(held.content.size() == 15);
}

}  // namespace
}  // namespace larder::fuse
