// The runs of a file under change, against a list of bytes that says where each came from.
#include "replication/content_map.h"

#include "src/base/limits.h"
#include "tests/sim/world.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

constexpr std::uint64_t kBaseSize = 4000;

// What a byte is: nothing, a place in the base, a place in a block, or a byte in memory.
struct Byte {
    int kind = -1;
    std::uint64_t from = 0;
    bool operator==(const Byte&) const = default;
};

base::Buffer bytes_of(std::size_t size, sim::Dice& dice, std::vector<Byte>& expected) {
    auto out = base::Buffer::allocate(size);
    expected.clear();
    for (auto& byte : out.writable()) {
        byte = static_cast<std::byte>(dice.below(256));
        expected.push_back({2, static_cast<std::uint64_t>(byte)});
    }
    return out;
}

std::vector<Byte> flatten(const ContentMap& map, std::uint64_t offset, std::uint64_t length) {
    std::vector<Byte> out(std::min(length, map.size() - std::min(offset, map.size())));
    std::uint64_t last = offset;
    for (const auto& run : map.find(offset, length)) {
        REQUIRE(run.offset >= last);
        REQUIRE(run.length > 0);
        last = run.end();
        for (std::uint64_t i = 0; i < run.length; ++i) {
            auto& byte = out.at(run.offset - offset + i);
            byte.kind = static_cast<int>(run.kind);
            byte.from = run.from + i;
            if (run.kind == Run::Kind::stored) byte.from += run.block << 32;
            if (run.kind != Run::Kind::memory) continue;
            REQUIRE(run.from + i < run.memory->used);
            byte.from = static_cast<std::uint64_t>(run.memory->data.bytes()[run.from + i]);
        }
    }
    return out;
}

struct Model {
    explicit Model(std::uint64_t seed) : dice(seed) {
        for (std::uint64_t i = 0; i < kBaseSize; ++i) bytes.push_back({0, i});
    }

    void write() {
        const auto offset = dice.below(3) == 0 ? bytes.size() : dice.below(bytes.size() + 100);
        const auto data = bytes_of(1 + dice.below(300), dice, fresh);
        map.write(offset, data);
        place(offset);
    }
    void store() {
        const auto offset = dice.below(bytes.size() + 100);
        Run run;
        run.kind = Run::Kind::stored;
        run.offset = offset;
        run.length = 1 + dice.below(300);
        run.block = ++block;
        run.from = dice.below(50);
        fresh.clear();
        for (std::uint64_t i = 0; i < run.length; ++i) fresh.push_back({1, (run.block << 32) + run.from + i});
        map.put(run);
        place(offset);
    }
    void erase() {
        const auto offset = dice.below(bytes.size() + 100);
        const auto length = dice.below(500);
        map.erase(offset, length);
        for (auto i = offset; i < std::min<std::uint64_t>(offset + length, bytes.size()); ++i) bytes[i] = {};
    }
    void resize() {
        const auto size = dice.below(2 * kBaseSize);
        map.resize(size);
        bytes.resize(size);
    }
    void place(std::uint64_t offset) {
        if (bytes.size() < offset + fresh.size()) bytes.resize(offset + fresh.size());
        std::copy(fresh.begin(), fresh.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    void check_memory() const {
        std::uint64_t bytes_there = 0;
        std::size_t runs_there = 0;
        for (const auto& run : map.find(0, map.size())) {
            if (run.kind != Run::Kind::memory) continue;
            bytes_there += run.length;
            ++runs_there;
        }
        REQUIRE(map.memory_bytes() == bytes_there);
        REQUIRE(map.memory_runs() == runs_there);
    }

    sim::Dice dice;
    ContentMap map = ContentMap::of_base(kBaseSize);
    std::vector<Byte> bytes;
    std::vector<Byte> fresh;
    std::size_t block = 0;
};

TEST_CASE("the runs of a file say of each byte where it is", "[content_map]") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        Model model(seed);
        for (int step = 0; step < 200; ++step) {
            const auto what = model.dice.below(10);
            if (what < 5) model.write();
            if (what == 5 || what == 6) model.store();
            if (what == 7 || what == 8) model.erase();
            if (what == 9) model.resize();
            REQUIRE(model.map.size() == model.bytes.size());
            REQUIRE((flatten(model.map, 0, UINT64_MAX) == model.bytes));
            model.check_memory();
            const auto offset = model.dice.below(model.bytes.size() + 1);
            const auto length = std::min<std::uint64_t>(model.dice.below(700), model.bytes.size() - offset);
            const auto begin = model.bytes.begin() + static_cast<std::ptrdiff_t>(offset);
            const std::vector<Byte> part(begin, begin + static_cast<std::ptrdiff_t>(length));
            REQUIRE((flatten(model.map, offset, length) == part));
        }
    }
}

TEST_CASE("what was there when a round ended is the base afterwards; what came later stays", "[content_map]") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        Model model(seed);
        for (int step = 0; step < 30; ++step) model.write();
        model.erase();
        const auto round = model.map.end_round();
        const auto then = model.bytes;
        // A byte that was not touched since is the base's at its own place.
        std::vector<bool> touched(3 * kBaseSize, false);
        for (int step = 0; step < 20; ++step) {
            const auto offset = model.dice.below(model.bytes.size() + 50);
            const auto data = bytes_of(1 + model.dice.below(100), model.dice, model.fresh);
            model.map.write(offset, data);
            model.place(offset);
            std::fill_n(touched.begin() + static_cast<std::ptrdiff_t>(offset), data.size(), true);
        }
        model.map.rebase(round, nullptr);
        auto expected = model.bytes;
        for (std::size_t i = 0; i < then.size(); ++i) {
            if (!touched[i] && then[i].kind >= 0) expected[i] = {0, i};
        }
        REQUIRE((flatten(model.map, 0, UINT64_MAX) == expected));
        model.check_memory();
    }
}

TEST_CASE("a stream of small writes is little memory", "[content_map]") {
    ContentMap map;
    std::uint64_t at = 0;
    for (; at < base::limits::kBlockBytes; at += 100) map.write(at, base::Buffer::copy_of(std::string(100, 'x')));
    CHECK(map.memory_runs() < 12);
    CHECK(map.memory_bytes() == at);
    CHECK(map.memory_around(5000) == std::pair<std::uint64_t, std::uint64_t>(0, at));
    map.erase(1000, 1);
    CHECK(map.memory_around(5000) == std::pair<std::uint64_t, std::uint64_t>(1001, at));
    CHECK(map.memory_around(1000) == std::pair<std::uint64_t, std::uint64_t>(1000, 1000));
}

}  // namespace
}  // namespace larder::engine
