// A row and its body are read one after the other, while committing threads go on: what comes between must not look
// like damage.
#include "tests/unit/table/harness.h"

#include <catch2/catch.hpp>

namespace larder::table {
namespace {

using base::Code;

const RowKey kKey{"p", "k"};

// Rows in memory that change when a body is about to be read.
class RacingStore final : public PassedOn {
 public:
    using PassedOn::PassedOn;
    base::Result<std::string> body(TableId table, quorum::Partition partition, const StoredRow& row) override {
        if (!between.empty()) {
            auto work = std::move(between.front());
            between.erase(between.begin());
            work();
        }
        return PassedOn::body(table, partition, row);
    }

    std::vector<io::Work> between;  // one for each body that is read
};

struct Racing : Parts {
    Racing() { plant(written(tag(1), "row 1"), "body 1"); }

    void plant(StoredRow row, std::string body) {
        cluster.rows(1).bodies.clear();
        cluster.plant(1, kKey, std::move(row), std::move(body));
    }
    RowReply read() {
        const auto answer = cluster.run(replica.serve(1, {encode(kTable, ReadRequest{kKey, true}), {}}));
        if (!answer) FAIL(answer.error().message);
        return decode_reply(answer->body)->rows.at(0);
    }
    struct Item {
        StoredRow row;
        std::string body;
    };
    Item range() {
        RangeQuery query;
        query.partition_key = "p";
        query.with_bodies = true;
        query.row_bytes = 4;
        const auto answer = cluster.run(replica.serve(1, {encode(kTable, query), {}}));
        if (!answer) FAIL(answer.error().message);
        const auto reply = decode_range_reply(answer->body);
        return {owned(reply->items.at(0).row), std::string(reply->items.at(0).body)};
    }

    RacingStore store{memory};
    Replica replica{network, store, cluster.placement, tags};
};

TEST_CASE("a row that is replaced before its body is read is read anew", "[replica]") {
    Racing at;
    at.store.between.push_back([&] { at.plant(written(tag(2), "row 2"), "body 2"); });
    at.store.between.push_back([&] { at.plant(written(tag(3), "row 3"), "body 3"); });
    const auto row = at.read();
    CHECK(row.row.version == tag(3));
    CHECK(row.row.row == "row 3");
    CHECK(row.body == "body 3");
}

TEST_CASE("a row that is deleted, dropped or loses its body before it is read", "[replica]") {
    Racing at;
    at.store.between.push_back([&] { at.plant(deleted(tag(2)), ""); });
    CHECK(at.read().row.tombstone);
    at.plant(written(tag(3), "row 3"), "body 3");
    at.store.between.push_back([&] { at.plant(written(tag(4), "row 4"), ""); });
    const auto without = at.read();
    CHECK(without.row.row == "row 4");
    CHECK(without.body.empty());
    at.plant(written(tag(5), "row 5"), "body 5");
    at.store.between.push_back([&] {
        at.cluster.rows(1).rows.clear();
        at.cluster.rows(1).bodies.clear();
    });
    CHECK(at.read().row.version.is_zero());
}

TEST_CASE("a range gives the body of the row that it gives", "[replica]") {
    Racing at;
    at.store.between.push_back([&] { at.plant(written(tag(2), "ROW 2"), "body 2"); });
    const auto item = at.range();
    CHECK(item.row.version == tag(2));
    CHECK(item.row.row == "ROW ");
    CHECK(item.body == "body 2");
    at.store.between.push_back([&] { at.plant(deleted(tag(3)), ""); });
    const auto gone = at.range();
    CHECK_FALSE(gone.row.has_value());
    CHECK(gone.body.empty());
}

TEST_CASE("a body that is missing while its row stays is damage", "[replica]") {
    Racing at;
    at.cluster.rows(1).bodies.clear();
    const auto answer = at.cluster.run(at.replica.serve(1, {encode(kTable, ReadRequest{kKey, true}), {}}));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().is(Code::corrupted, base::Subject::row));
}

}  // namespace
}  // namespace larder::table
