// What peers and background workers ask of a node's store.
#include "src/base/hash.h"
#include "tests/unit/block/harness.h"

#include <catch2/catch.hpp>

namespace larder::block {
namespace {

using base::Code;
using base::Hash256;

Packed packed(const std::string& bytes, std::uint64_t by) {
    return *pack(base::Buffer::copy_of(bytes), owner(by), std::nullopt, false, 1);
}

void damage(Node& node, const std::string& bytes) {
    const auto at = node.disk.contents(node.segments()[0]).find(bytes.substr(bytes.size() / 2, 64));
    REQUIRE(at != std::string::npos);
    node.disk.flip_bit(node.segments()[0], at * 8);
}

// All references, page by page; ends the test when a page does not go on.
std::vector<Reference> all_references(Node& node, std::size_t limit, NameFilter filter) {
    std::vector<Reference> out;
    for (std::string after;;) {
        const auto page = node.run(node.store->references(after, limit, filter));
        REQUIRE(page);
        out.insert(out.end(), page->references.begin(), page->references.end());
        if (!page->until) return out;
        REQUIRE(*page->until > after);
        after = *page->until;
    }
}

TEST_CASE("a packed block is stored as it is, and read back in its stored form", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    for (const auto& bytes : {pattern(300'000), text(300'000), std::string()}) {
        const auto name = base::sha256(bytes);
        REQUIRE(node.run(node.store->put_packed(packed(bytes, 1))));
        CHECK(node.get(bytes) == bytes);
        CHECK((node.store->contains(name) == true));
        CHECK((node.store->refers(name, owner(1)) == true));
        CHECK((node.store->refers(name, owner(2)) == false));
        const auto whole = node.run(node.store->read_whole(name));
        REQUIRE(whole);
        CHECK(verify(*whole));
        const auto part = node.run(node.store->read_excerpt(name, bytes.size() / 3, bytes.size() / 2));
        REQUIRE(part);
        const auto plain = unpack(part->header, part->stored, part->first_chunk, bytes.size() / 3, bytes.size() / 2);
        REQUIRE(plain);
        CHECK(plain->chars() == bytes.substr(bytes.size() / 3, bytes.size() / 2));
    }
    CHECK((node.store->contains(base::sha256("other")) == false));
    CHECK(node.run(node.store->read_whole(base::sha256("other"))).error().is(Code::not_found));
}

TEST_CASE("what does not have its digest is found out", "[block]") {
    auto one = packed(pattern(100'000), 1);
    CHECK(verify(one));
    auto other = one;
    other.header.name.bytes[3] ^= 1;
    CHECK(verify(other).error().is(Code::corrupted));
    other = one;
    auto bytes = base::Buffer::copy_of(one.payload.chars());
    bytes.writable()[70'000] ^= std::byte{1};
    other.payload = bytes;
    CHECK(verify(other).error().is(Code::corrupted));
    other.header.chunk_sums = sums_of(other.payload.chars());
    CHECK(verify(other).error().is(Code::corrupted));
    other.payload = one.payload.slice(0, 99'999);
    CHECK(verify(other).error().is(Code::corrupted));
}

TEST_CASE("a damaged copy is neither relied on nor kept once a good one comes", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    const auto bytes = pattern(200'000);
    const auto name = base::sha256(bytes);
    REQUIRE(node.put(bytes, 1));
    REQUIRE(node.put(bytes, 2));
    CHECK((node.run(node.store->refer_checked(name, owner(3))) == true));
    damage(node, bytes);
    CHECK((node.run(node.store->refer_checked(name, owner(4))) == false));
    CHECK(node.run(node.store->read_whole(name)).error().is(Code::corrupted));
    CHECK((node.run(node.store->mend(packed(pattern(10), 9))) == false));
    REQUIRE((node.run(node.store->mend(packed(bytes, 9))) == true));
    CHECK(node.get(bytes) == bytes);
    node.reclaim();
    node.reopen();
    CHECK(node.get(bytes) == bytes);
    CHECK((node.store->refers(name, owner(9)) == false));
    for (const std::uint64_t by : {1, 2, 3}) REQUIRE(node.drop(by));
    CHECK(node.blocks() == 0);
}

TEST_CASE("references come in order, page by page, and go one by one", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    std::vector<Reference> expected;
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        for (std::uint64_t by = 1; by <= 1 + seed % 3; ++by) {
            const auto name = node.put(pattern(500 + seed, seed), by);
            REQUIRE(name);
            expected.push_back({owner(by), *name, static_cast<std::uint32_t>(500 + seed)});
        }
    }
    std::sort(expected.begin(), expected.end());
    const auto any = [](const Hash256&) { return true; };
    for (const std::size_t limit : {1, 2, 7, 1000}) {
        const auto found = all_references(node, limit, any);
        CHECK((found == expected));
        for (const auto& reference : found) CHECK(reference.plain_bytes >= 500);
    }
    const auto some = [](const Hash256& name) { return name.bytes[0] < 128; };
    auto half = expected;
    std::erase_if(half, [&](const Reference& r) { return !some(r.name); });
    CHECK((all_references(node, 5, some) == half));
    REQUIRE(node.run(node.store->release(half)));
    REQUIRE(node.run(node.store->release(half)));
    std::erase_if(expected, [&](const Reference& r) { return some(r.name); });
    CHECK((all_references(node, 5, any) == expected));
    std::set<Hash256> names;
    for (std::string after;;) {
        const auto page = node.run(node.store->names(after, 4));
        REQUIRE(page);
        for (const auto& [name, bytes] : page->blocks) names.insert(name);
        if (page->next.empty()) break;
        after = page->next;
    }
    CHECK(names.size() == node.blocks());
    for (const auto& reference : expected) CHECK(names.contains(reference.name));
}

TEST_CASE("a worker finds its place again after a restart", "[block]") {
    test::World world;
    Node node(world);
    node.open();
    CHECK(node.store->recall("scrub") == "");
    REQUIRE(node.run(node.store->remember("scrub", "here")));
    node.reopen();
    CHECK(node.store->recall("scrub") == "here");
}

}  // namespace
}  // namespace larder::block
