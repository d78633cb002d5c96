// Objects: bodies of every size, properties, conditions, readers, attributes, changes.
#include "src/base/limits.h"
#include "tests/unit/engine/harness.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

using base::Code;
using base::Subject;
namespace limits = base::limits;

TEST_CASE("no object is made under what is no key", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(node.put(id, "k", "x"));
    CopySource source;
    source.bucket = id;
    source.key = "k";
    const auto longest = std::string(limits::kKeyBytesMax, 'k');
    for (const auto& key : {std::string(), longest + "k", std::string("a\0b", 3), std::string("\xff")}) {
        CHECK(node.put(id, key, "x").error().is(Code::invalid_argument, Subject::object));
        CHECK(node.run(node.engine->copy_object(source, id, key, {})).error().is(Code::invalid_argument));
        CHECK(node.run(rename_object(*node.engine, id, "k", key)).error().is(Code::invalid_argument));
    }
    CHECK(node.put(id, longest, "x"));
    CHECK(node.run(node.engine->list_objects(id, {}))->objects.size() == 2);
}

TEST_CASE("bodies of every size come back, also after a restart and after a sudden end", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const std::vector<std::size_t> sizes = {0,
                                            1,
                                            limits::kInlineBytesMax,
                                            limits::kInlineBytesMax + 1,
                                            limits::kBlockBytes - 1,
                                            limits::kBlockBytes,
                                            limits::kBlockBytes + 1,
                                            20 * limits::kBlockBytes + 5};
    for (const auto size : sizes) REQUIRE(node.put(id, std::to_string(size), pattern(size, size + 1)));
    for (int round = 0; round < 3; ++round) {
        for (const auto size : sizes) {
            const auto body = node.get(id, std::to_string(size));
            REQUIRE(body);
            CHECK((*body == pattern(size, size + 1)));
        }
        if (round == 0) node.restart();
        if (round == 1) {
            node.kill();
            node.open();
        }
    }
    CHECK(node.damage().empty());
    CHECK(node.status().objects == sizes.size());
}

Task<Result<ObjectInfo>> write_in_pieces(std::unique_ptr<ObjectWriter> writer, std::string body, std::size_t piece) {
    for (std::size_t at = 0; at < body.size(); at += piece) {
        CO_TRY_VOID(co_await writer->write(base::Buffer::copy_of(std::string_view(body).substr(at, piece))));
    }
    PutResultFacts facts;
    facts.etag = etag_of(body);
    co_return co_await writer->commit(std::move(facts));
}

TEST_CASE("a body may be written in pieces of any size", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const auto body = pattern(3 * limits::kBlockBytes + 77);
    for (const std::size_t piece : {40'000ul, 1'000'003ul, 5ul << 20}) {
        REQUIRE(node.run(write_in_pieces(node.engine->put_object(id, "k", std::nullopt), body, piece)));
        const auto got = node.get(id, "k");
        REQUIRE(got);
        CHECK((*got == body));
    }
}

Task<Result<std::vector<std::string>>> read_ranges(Engine& engine, BucketId id,
                                                   std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges) {
    std::vector<std::string> out;
    CO_TRY(const auto reader, co_await engine.open_object(id, "k"));
    for (const auto [offset, length] : ranges) {
        CO_TRY(auto bytes, co_await read_some(*reader, offset, length));
        out.push_back(std::move(bytes));
    }
    co_return out;
}

TEST_CASE("any range of an object is read", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    for (const std::size_t size : {900ul, 300'000ul, 2 * limits::kBlockBytes + 999}) {
        const auto body = pattern(size);
        REQUIRE(node.put(id, "k", body));
        const std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges = {
            {0, 1},        {size - 1, 1},          {size, 5},           {size + 7, 5},
            {1, size - 2}, {size / 2, UINT64_MAX}, {size / 3, size / 3}};
        const auto got = node.run(read_ranges(*node.engine, id, ranges));
        REQUIRE(got);
        for (std::size_t i = 0; i < ranges.size(); ++i) {
            const auto from = std::min<std::uint64_t>(ranges[i].first, size);
            CHECK(((*got)[i] == body.substr(from, ranges[i].second)));
        }
    }
}

TEST_CASE("what is said of an object is kept", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    ObjectProperties properties;
    properties.headers = {{"content-type", "text/plain"}, {"cache-control", "no-store"}};
    properties.metadata = {{"colour", "grün"}, {"empty", ""}};
    properties.tags = {{"a", "1"}, {"b", "2"}};
    properties.storage_class = "STANDARD_IA";
    const auto put = node.put(id, "k", "body", {}, properties);
    REQUIRE(put);
    node.restart();
    const auto head = node.head(id, "k");
    REQUIRE(head);
    CHECK(head->key == "k");
    CHECK(head->version == put->version);
    CHECK(head->modified == put->modified);
    CHECK(head->size == 4);
    CHECK(head->etag == etag_of("body"));
    CHECK(head->properties.headers == properties.headers);
    CHECK(head->properties.metadata == properties.metadata);
    CHECK(head->properties.tags == properties.tags);
    CHECK(head->properties.storage_class == "STANDARD_IA");
    CHECK(node.head(id, "other").error().is(Code::not_found, Subject::object));
    CHECK(node.get(id, "other").error().is(Code::not_found, Subject::object));
    CHECK(node.head(BucketId{}, "k").error().is(Code::not_found, Subject::bucket));
}

TEST_CASE("new tags make no new version and leave the body alone", "[engine]") {
    Node node;
    const auto tag = [](ObjectProperties& properties) -> Result<void> {
        properties.tags = {{"x", "y"}};
        return {};
    };
    const auto id = node.bucket("b");
    for (const auto& body : {std::string("small"), pattern(100'000)}) {
        const auto put = node.put(id, "k", body);
        REQUIRE(put);
        REQUIRE(node.run(node.engine->update_properties(id, "k", tag)));
        const auto head = node.head(id, "k");
        CHECK(head->version == put->version);
        CHECK(head->modified == put->modified);
        CHECK(head->properties.tags == NamedValues{{"x", "y"}});
        CHECK((node.get(id, "k") == body));
    }
    CHECK(node.run(node.engine->update_properties(id, "none", tag)).error().is(Code::not_found, Subject::object));
    CHECK(node.damage().empty());
}

TEST_CASE("conditional writes", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    Condition absent, present, etag;
    absent.if_absent = true;
    present.if_present = true;
    etag.if_etag = etag_of("one");
    for (const std::size_t size : {3ul, 40'000ul}) {
        const auto key = "k" + std::to_string(size);
        const auto next = pattern(size);
        CHECK(node.put(id, key, "x", present).error().is(Code::not_found, Subject::object));
        CHECK(node.put(id, key, "x", etag).error().is(Code::not_found, Subject::object));
        REQUIRE(node.put(id, key, "one", absent));
        CHECK(node.put(id, key, next, absent).error().is(Code::precondition_failed));
        CHECK(node.get(id, key) == "one");
        REQUIRE(node.put(id, key, next, etag));
        CHECK(node.put(id, key, "x", etag).error().is(Code::precondition_failed));
        REQUIRE(node.put(id, key, "three", present));
        REQUIRE(node.remove(id, key));
        REQUIRE(node.put(id, key, next, absent));
        CHECK((node.get(id, key) == next));
    }
}

TEST_CASE("conditional deletes", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const auto put = node.put(id, "k", "one");
    REQUIRE(put);
    Condition etag, size, second;
    etag.if_etag = "other";
    size.if_size = 4;
    second.if_modified_second = WallTime{put->modified.ms - 1000};
    for (const auto& wrong : {etag, size, second}) {
        CHECK(node.remove(id, "k", wrong).error().is(Code::precondition_failed));
        CHECK(node.remove(id, "none", wrong).error().is(Code::not_found, Subject::object));
    }
    Condition right;
    right.if_etag = etag_of("one");
    right.if_size = 3;
    right.if_modified_second = WallTime{put->modified.seconds() * 1000};
    const auto removed = node.remove(id, "k", right);
    REQUIRE(removed);
    CHECK(removed->existed);
    CHECK(removed->version == put->version);
    CHECK_FALSE(node.remove(id, "k")->existed);
}

TEST_CASE("many deletes at once answer in order", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    std::vector<DeleteRequest> requests;
    for (int i = 0; i < 100; ++i) {
        if (i % 2 == 0) REQUIRE(node.put(id, "k" + std::to_string(i), "x"));
        requests.push_back({"k" + std::to_string(i), {}});
    }
    requests.push_back({"k0", {}});
    const auto outcomes = node.run(node.engine->delete_objects(id, requests));
    REQUIRE(outcomes.size() == 101);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(outcomes[static_cast<std::size_t>(i)]);
        if (i > 0) CHECK(outcomes[static_cast<std::size_t>(i)]->existed == (i % 2 == 0));
    }
    CHECK(node.status().objects == 0);
}

Task<Result<std::string>> read_while_replaced(Engine& engine, io::Env& env, BucketId id, bool remove, bool& dropped) {
    CO_TRY(const auto reader, co_await engine.open_object(id, "k"));
    CO_TRY(auto body, co_await read_some(*reader, 0, limits::kBlockBytes));
    if (remove) {
        CO_TRY_VOID(co_await engine.delete_object(id, {"k", {}}));
    } else {
        CO_TRY_VOID(co_await write_all(engine.put_object(id, "k", std::nullopt), pattern(70'000, 9)));
    }
    // Time for a collector that does not mind readers.
    for (int i = 0; i < 100; ++i) co_await env.clock.sleep_for(std::chrono::milliseconds(2));
    CO_TRY(const auto rest, co_await read_some(*reader, limits::kBlockBytes, UINT64_MAX));
    dropped = true;
    co_return body + rest;
}

TEST_CASE("a reader sees its version to the end; then its blocks go", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const auto body = pattern(3 * limits::kBlockBytes + 1);
    for (const bool remove : {false, true}) {
        REQUIRE(node.put(id, "k", body));
        bool done = false;
        const auto got = node.run(read_while_replaced(*node.engine, node.world.env(), id, remove, done));
        REQUIRE(got);
        CHECK((*got == body));
        CHECK(node.comes_to_blocks(remove ? 0 : 1));
    }
}

TEST_CASE("a writer that is dropped leaves nothing", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    auto writer = node.engine->put_object(id, "k", std::nullopt);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(node.run(
            writer->write(base::Buffer::copy_of(pattern(limits::kBlockBytes, static_cast<std::size_t>(i) + 5)))));
    }
    SECTION("at once") {
        writer.reset();
    }
    SECTION("by a process that ends") {
        writer.reset();
        node.kill();
        node.open();
    }
    CHECK(node.comes_to_blocks(0));
    CHECK(node.head(id, "k").error().is(Code::not_found, Subject::object));
}

TEST_CASE("what is overwritten or deleted gives its blocks back; what shares them keeps them", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const auto body = pattern(2 * limits::kBlockBytes);
    REQUIRE(node.put(id, "a", body));
    REQUIRE(node.put(id, "b", body));
    CHECK(node.comes_to_blocks(2));
    REQUIRE(node.put(id, "a", "small"));
    REQUIRE(node.put(id, "c", pattern(30'000, 3)));
    REQUIRE(node.remove(id, "c"));
    CHECK(node.comes_to_blocks(2));
    CHECK((node.get(id, "b") == body));
    REQUIRE(node.remove(id, "b"));
    CHECK(node.comes_to_blocks(0));
    CHECK(node.damage().empty());
}

TEST_CASE("changes are watched: each write once, refused ones never", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const auto other = node.bucket("c");
    const auto soon = [&] { return node.env.clock.after(std::chrono::milliseconds(1)); };
    const auto start = node.run(node.engine->watch(id, "p/", "", soon()));
    REQUIRE(start);
    const auto one = node.put(id, "p/1", "x");
    REQUIRE(node.put(id, "q", "x"));
    REQUIRE(node.put(other, "p/1", "x"));
    Condition absent;
    absent.if_absent = true;
    REQUIRE_FALSE(node.put(id, "p/1", "y", absent));
    const auto two = node.put(id, "p/2", "y", absent);
    REQUIRE(node.remove(id, "p/1"));
    const auto page = node.run(node.engine->watch(id, "p/", start->next, soon()));
    REQUIRE(page);
    CHECK_FALSE(page->missed);
    REQUIRE(page->events.size() == 3);
    CHECK(page->events[0].key == "p/1");
    CHECK(page->events[0].version == one->version);
    CHECK(page->events[1].key == "p/2");
    CHECK(page->events[1].version == two->version);
    CHECK(page->events[2].key == "p/1");
    CHECK(page->events[2].removed);
    CHECK(node.run(node.engine->watch(id, "p/", page->next, soon()))->events.empty());
    node.restart();
    CHECK(node.run(node.engine->watch(id, "p/", page->next, soon()))->missed);
}

// Each start goes on above a time stored ahead of the tags of the last one: that must not add up.
TEST_CASE("many quick restarts leave the clock of versions near the wall's", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    const auto before = node.world.env().clock.wall_now();
    std::optional<Tag> last;
    for (int restart = 0; restart < 30; ++restart) {
        const auto written = node.put(id, "k", std::to_string(restart));
        REQUIRE(written);
        CHECK((!last || *last < written->version));
        last = written->version;
        CHECK(base::hybrid_ms(written->version.time) - before.ms < 40'000);
        CHECK(written->modified.ms - before.ms < 10'000);
        node.kill();
        node.open();
    }
    CHECK(node.get(id, "k") == "29");
}

}  // namespace
}  // namespace larder::engine
