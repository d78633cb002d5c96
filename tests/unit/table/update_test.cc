// Conditional writes: what they decide on, what they report, and what becomes of them when answers are lost.
#include "tests/unit/table/harness.h"

#include <catch2/catch.hpp>

namespace larder::table {
namespace {

using base::Code;
using base::Tag;

const RowKey kKey{"p", "k"};
constexpr auto kSoon = std::chrono::milliseconds(60);  // after the timeout of one round

Decide refuse(Code code) {
    return [code](const Row&, Tag) -> base::Result<Decision> { return base::fail(code, "no"); };
}
// Adds one to the number that is there.
base::Result<Decision> plus_one(const Row& row, Tag) {
    const int before = row.exists() ? std::stoi(row.value->row) : 0;
    return Decision{Value{std::to_string(before + 1), ""}};
}

std::vector<RowKey> pair(const char* one, const char* two) {
    return {{"p", one}, {"p", two}};
}

void plant_everywhere(Cluster& cluster, const StoredRow& row) {
    for (sim::Place node = 1; node <= 3; ++node) cluster.plant(node, kKey, row);
}

// The answers of the others do not reach the first node.
void lose_answers(Cluster& cluster) {
    cluster.cut(2, 1);
    cluster.cut(3, 1);
}

TEST_CASE("a conditional write sees the row and the version it will have", "[update]") {
    for (const std::size_t nodes : {1u, 3u}) {
        Cluster cluster(nodes);
        for (sim::Place node = 1; node <= nodes; ++node) cluster.plant(node, kKey, written(tag(5), "old"), "body");
        Row seen;
        Tag promised;
        const auto done =
            cluster.run(cluster.at(1).update(kKey, [&](const Row& row, Tag version) -> base::Result<Decision> {
                seen = row;
                promised = version;
                return Decision{Value{"new", ""}};
            }));
        REQUIRE(done);
        CHECK(seen.version == tag(5));
        CHECK(seen.value->row == "old");
        CHECK(seen.value->body == "body");
        CHECK(done->version == promised);
        CHECK(done->value->row == "new");
        const auto row = cluster.run(cluster.at(1).read(kKey, true));
        CHECK(row->version == promised);
        CHECK(row->value->row == "new");
        cluster.settle_down();
        CHECK(cluster.held(1, kKey)->fenced);
    }
}

TEST_CASE("a conditional write may delete", "[update]") {
    Cluster cluster(3);
    plant_everywhere(cluster, written(tag(5), "old"));
    const auto done = cluster.run(
        cluster.at(1).update(kKey, [](const Row&, Tag) -> base::Result<Decision> { return Decision{std::nullopt}; }));
    REQUIRE(done);
    CHECK_FALSE(done->exists());
    CHECK_FALSE(cluster.run(cluster.at(2).read(kKey, true))->exists());
}

TEST_CASE("a refusal is the caller's own error and leaves the value", "[update]") {
    for (const std::size_t nodes : {1u, 3u}) {
        Cluster cluster(nodes);
        for (sim::Place node = 1; node <= nodes; ++node) cluster.plant(node, kKey, written(tag(5), "old"));
        const auto refused = cluster.run(cluster.at(1).update(kKey, refuse(Code::precondition_failed)));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Code::precondition_failed);
        cluster.settle_down();
        for (sim::Place node = 1; node <= nodes; ++node) CHECK(cluster.held(node, kKey)->acc == tag(5));
    }
}

TEST_CASE("a refusal is reported only once all others will see what it judged", "[update]") {
    Cluster cluster(3);
    cluster.plant(1, kKey, written(tag(4), "older"));
    cluster.plant(2, kKey, written(tag(5), "newest"), "body");
    cluster.cut(1, 3);
    std::string judged;
    const auto refused = cluster.run(cluster.at(1).update(kKey, [&](const Row& row, Tag) -> base::Result<Decision> {
        judged = row.value->row;
        return base::fail(Code::precondition_failed, "no");
    }));
    CHECK(refused.error().code == Code::precondition_failed);
    CHECK(judged == "newest");
    CHECK(cluster.held(1, kKey)->version == tag(5));
    CHECK(cluster.held(1, kKey)->acc == cluster.held(2, kKey)->acc);
    CHECK(cluster.rows(1).bodies.at(body_place(kTable, tag(5), body_mark_of(kTable, kKey))) == "body");
}

TEST_CASE("two rows that change together keep a body each", "[update]") {
    Cluster cluster(3);
    const auto both = cluster.run(
        cluster.at(1).update_rows(pair("one", "two"), [](const std::vector<Row>&, Tag) -> base::Result<Decided> {
            return Decided{Value{"row one", "body one"}, Value{"row two", "body two"}};
        }));
    REQUIRE(both);
    CHECK(cluster.run(cluster.at(2).read({kKey.partition_key, "one"}, true))->value->body == "body one");
    CHECK(cluster.run(cluster.at(2).read({kKey.partition_key, "two"}, true))->value->body == "body two");
    REQUIRE(cluster.run(cluster.at(1).write({kKey.partition_key, "one"}, std::nullopt)));
    CHECK(cluster.run(cluster.at(3).read({kKey.partition_key, "two"}, true))->value->body == "body two");
}

TEST_CASE("a conditional write whose answers were lost is found done, and done once", "[update]") {
    Cluster cluster(3);
    plant_everywhere(cluster, written(tag(5), "41"));
    int decisions = 0;
    const auto done = cluster.run(cluster.at(1).update(kKey, [&](const Row& row, Tag version) {
        if (++decisions == 1) {
            lose_answers(cluster);
            cluster.later(kSoon, [&] { cluster.join(); });
        }
        return plus_one(row, version);
    }));
    REQUIRE(done);
    CHECK(done->value->row == "42");
    CHECK(decisions == 1);
    const auto row = cluster.run(cluster.at(2).read(kKey, true));
    CHECK(row->value->row == "42");
    CHECK(row->version == done->version);
}

TEST_CASE("a conditional write that reached nobody else is tried again on the same base", "[update]") {
    Cluster cluster(3);
    plant_everywhere(cluster, written(tag(5), "41"));
    int decisions = 0;
    const auto done = cluster.run(cluster.at(1).update(kKey, [&](const Row& row, Tag version) {
        if (++decisions == 1) {
            for (const sim::Place other : {1u, 2u, 3u}) cluster.cut(1, other);
            cluster.later(kSoon, [&] { cluster.join(); });
        }
        return plus_one(row, version);
    }));
    REQUIRE(done);
    CHECK(cluster.run(cluster.at(2).read(kKey, true))->value->row == "42");
}

// What a later conditional write of another node would leave.
StoredRow next_after(const StoredRow& held, std::string row) {
    auto next = written({held.acc.time + 1, 9, 1}, std::move(row));
    next.fence = next.acc;
    next.fenced = true;
    return next;
}

// The first attempt took effect, unseen by its writer; then somebody built on it. A second application would count
// twice.
TEST_CASE("a conditional write of unknown fate is not applied to a row that went on", "[update]") {
    Cluster cluster(3);
    plant_everywhere(cluster, written(tag(5), "41"));
    int decisions = 0;
    const auto done = cluster.run(cluster.at(1).update(kKey, [&](const Row& row, Tag version) {
        if (++decisions == 1) {
            lose_answers(cluster);
            cluster.later(std::chrono::milliseconds(30), [&] {
                const auto next = next_after(*cluster.held(2, kKey), "43");
                for (const sim::Place node : {2u, 3u}) cluster.plant(node, kKey, next);
            });
            cluster.later(kSoon, [&] { cluster.join(); });
        }
        return plus_one(row, version);
    }));
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Code::unknown_outcome);
    CHECK(decisions == 1);
    CHECK(cluster.run(cluster.at(2).read(kKey, true))->value->row == "43");
}

// Absent, made unseen by the maker, deleted, and dropped: absent again. Only the low bound tells.
TEST_CASE("a conditional write of unknown fate is not applied to a row that came back to its base", "[update]") {
    Cluster cluster(3);
    int decisions = 0;
    const auto done = cluster.run(cluster.at(1).update(kKey, [&](const Row& row, Tag version) {
        if (++decisions == 1) {
            lose_answers(cluster);
            cluster.later(std::chrono::milliseconds(30), [&] {
                const auto bound = next_after(*cluster.held(2, kKey), "").acc;
                for (sim::Place node = 1; node <= 3; ++node) {
                    cluster.rows(node).rows.clear();
                    cluster.rows(node).lows[cluster.placement.partition_of("p")] = bound;
                }
            });
            cluster.later(kSoon, [&] { cluster.join(); });
        }
        return plus_one(row, version);
    }));
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Code::unknown_outcome);
    CHECK(decisions == 1);
    CHECK_FALSE(cluster.run(cluster.at(2).read(kKey, true))->exists());
}

// What another's plain write leaves that comes between decision and ACCEPT.
StoredRow written_between(Tag version) {
    return written({version.time + 1, 9, 1}, "50");
}

TEST_CASE("a conditional write that every replica refused is decided anew", "[update]") {
    for (const std::size_t nodes : {1u, 3u}) {
        Cluster cluster(nodes);
        for (sim::Place node = 1; node <= nodes; ++node) cluster.plant(node, kKey, written(tag(5), "41"));
        std::vector<Tag> versions;
        const auto done = cluster.run(cluster.at(1).update(kKey, [&](const Row& row, Tag version) {
            versions.push_back(version);
            for (sim::Place node = 1; versions.size() == 1 && node <= nodes; ++node) {
                cluster.plant(node, kKey, written_between(version));
            }
            return plus_one(row, version);
        }));
        REQUIRE(done);
        CHECK(done->value->row == "51");
        REQUIRE(versions.size() == 2);
        CHECK(done->version == versions[1]);
        CHECK(versions[1] > written_between(versions[0]).version);  // newer than what it was decided on
        CHECK(cluster.run(cluster.at(1).read(kKey, true))->value->row == "51");
    }
}

TEST_CASE("a conditional write that some refused and one did not answer may have happened", "[update]") {
    Cluster cluster(3);
    plant_everywhere(cluster, written(tag(5), "41"));
    int decisions = 0;
    const auto done = cluster.run(cluster.at(1).update(kKey, [&](const Row& row, Tag version) {
        if (++decisions == 1) {
            for (const sim::Place node : {1u, 2u}) cluster.plant(node, kKey, written_between(version));
            cluster.cut(3, 1);
        }
        return plus_one(row, version);
    }));
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Code::unknown_outcome);
    CHECK(decisions == 1);
}

TEST_CASE("without a majority a conditional write fails and says why", "[update]") {
    Cluster cluster(3);
    plant_everywhere(cluster, written(tag(5), "41"));
    for (const sim::Place other : {2u, 3u}) cluster.cut(1, other);
    const auto done = cluster.run(cluster.at(1).update(kKey, plus_one));
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Code::quorum_not_reached);
    cluster.join();
    CHECK(cluster.run(cluster.at(2).read(kKey, true))->value->row == "41");
}

struct Count {
    int done = 0;
    int unknown = 0;
    int without_effect = 0;
};

io::Task<void> increment(Coordinator& coordinator, int times, Count& count) {
    for (int i = 0; i < times; ++i) {
        const auto done = co_await coordinator.update(kKey, plus_one);
        if (done) {
            ++count.done;
        } else if (done.error().code == Code::unknown_outcome) {
            ++count.unknown;
        } else {
            ++count.without_effect;
        }
    }
}

io::Task<Count> increment_all(Cluster& cluster, std::size_t nodes, int clients, int times) {
    Count count;
    io::TaskGroup group(cluster.outside());
    for (int client = 0; client < clients; ++client) {
        const auto node = static_cast<std::size_t>(client) % nodes + 1;
        group.spawn(increment(cluster.at(static_cast<sim::Place>(node)), times, count));
    }
    co_await group.join();
    co_return count;
}

int final_count(Cluster& cluster) {
    const auto row = cluster.run(cluster.at(1).read(kKey, true));
    REQUIRE(row);
    return row->exists() ? std::stoi(row->value->row) : 0;
}

TEST_CASE("conditional writes of one node on one row take turns, and all succeed", "[update]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Cluster cluster(1, seed);
        const auto count = cluster.run(increment_all(cluster, 1, 8, 3));
        CHECK(count.done == 24);
        CHECK(final_count(cluster) == 24);
    }
}

TEST_CASE("each increment counts once, whatever is lost and doubled on the way", "[update]") {
    int done = 0;
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        Cluster cluster(3, seed);
        cluster.links.loss = seed % 2 == 0 ? 0.1 : 0;
        cluster.links.duplication = 0.1;
        const auto count = cluster.run(increment_all(cluster, 3, 4, 3));
        cluster.links.loss = 0;
        const auto total = final_count(cluster);
        INFO("seed " << seed);
        CHECK(total >= count.done);
        CHECK(total <= count.done + count.unknown);
        CHECK(count.done + count.unknown + count.without_effect == 12);
        done += count.done;
    }
    CHECK(done > 150 * 6);  // the test would be empty if most failed
}

TEST_CASE("two rows of a partition key change together", "[update]") {
    for (const std::size_t nodes : {1u, 3u}) {
        Cluster cluster(nodes);
        for (sim::Place at = 1; at <= nodes; ++at) cluster.plant(at, {"p", "from"}, written(tag(5), "x"), "body");
        const DecideAll move = [](const std::vector<Row>& rows, Tag) -> base::Result<Decided> {
            if (!rows[0].exists()) return base::fail(Code::not_found, "nothing to move");
            if (rows[1].exists()) return base::fail(Code::precondition_failed, "taken");
            return Decided{std::nullopt, rows[0].value};
        };
        const auto moved = cluster.run(cluster.at(1).update_rows(pair("from", "to"), move));
        REQUIRE(moved);
        CHECK_FALSE(moved->at(0).exists());
        CHECK(moved->at(1).value->body == "body");
        CHECK_FALSE(cluster.run(cluster.at(1).read({"p", "from"}, true))->exists());
        const auto to = cluster.run(cluster.at(1).read({"p", "to"}, true));
        CHECK(to->value->row == "x");
        CHECK(to->value->body == "body");
        CHECK(cluster.run(cluster.at(1).update_rows(pair("from", "to"), move)).error().code == Code::not_found);
        CHECK(cluster.run(cluster.at(1).read({"p", "to"}, true))->version == moved->at(0).version);
    }
}

int number_in(const Row& row) {
    return row.exists() ? std::stoi(row.value->row) : 0;
}

// Moves units from one row to the other, time and again.
io::Task<void> move_units(Coordinator& coordinator, int units, Count& count) {
    for (int i = 0; i < 4; ++i) {
        const auto moved = co_await coordinator.update_rows(
            pair("left", "right"), [units](const std::vector<Row>& rows, Tag) -> base::Result<Decided> {
                const auto set = [](int to) { return Value{std::to_string(to), ""}; };
                return Decided{set(number_in(rows[0]) - units), set(number_in(rows[1]) + units)};
            });
        ++(moved ? count.done : count.without_effect);
    }
}

io::Task<Count> move_all(Cluster& cluster, std::size_t nodes) {
    Count count;
    io::TaskGroup group(cluster.outside());
    for (int client = 1; client <= 3; ++client) {
        const auto node = nodes == 1 ? 1 : client;
        group.spawn(move_units(cluster.at(static_cast<sim::Place>(node)), client, count));
    }
    co_await group.join();
    co_return count;
}

// Both numbers at one moment.
base::Result<std::pair<int, int>> look_at_pair(Cluster& cluster) {
    std::pair<int, int> seen;
    const auto refused = cluster.run(cluster.at(1).update_rows(
        pair("left", "right"), [&](const std::vector<Row>& rows, Tag) -> base::Result<Decided> {
            seen = {number_in(rows[0]), number_in(rows[1])};
            return base::fail(Code::precondition_failed, "only looking");
        }));
    if (!refused && refused.error().code == Code::precondition_failed) return seen;
    return base::fail(refused ? base::Error{} : refused.error());
}

TEST_CASE("pairs that contend are never seen half done by a pair", "[update]") {
    int done = 0;
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        const std::size_t nodes = seed % 3 == 0 ? 1 : 3;
        Cluster cluster(nodes, seed);
        cluster.links.loss = seed % 2 == 0 ? 0.05 : 0;
        cluster.links.duplication = 0.1;
        done += cluster.run(move_all(cluster, nodes)).done;
        cluster.links.loss = 0;
        const auto seen = look_at_pair(cluster);
        INFO("seed " << seed);
        REQUIRE(seen);
        CHECK(seen->first == -seen->second);
    }
    CHECK(done > 600);
}

}  // namespace
}  // namespace larder::table
