#include "tests/unit/table/harness.h"

#include <catch2/catch.hpp>

namespace larder::table {
namespace {

using base::Code;
using base::Tag;

const RowKey kA{"p", "a"};
const RowKey kB{"p", "b"};

// One replica, asked in the words of the protocol.
struct One {
    Cluster cluster{1};

    Reply prepare(Tag ballot, std::vector<RowKey> keys = {kA}) {
        return cluster.reply(1, encode(kTable, PrepareRequest{std::move(keys), ballot}));
    }
    Reply accept(AcceptKind kind, Tag tag, std::string row, Tag version = {}, std::string body = {}) {
        if (version.is_zero()) version = tag;
        return cluster.reply(1, encode(kTable, AcceptRequest{kind, tag, {{kA, version, false, {row, body}}}}));
    }
    Reply remove(AcceptKind kind, Tag tag) {
        return cluster.reply(1, encode(kTable, AcceptRequest{kind, tag, {{kA, tag, true, {}}}}));
    }
    RowReply read(const RowKey& key = kA, bool with_body = true) {
        auto reply = cluster.reply(1, encode(kTable, ReadRequest{key, with_body}));
        REQUIRE(reply.ok);
        REQUIRE(reply.rows.size() == 1);
        return reply.rows[0];
    }
    void raise_low(Tag low) {
        CHECK(cluster.reply(1, encode(kTable, Operation::raise_low, CollectRequest{kA, low})).ok);
    }
    void collect(Tag tag) { CHECK(cluster.reply(1, encode(kTable, Operation::collect, CollectRequest{kA, tag})).ok); }
};

TEST_CASE("a row never written reads as all zero", "[replica]") {
    One one;
    const auto row = one.read();
    CHECK(row.row.acc.is_zero());
    CHECK(row.row.version.is_zero());
    CHECK(row.row.fence.is_zero());
    CHECK(row.low.is_zero());
    CHECK_FALSE(row.row.has_value());
}

TEST_CASE("a plain write is taken above what is there and refused below, with the row that is in its way",
          "[replica]") {
    One one;
    CHECK(one.accept(AcceptKind::optimistic, tag(10), "ten", {}, "body").ok);
    CHECK(one.accept(AcceptKind::optimistic, tag(20), "twenty").ok);
    const auto late = one.accept(AcceptKind::optimistic, tag(15), "late");
    CHECK_FALSE(late.ok);
    CHECK(late.rows.at(0).row.acc == tag(20));
    const auto held = one.read().row;
    CHECK(held.row == "twenty");
    CHECK(held.version == tag(20));
    CHECK_FALSE(held.fenced);
    CHECK(held.fence.is_zero());
    CHECK(held.body_size == 0);
    CHECK(one.cluster.rows(1).bodies.empty());  // the body went with its version
}

TEST_CASE("the same message twice is taken once", "[replica]") {
    One one;
    CHECK(one.accept(AcceptKind::optimistic, tag(10), "ten").ok);
    const auto again = one.accept(AcceptKind::optimistic, tag(10), "ten");
    CHECK(again.ok);
    CHECK_FALSE(again.rows.at(0).superseded);
    CHECK(one.prepare(tag(30)).ok);
    // What is held is held, also above a promise made later.
    CHECK(one.accept(AcceptKind::optimistic, tag(10), "ten").ok);
    CHECK(one.read().row.row == "ten");
}

TEST_CASE("a body is given when asked for", "[replica]") {
    One one;
    CHECK(one.accept(AcceptKind::optimistic, tag(10), "ten", {}, "its body").ok);
    CHECK(one.read(kA, true).body == "its body");
    CHECK(one.read(kA, false).body.empty());
    CHECK(one.read(kA, false).row.body_size == 8);
    const auto promised = one.prepare(tag(20));
    CHECK(promised.rows.at(0).body == "its body");
    CHECK(one.read().body == "its body");  // a promise leaves it
}

TEST_CASE("a promise refuses every kind of write below it", "[replica]") {
    for (const auto kind : {AcceptKind::optimistic, AcceptKind::queried, AcceptKind::write_back, AcceptKind::fenced}) {
        One one;
        CHECK(one.accept(AcceptKind::optimistic, tag(10), "ten").ok);
        const auto promised = one.prepare(tag(30));
        CHECK(promised.ok);
        CHECK(promised.rows.at(0).row.acc == tag(10));
        CHECK(promised.rows.at(0).row.row == "ten");
        const auto refused = one.accept(kind, tag(20), "twenty");
        CHECK_FALSE(refused.ok);
        CHECK(refused.rows.at(0).bound() == tag(30));
        CHECK(one.read().row.row == "ten");
        CHECK(one.read().row.fence == tag(30));
        CHECK(one.accept(kind, tag(30), "thirty").ok);
        CHECK(one.read().row.row == "thirty");
    }
}

TEST_CASE("a promise is refused unless it is above value and promise", "[replica]") {
    One one;
    CHECK(one.accept(AcceptKind::optimistic, tag(10), "ten").ok);
    CHECK_FALSE(one.prepare(tag(9)).ok);
    CHECK_FALSE(one.prepare(tag(10)).ok);
    CHECK(one.prepare(tag(30)).ok);
    CHECK_FALSE(one.prepare(tag(30)).ok);
    const auto refused = one.prepare(tag(29));
    CHECK_FALSE(refused.ok);
    CHECK(refused.rows.at(0).bound() == tag(30));
    CHECK(one.read().row.fence == tag(30));
}

TEST_CASE("a fenced write raises the fence to its ballot, a plain one leaves it", "[replica]") {
    One one;
    CHECK(one.prepare(tag(30)).ok);
    CHECK(one.accept(AcceptKind::optimistic, tag(35), "plain").ok);
    CHECK(one.read().row.fence == tag(30));
    CHECK_FALSE(one.read().row.fenced);
    CHECK(one.accept(AcceptKind::fenced, tag(40), "fenced", tag(38)).ok);
    const auto held = one.read().row;
    CHECK(held.fence == tag(40));
    CHECK(held.fenced);
    CHECK(held.acc == tag(40));
    CHECK(held.version == tag(38));
}

TEST_CASE("an old write counts as superseded if its writer has read, or was a reader, and not below the bound",
          "[replica]") {
    One one;
    CHECK(one.accept(AcceptKind::optimistic, tag(20), "twenty").ok);
    for (const auto kind : {AcceptKind::queried, AcceptKind::write_back}) {
        const auto reply = one.accept(kind, tag(15), "old");
        CHECK(reply.ok);
        CHECK(reply.rows.at(0).superseded);
    }
    CHECK_FALSE(one.accept(AcceptKind::fenced, tag(15), "old").ok);
    CHECK_FALSE(one.accept(AcceptKind::optimistic, tag(15), "old").ok);
    one.raise_low(tag(16));
    CHECK_FALSE(one.accept(AcceptKind::queried, tag(15), "old").ok);
    CHECK_FALSE(one.accept(AcceptKind::write_back, tag(15), "old").ok);
    CHECK(one.accept(AcceptKind::queried, tag(16), "old").ok);
    CHECK(one.read().row.row == "twenty");
}

TEST_CASE("a pair is promised whole or not at all", "[replica]") {
    One one;
    CHECK(one.prepare(tag(10), {kB}).ok);
    CHECK_FALSE(one.prepare(tag(10), {kA, kB}).ok);
    CHECK(one.read(kA).row.fence.is_zero());
    const auto both = one.prepare(tag(11), {kA, kB});
    CHECK(both.ok);
    CHECK(both.rows.size() == 2);
    CHECK(one.read(kA).row.fence == tag(11));
    CHECK(one.read(kB).row.fence == tag(11));
}

TEST_CASE("a pair is accepted whole or not at all", "[replica]") {
    One one;
    CHECK(one.prepare(tag(20), {kB}).ok);
    AcceptRequest request{
        AcceptKind::fenced, tag(15), {{kA, tag(15), false, {"a", ""}}, {kB, tag(15), false, {"b", ""}}}};
    const auto refused = one.cluster.reply(1, encode(kTable, request));
    CHECK_FALSE(refused.ok);
    REQUIRE(refused.rows.size() == 2);
    CHECK(refused.rows[0].ok);
    CHECK_FALSE(refused.rows[1].ok);
    CHECK_FALSE(one.read(kA).row.has_value());
    CHECK_FALSE(one.read(kB).row.has_value());
    request.tag = tag(20);
    CHECK(one.cluster.reply(1, encode(kTable, request)).ok);
    CHECK(one.read(kA).row.row == "a");
    CHECK(one.read(kB).row.row == "b");
}

TEST_CASE("a deletion is a version of its own", "[replica]") {
    One one;
    CHECK(one.accept(AcceptKind::optimistic, tag(10), "ten", {}, "body").ok);
    CHECK(one.remove(AcceptKind::optimistic, tag(20)).ok);
    const auto held = one.read().row;
    CHECK(held.tombstone);
    CHECK_FALSE(held.has_value());
    CHECK(held.version == tag(20));
    CHECK(one.cluster.rows(1).bodies.empty());
    CHECK_FALSE(one.accept(AcceptKind::optimistic, tag(15), "late").ok);
    CHECK(one.accept(AcceptKind::optimistic, tag(30), "anew").ok);
    CHECK(one.read().row.has_value());
}

TEST_CASE("only the very tombstone named is dropped", "[replica]") {
    One one;
    CHECK(one.accept(AcceptKind::optimistic, tag(10), "ten").ok);
    one.collect(tag(10));
    CHECK(one.cluster.held(1, kA));  // a value
    CHECK(one.remove(AcceptKind::optimistic, tag(20)).ok);
    one.collect(tag(10));
    one.collect(tag(21));
    CHECK(one.cluster.held(1, kA));  // another tag
    CHECK(one.prepare(tag(30)).ok);
    one.collect(tag(20));
    CHECK(one.cluster.held(1, kA));  // somebody was promised more
    CHECK(one.remove(AcceptKind::fenced, tag(30)).ok);
    one.collect(tag(30));
    CHECK_FALSE(one.cluster.held(1, kA));
    one.collect(tag(30));  // nothing there: nothing to do
    CHECK_FALSE(one.cluster.held(1, kA));
}

TEST_CASE("the low bound rises only, and guards every row of its partition", "[replica]") {
    One one;
    CHECK(one.accept(AcceptKind::optimistic, tag(40), "forty").ok);
    one.raise_low(tag(30));
    one.raise_low(tag(20));
    CHECK(one.read().low == tag(30));
    CHECK(one.read(kB).low == tag(30));
    AcceptRequest old{AcceptKind::optimistic, tag(29), {{kB, tag(29), false, {"b", ""}}}};
    CHECK_FALSE(one.cluster.reply(1, encode(kTable, old)).ok);
    CHECK_FALSE(one.prepare(tag(30), {kB}).ok);
    CHECK(one.prepare(tag(31), {kB}).ok);
    old.tag = old.proposals[0].version = tag(31);
    CHECK(one.cluster.reply(1, encode(kTable, old)).ok);
    // Another partition is not concerned.
    RowKey elsewhere{"q", "a"};
    while (one.cluster.placement.partition_of(elsewhere.partition_key) == one.cluster.placement.partition_of("p")) {
        elsewhere.partition_key += 'q';
    }
    CHECK(one.read(elsewhere).low.is_zero());
}

TEST_CASE("a write that was dropped does not come back below the low bound", "[replica]") {
    One one;
    CHECK(one.accept(AcceptKind::optimistic, tag(10), "ten").ok);
    CHECK(one.remove(AcceptKind::fenced, tag(20)).ok);
    one.raise_low(tag(20));
    one.collect(tag(20));
    for (const auto kind : {AcceptKind::optimistic, AcceptKind::queried, AcceptKind::write_back, AcceptKind::fenced}) {
        CHECK_FALSE(one.accept(kind, tag(10), "ten").ok);
    }
    CHECK_FALSE(one.cluster.held(1, kA));
}

TEST_CASE("a tag from too far ahead, and a message about nothing, change nothing", "[replica]") {
    One one;
    const auto ms = static_cast<std::uint64_t>(sim::SimClock(one.cluster.world, 1).wall_now().ms);
    const Tag far{base::make_hybrid(ms + 61'000, 0), 9, 1};
    const std::string requests[] = {
        encode(kTable, PrepareRequest{{kA}, far}),
        encode(kTable, AcceptRequest{AcceptKind::optimistic, far, {{kA, far, false, {"x", ""}}}}),
        encode(kTable, PrepareRequest{{}, tag(10)}),
        encode(kTable, AcceptRequest{AcceptKind::optimistic, tag(10), {}}),
    };
    for (const auto& request : requests) {
        const auto answer = one.cluster.ask(1, request);
        REQUIRE_FALSE(answer);
        CHECK(answer.error().is(Code::invalid_argument, base::Subject::request));
    }
    CHECK_FALSE(one.cluster.held(1, kA));
    CHECK_FALSE(one.cluster.ask(1, "garbage"));
    CHECK_FALSE(one.cluster.ask(1, ""));
}

TEST_CASE("a tag that is seen advances the clock of who saw it", "[replica]") {
    One one;
    const auto ms = static_cast<std::uint64_t>(sim::SimClock(one.cluster.world, 1).wall_now().ms);
    const Tag ahead{base::make_hybrid(ms + 30'000, 0), 9, 1};
    CHECK(one.accept(AcceptKind::optimistic, ahead, "ahead").ok);
    const auto next = one.cluster.run(one.cluster.at(1).write(kB, Value{"b", ""}));
    REQUIRE(next);
    CHECK(*next > ahead);
}

TEST_CASE("tables do not see each other's rows", "[replica]") {
    One one;
    CHECK(one.accept(AcceptKind::optimistic, tag(10), "ten").ok);
    const auto other = one.cluster.reply(1, encode(kTable + 1, ReadRequest{kA, true}));
    CHECK_FALSE(other.rows.at(0).row.has_value());
}

}  // namespace
}  // namespace larder::table
