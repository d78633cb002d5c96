// Calls on one file that overlap, in an order of events that a seed picks: they take effect in the order of calling.
#include "src/base/limits.h"
#include "tests/unit/engine/file_clients.h"
#include "tests/unit/engine/shuffled.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

namespace limits = base::limits;

constexpr std::size_t kSizeMax = 200'000;

// One handle, and the bytes it must show to whoever calls now.
struct Overlapping {
    Overlapping(ShuffledNode& n, std::uint64_t seed) : node(n), dice(seed), calls(n.executor), commits(n.executor) {}

    void expect(bool holds, const char* what) {
        if (!holds) wrong.emplace_back(what);
    }
    static Task<void> write(Overlapping& self, std::uint64_t offset, std::string data) {
        self.expect((co_await self.handle->write(offset, base::Buffer::copy_of(data))).has_value(), "write");
    }
    static Task<void> read(Overlapping& self, std::uint64_t offset, std::string expected) {
        const auto got = co_await self.handle->read(offset, expected.size());
        self.expect(got && got->chars() == expected, "read");
    }
    static Task<void> truncate(Overlapping& self, std::uint64_t size) {
        self.expect((co_await self.handle->truncate(size)).has_value(), "truncate");
    }
    static Task<void> punch(Overlapping& self, std::uint64_t offset, std::uint64_t length) {
        self.expect((co_await self.handle->punch(offset, length)).has_value(), "punch");
    }
    static Task<void> copy(Overlapping& self, std::uint64_t from, std::uint64_t to, std::uint64_t length) {
        self.expect((co_await self.handle->copy_from(*self.handle, from, to, length)).has_value(), "copy");
    }
    static Task<void> commit(Overlapping& self) {
        self.expect((co_await self.handle->commit({})).has_value(), "commit");
    }

    void call() {
        const auto at = dice.below(bytes.size() + 1);
        const auto n = 1 + dice.below(dice.below(4) == 0 ? 60'000 : 3000);
        switch (dice.below(10)) {
            case 0:
                bytes.resize(at + dice.below(3) * 100);
                return calls.spawn(truncate(*this, bytes.size()));
            case 1:
                for (auto i = at; i < std::min<std::uint64_t>(at + n, bytes.size()); ++i) bytes[i] = '\0';
                return calls.spawn(punch(*this, at, n));
            case 2: {
                if (at == bytes.size()) return;
                const auto to = dice.below(bytes.size());
                const auto data = bytes.substr(at, n);
                put(to, data);
                return calls.spawn(copy(*this, at, to, n));
            }
            case 3:
                return (dice.below(3) == 0 ? commits : calls).spawn(commit(*this));
            case 4:
            case 5:
            case 6:
                return calls.spawn(read(*this, at, bytes.substr(at, n)));
            default:
                if (at + n > kSizeMax) return;
                const auto data = pattern(n, dice.below(1000));
                put(at, data);
                return calls.spawn(write(*this, at, data));
        }
    }
    void put(std::uint64_t offset, const std::string& data) {
        if (bytes.size() < offset + data.size()) bytes.resize(offset + data.size());
        bytes.replace(offset, data.size(), data);
    }

    // Waits for some of what is under way; a commit may be dropped half done.
    Task<bool> work(int count) {
        for (int i = 0; i < count; ++i) {
            for (auto n = dice.below(12); n > 0; --n) call();
            if (dice.below(3) == 0) co_await node.env.clock.sleep_for(std::chrono::microseconds(dice.below(3000)));
            if (dice.below(4) == 0) commits.stop();
            if (dice.below(8) == 0) co_await calls.join();
        }
        co_await calls.join();
        commits.stop();
        const auto got = co_await handle->read(0, kSizeMax * 2);
        expect(got && got->chars() == bytes, "the whole");
        put(0, "the last word");
        co_await write(*this, 0, "the last word");
        co_await commit(*this);
        co_return wrong.empty();
    }

    ShuffledNode& node;
    sim::Dice dice;
    Handle handle;
    std::string bytes;
    std::vector<std::string> wrong;
    io::TaskGroup calls;
    io::TaskGroup commits;
};

void run_seed(ShuffledNode& node, std::uint64_t seed, BucketId id) {
    const auto key = "k" + std::to_string(seed);
    Overlapping one(node, seed);
    one.bytes = pattern(seed % 3 * 30'000, seed);
    REQUIRE(node.run(write_all(node.engine->put_object(id, key, std::nullopt), one.bytes)));
    auto opened = node.run(open_file(dynamic_cast<LocalEngine&>(*node.engine), id, key));
    REQUIRE(opened);
    one.handle = std::move(*opened);
    const bool right = node.run(one.work(25));
    for (const auto& what : one.wrong) FAIL_CHECK("seed " << seed << ": " << what);
    REQUIRE(right);
    const auto reader = node.run(node.engine->open_object(id, key));
    REQUIRE(reader);
    const auto stored = node.run(read_some(**reader, 0, UINT64_MAX));
    REQUIRE(stored);
    REQUIRE((*stored == one.bytes));
}

// Drops a commit as soon as its row is seen, before or after it hears of that; or some time before. Then the handle.
Task<bool> drop_commit(Overlapping& one, BucketId id, std::uint64_t us) {
    const auto before = one.handle->entry().version;
    io::TaskGroup commits(one.node.executor);
    commits.spawn(Overlapping::commit(one));
    for (int i = 0; us > 1500 && i < 10'000; ++i) {
        const auto now = co_await one.node.engine->head_object(id, "k");
        if (now && now->version != before) break;
        io::Promise<io::Done> turn(one.node.executor);
        one.node.executor.post([turn] { turn.set(io::Done{}); });
        co_await turn.future();
    }
    if (us <= 1500) co_await one.node.env.clock.sleep_for(std::chrono::microseconds(us));
    const bool dropped = commits.size() > 0;
    commits.stop();
    one.handle.reset();
    // What is given up goes behind.
    co_await one.node.env.clock.sleep_for(std::chrono::milliseconds(30));
    co_return dropped;
}

TEST_CASE("a commit that is dropped is whole or has not been, also when the handle goes", "[file][overlap]") {
    ShuffledNode node(1);
    const auto id = node.run(node.engine->create_bucket("b", "")).value()->id;
    int committed = 0;  // of the dropped ones
    int lost = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        Overlapping one(node, seed);
        const auto before = pattern(100'000, seed);
        const auto after = pattern(100'000, seed + 1000);
        REQUIRE(node.run(write_all(node.engine->put_object(id, "k", std::nullopt), before)));
        one.handle = node.run(open_file(dynamic_cast<LocalEngine&>(*node.engine), id, "k")).value();
        REQUIRE(node.run(one.handle->write(0, base::Buffer::copy_of(after))));
        const bool dropped = node.run(drop_commit(one, id, one.dice.below(3000)));
        const auto reader = node.run(node.engine->open_object(id, "k"));
        REQUIRE(reader);
        const auto stored = node.run(read_some(**reader, 0, UINT64_MAX));
        REQUIRE(stored);
        REQUIRE((*stored == before || *stored == after));
        if (dropped) ++(*stored == after ? committed : lost);
    }
    CHECK(committed > 0);
    CHECK(lost > 0);
    CHECK(node.run(node.engine->verify())->empty());
    node.close();
}

TEST_CASE("calls on a file take effect in the order of calling, whatever is dropped", "[file][overlap]") {
    for (std::uint64_t first = 1; first <= 60; first += 20) {
        ShuffledNode node(first);
        const auto bucket = node.run(node.engine->create_bucket("b", ""));
        REQUIRE(bucket);
        for (std::uint64_t seed = first; seed < first + 20; ++seed) {
            INFO("seed " << seed);
            run_seed(node, seed, (*bucket)->id);
        }
        const auto damage = node.run(node.engine->verify());
        REQUIRE(damage);
        for (const auto& sentence : *damage) FAIL_CHECK("from seed " << first << ": " << sentence);
        node.close();
    }
}

}  // namespace
}  // namespace larder::engine
