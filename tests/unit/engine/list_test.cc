// Listings against the obvious way to make them.
#include "tests/unit/engine/harness.h"

#include <catch2/catch.hpp>

#include <random>
#include <set>

namespace larder::engine {
namespace {

struct Expected {
    std::vector<std::string> keys;
    std::vector<std::string> prefixes;
    bool truncated = false;
};

Expected list_plainly(const std::set<std::string>& keys, const ListQuery& query) {
    Expected out;
    std::set<std::string> entries, folded;
    for (const auto& key : keys) {
        if (!key.starts_with(query.prefix)) continue;
        std::string entry = key;
        const auto at = query.delimiter.empty() ? std::string::npos : key.find(query.delimiter, query.prefix.size());
        if (at != std::string::npos) {
            entry = key.substr(0, at + query.delimiter.size());
            folded.insert(entry);
        }
        // A prefix that the place to start after lies in, or is, is over.
        const bool over =
            entry <= query.start_after || (at != std::string::npos && query.start_after.starts_with(entry));
        if (!over) entries.insert(entry);
    }
    for (const auto& entry : entries) {
        if (out.keys.size() + out.prefixes.size() == static_cast<std::size_t>(query.limit)) {
            out.truncated = true;
            break;
        }
        (folded.contains(entry) ? out.prefixes : out.keys).push_back(entry);
    }
    return out;
}

std::string random_key(std::mt19937& random) {
    static const std::vector<std::string> pieces = {
        "a", "b", "/", "//", "ab", std::string("\xc3\xbc"), "~", "\xf4\x8f\xbf\xbf", "!", std::string("\x01")};
    std::string key;
    for (auto n = 1 + random() % 5; n > 0; --n) key += pieces[random() % pieces.size()];
    return key;
}

// The short form of a page says what the long one says.
void check_summaries(const Result<SummaryPage>& page, const ListPage& expected) {
    if (!page) FAIL(page.error().message);
    REQUIRE(page->objects.size() == expected.objects.size());
    for (std::size_t i = 0; i < expected.objects.size(); ++i) {
        const auto& got = page->objects[i];
        const auto& wanted = expected.objects[i];
        REQUIRE(got.key == wanted.key);
        CHECK(got.modified == wanted.modified);
        CHECK(got.size == wanted.size);
        CHECK(got.etag == wanted.etag);
        CHECK(got.storage_class == wanted.properties.storage_class);
    }
    REQUIRE(std::vector<std::string>(page->prefixes.begin(), page->prefixes.end()) == expected.prefixes);
    CHECK(page->truncated == expected.truncated);
    CHECK(page->next == expected.next);
}

TEST_CASE("listings agree with the obvious way, page by page", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    std::mt19937 random(20261123);
    std::set<std::string> keys;
    for (int i = 0; i < 300; ++i) {
        const auto key = random_key(random);
        if (random() % 4 == 0 && !keys.empty()) {
            REQUIRE(node.remove(id, *keys.begin()));
            keys.erase(keys.begin());
        } else {
            REQUIRE(node.put(id, key, "x"));
            keys.insert(key);
        }
    }
    for (int i = 0; i < 600; ++i) {
        ListQuery query;
        if (random() % 2) query.prefix = random_key(random).substr(0, random() % 3);
        if (random() % 3) query.delimiter = std::vector<std::string>{"/", "//", "b", "\xff"}[random() % 4];
        if (random() % 2) query.start_after = random_key(random);
        query.limit = static_cast<int>(1 + random() % 20);
        for (int pages = 0; pages < 400; ++pages) {
            const auto expected = list_plainly(keys, query);
            const auto page = node.run(node.engine->list_objects(id, query));
            if (!page) FAIL(page.error().message);
            std::vector<std::string> got;
            for (const auto& object : page->objects) got.push_back(object.key);
            INFO("prefix '" << query.prefix << "' delimiter '" << query.delimiter << "' after '" << query.start_after
                            << "' limit " << query.limit);
            REQUIRE(got == expected.keys);
            REQUIRE(page->prefixes == expected.prefixes);
            REQUIRE(page->truncated == expected.truncated);
            check_summaries(node.run(node.engine->list_summaries(id, query)), *page);
            if (!page->truncated) break;
            query.start_after = page->next;
        }
    }
}

TEST_CASE("a listing says what is asked of each object", "[engine]") {
    Node node;
    const auto id = node.bucket("b");
    ObjectProperties properties;
    properties.metadata = {{"a", std::string(2000, 'x')}};
    properties.storage_class = "STANDARD_IA";
    const auto put = node.put(id, std::string(1000, 'k'), std::string(5000, 'b'), {}, properties);
    ListQuery query;
    const auto brief = node.run(node.engine->list_objects(id, query));
    REQUIRE(brief->objects.size() == 1);
    CHECK(brief->objects[0].size == 5000);
    CHECK(brief->objects[0].etag == put->etag);
    CHECK(brief->objects[0].modified == put->modified);
    CHECK(brief->objects[0].properties.storage_class == "STANDARD_IA");
    check_summaries(node.run(node.engine->list_summaries(id, query)), *brief);
    query.with_properties = true;
    CHECK(node.run(node.engine->list_objects(id, query))->objects[0].properties.metadata == properties.metadata);
    CHECK(node.run(node.engine->list_objects(BucketId{}, query))
              .error()
              .is(base::Code::not_found, base::Subject::bucket));
    query.limit = 0;
    const auto none = node.run(node.engine->list_objects(id, query));
    CHECK(none->objects.empty());
    CHECK_FALSE(none->truncated);
}

}  // namespace
}  // namespace larder::engine
