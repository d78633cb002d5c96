// Ranges beside the plainest way to compute them: all rows in a map, filtered and folded one by one.
#include "tests/unit/table/harness.h"

#include <catch2/catch.hpp>

#include <map>

namespace larder::table {
namespace {

using base::Tag;

struct Entry {
    std::string key;
    bool is_prefix = false;
    std::string row;
    bool operator==(const Entry&) const = default;
};
using Live = std::map<std::string, std::string>;

std::vector<Entry> expected(const Live& live, const RangeQuery& query) {
    std::vector<Entry> out;
    for (const auto& [key, row] : live) {
        if (!key.starts_with(query.prefix) || key < query.start_at) continue;
        if (!query.start_after.empty() && key <= query.start_after) continue;
        if (!query.end_before.empty() && key >= query.end_before) continue;
        const auto at = query.delimiter.empty() ? std::string::npos : key.find(query.delimiter, query.prefix.size());
        if (at == std::string::npos) {
            out.push_back({key, false, row.substr(0, query.row_bytes)});
            continue;
        }
        const auto folded = key.substr(0, at + query.delimiter.size());
        if (out.empty() || out.back().key != folded) out.push_back({folded, true, ""});
    }
    return out;
}

std::vector<Entry> entries_of(const RangePage& page) {
    std::vector<Entry> out;
    for (const auto& entry : page.entries) {
        out.push_back({std::string(entry.sort_key), entry.is_prefix, std::string(entry.row)});
    }
    return out;
}

std::string show(const std::vector<Entry>& entries) {
    std::string out;
    for (const auto& entry : entries) out += (entry.is_prefix ? " [" : " ") + entry.key + (entry.is_prefix ? "]" : "");
    return out;
}

std::string draw_key(sim::Dice& dice, std::size_t most) {
    std::string out(dice.below(most + 1), '\0');
    for (auto& c : out) c = std::string_view("ab//\xff\0", 6)[dice.below(6)];
    return out;
}

// A border of a range: any key, or one that is there, so that borders fall inside of what is folded.
std::string draw_border(const Live& live, sim::Dice& dice) {
    if (live.empty() || dice.chance(0.4)) return draw_key(dice, 4);
    return std::next(live.begin(), static_cast<std::ptrdiff_t>(dice.below(live.size())))->first;
}

RangeQuery draw_query(const Live& live, sim::Dice& dice) {
    RangeQuery query;
    query.partition_key = "p";
    if (dice.chance(0.4)) query.prefix = draw_key(dice, 2);
    if (dice.chance(0.3)) query.start_after = draw_border(live, dice);
    if (dice.chance(0.3)) query.start_at = draw_border(live, dice);
    if (dice.chance(0.3)) query.end_before = draw_border(live, dice);
    static const char* const kDelimiters[] = {"", "/", "/", "//", "\xff", "\xff/", "b"};
    query.delimiter = kDelimiters[dice.below(7)];
    query.limit = dice.below(8);
    if (dice.chance(0.3)) query.limit = 1000;
    if (dice.chance(0.3)) query.row_bytes = dice.below(6);
    return query;
}

// Rows of random keys, live and deleted, with neighbours in other partition keys and tables. With several nodes the
// newest state of a row is at a majority only, as a rule; the last holds an older one or nothing.
Live plant_rows(Cluster& cluster, std::size_t nodes, sim::Dice& dice) {
    Live live;
    const auto count = dice.below(40);
    for (std::uint64_t i = 0; i < count; ++i) {
        const RowKey key{"p", draw_key(dice, 5)};
        if (live.contains(key.sort_key) || cluster.held(1, key) || cluster.held(nodes, key)) continue;
        const bool exists = dice.chance(0.6);
        const std::string value = "row of " + std::to_string(i);
        if (exists) live[key.sort_key] = value;
        const auto newest = exists ? written(tag(100 + i), value) : deleted(tag(100 + i));
        const auto behind = nodes > 1 && dice.chance(0.8) ? dice.below(nodes) + 1 : 0;
        for (sim::Place node = 1; node <= nodes; ++node) {
            if (node != behind) {
                cluster.plant(node, key, newest);
            } else if (dice.chance(0.5)) {
                cluster.plant(node, key, dice.chance(0.8) ? written(tag(1 + i), "older") : deleted(tag(1 + i)));
            }
        }
    }
    for (sim::Place node = 1; node <= nodes; ++node) {
        for (const char* other : {"", "o", "pa", "q"}) cluster.plant(node, {other, "a"}, written(tag(1), "not of p"));
        cluster.rows(node).rows[row_place(kTable + 1, "p", "a")].row = written(tag(1), "of another table");
    }
    return live;
}

void compare(std::size_t nodes, std::uint64_t seed) {
    Cluster cluster(nodes, seed);
    sim::Dice dice(seed);
    const auto live = plant_rows(cluster, nodes, dice);
    // Looking settles what it sees, so that later queries would find more and more agreement.
    for (int i = 0; i < (nodes == 1 ? 8 : 2); ++i) {
        const auto query = draw_query(live, dice);
        const auto page = cluster.run(cluster.at(static_cast<sim::Place>(1 + dice.below(nodes))).range(query));
        REQUIRE(page);
        auto whole = expected(live, query);
        INFO("seed " << seed << " query " << i << ": prefix '" << query.prefix << "' after '" << query.start_after
                     << "' at '" << query.start_at << "' before '" << query.end_before << "' delimiter '"
                     << query.delimiter << "' limit " << query.limit);
        INFO("expected" << show(whole) << "; got" << show(entries_of(*page)));
        const bool truncated = query.limit > 0 && whole.size() > query.limit;
        REQUIRE(page->truncated == truncated);
        if (truncated) REQUIRE(page->resume == whole[query.limit].key);
        if (whole.size() > query.limit) whole.resize(query.limit);
        REQUIRE(entries_of(*page) == whole);
    }
}

TEST_CASE("ranges of one replica are what a map of its rows gives", "[range]") {
    for (std::uint64_t seed = 1; seed <= 500; ++seed) compare(1, seed);
}

TEST_CASE("ranges of three replicas that disagree show what a majority holds", "[range]") {
    for (std::uint64_t seed = 1; seed <= 2000; ++seed) compare(3, seed);
}

TEST_CASE("pages end to end are the whole", "[range]") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        Cluster cluster(1, seed);
        sim::Dice dice(seed);
        const auto live = plant_rows(cluster, 1, dice);
        auto query = draw_query(live, dice);
        query.limit = 1 + dice.below(3);
        const auto whole = expected(live, query);
        std::vector<Entry> joined;
        for (bool more = true; more;) {
            const auto page = cluster.run(cluster.at(1).range(query));
            REQUIRE(page);
            for (auto& entry : entries_of(*page)) joined.push_back(std::move(entry));
            more = page->truncated;
            query.start_at = page->resume;
            REQUIRE(joined.size() <= whole.size());
        }
        INFO("seed " << seed << ": expected" << show(whole) << "; got" << show(joined));
        REQUIRE(joined == whole);
    }
}

TEST_CASE("a range without a bound gives all", "[range]") {
    Cluster cluster(1);
    cluster.plant(1, {"p", "a"}, written(tag(1), "x"));
    RangeQuery query;
    query.partition_key = "p";
    query.limit = SIZE_MAX;
    const auto page = cluster.run(cluster.at(1).range(query));
    REQUIRE(page);
    CHECK(page->entries.size() == 1);
    CHECK_FALSE(page->truncated);
}

TEST_CASE("bodies come with a range when asked for", "[range]") {
    Cluster cluster(1);
    cluster.plant(1, {"p", "a"}, written(tag(1), "x"), "its body");
    cluster.plant(1, {"p", "b"}, written(tag(2), "y"));
    RangeQuery query;
    query.partition_key = "p";
    CHECK(cluster.run(cluster.at(1).range(query))->entries.at(0).body.empty());
    query.with_bodies = true;
    const auto page = cluster.run(cluster.at(1).range(query));
    REQUIRE(page);
    CHECK(page->entries.at(0).body == "its body");
    CHECK(page->entries.at(0).version == tag(1));
    CHECK(page->entries.at(1).body.empty());
}

// One message looks at 20 000 rows at most; what it has not reached must not be missing.
TEST_CASE("rows behind many deleted ones are found", "[range]") {
    Cluster cluster(1);
    for (int i = 0; i < 20'500; ++i) cluster.plant(1, {"p", "a/" + std::to_string(100'000 + i)}, deleted(tag(1)));
    cluster.plant(1, {"p", "a/z"}, written(tag(2), "x"));
    cluster.plant(1, {"p", "b"}, written(tag(3), "y"));
    RangeQuery query;
    query.partition_key = "p";
    query.limit = 2;
    const auto plain = cluster.run(cluster.at(1).range(query));
    REQUIRE(plain);
    CHECK(entries_of(*plain) == std::vector<Entry>{{"a/z", false, "x"}, {"b", false, "y"}});
    CHECK_FALSE(plain->truncated);
    query.delimiter = "/";
    const auto folded = cluster.run(cluster.at(1).range(query));
    REQUIRE(folded);
    CHECK(entries_of(*folded) == std::vector<Entry>{{"a/", true, ""}, {"b", false, "y"}});
}

// Two replicas stop inside the prefix, among deleted rows that the third does not have; it says at once that the prefix
// lives.
TEST_CASE("a prefix that replicas reach in different messages is shown once", "[range]") {
    Cluster cluster(3);
    for (sim::Place node = 1; node <= 3; ++node) {
        for (int i = 0; node < 3 && i < 20'500; ++i) {
            cluster.plant(node, {"p", "a/" + std::to_string(100'000 + i)}, deleted(tag(1)));
        }
        cluster.plant(node, {"p", "a/z"}, written(tag(2), "x"));
        cluster.plant(node, {"p", "b"}, written(tag(3), "y"));
    }
    cluster.cut(1, 2);  // the third is among those heard
    RangeQuery query;
    query.partition_key = "p";
    query.delimiter = "/";
    const auto page = cluster.run(cluster.at(1).range(query));
    REQUIRE(page);
    INFO(show(entries_of(*page)));
    CHECK(entries_of(*page) == std::vector<Entry>{{"a/", true, ""}, {"b", false, "y"}});
    CHECK_FALSE(page->truncated);
}

// The first replica has not heard of a deletion; what else lives below the prefix lies outside the range.
TEST_CASE("a prefix that lives outside the range alone is not shown", "[range]") {
    for (const bool after : {true, false}) {
        Cluster cluster(3);
        const RowKey inside{"p", "a/5"};
        for (sim::Place node = 1; node <= 3; ++node) {
            cluster.plant(node, {"p", after ? "a/9" : "a/1"}, written(tag(1), "outside"));
            cluster.plant(node, inside, node == 1 ? written(tag(2), "stale") : deleted(tag(3)));
        }
        RangeQuery query;
        query.partition_key = "p";
        query.delimiter = "/";
        (after ? query.end_before : query.start_after) = after ? "a/7" : "a/3";
        cluster.cut(1, 3);
        const auto page = cluster.run(cluster.at(1).range(query));
        REQUIRE(page);
        INFO(show(entries_of(*page)));
        CHECK(page->entries.empty());
    }
}

TEST_CASE("a range that shows a row leaves it at a majority", "[range]") {
    const RowKey key{"p", "a"};
    Cluster cluster(3);
    cluster.plant(2, key, written(tag(5), "new"));
    cluster.cut(1, 3);  // heard: the first, without the row, and the second
    RangeQuery query;
    query.partition_key = "p";
    const auto page = cluster.run(cluster.at(1).range(query));
    REQUIRE(page);
    CHECK(entries_of(*page) == std::vector<Entry>{{"a", false, "new"}});
    REQUIRE(cluster.held(1, key));
    CHECK(cluster.held(1, key)->row == "new");
}

TEST_CASE("a range that too few replicas answer fails", "[range]") {
    Cluster cluster(3);
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    RangeQuery query;
    query.partition_key = "p";
    const auto page = cluster.run(cluster.at(1).range(query));
    REQUIRE_FALSE(page);
    CHECK(page.error().code == base::Code::quorum_not_reached);
}

}  // namespace
}  // namespace larder::table
