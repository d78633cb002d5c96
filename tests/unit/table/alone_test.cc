// Conditional writes on rows whose only replica is this node: one durable change, unless something comes between.
#include "tests/unit/table/harness.h"

#include <catch2/catch.hpp>

namespace larder::table {
namespace {

using base::Code;
using base::Tag;

const RowKey kKey{"p", "k"};
const RowKey kOther{"p", "other"};

// Rows in memory that count the changes made to them, or refuse them.
class CountingStore final : public PassedOn {
 public:
    using PassedOn::PassedOn;
    io::Task<base::Result<void>> apply(TableId table, quorum::Partition partition, RowChange change) override {
        ++changes;
        if (refusal) co_return base::fail(*refusal);
        co_return co_await PassedOn::apply(table, partition, std::move(change));
    }

    int changes = 0;
    std::optional<base::Error> refusal;
};

struct Alone : Parts {
    Alone() { coordinator.use_local(replica, 1); }

    CountingStore store{memory};
    Replica replica{network, store, cluster.placement, tags};
    Coordinator coordinator{env, cluster.placement, tags, cluster.options};
};

base::Result<Decided> both(const std::vector<Row>&, Tag) {
    Decided out;
    out.emplace_back(Value{"a", "body"});
    out.emplace_back(std::nullopt);
    return out;
}

TEST_CASE("a conditional write on the only replica is one durable change", "[update]") {
    Alone at;
    at.cluster.plant(1, kKey, written(tag(5), "old"), "body");
    const auto done = at.cluster.run(at.coordinator.update(kKey, [](const Row& row, Tag) -> base::Result<Decision> {
        return Decision{Value{row.value->row + " and new", row.value->body + "!"}};
    }));
    REQUIRE(done);
    CHECK(at.store.changes == 1);
    const auto row = at.cluster.run(at.coordinator.read(kKey, true));
    CHECK(row->version == done->version);
    CHECK(row->value->row == "old and new");
    CHECK(row->value->body == "body!");
    // It holds as if promised: what is older is refused.
    CHECK(at.cluster.held(1, kKey)->fence == done->version);
    CHECK(at.cluster.held(1, kKey)->fenced);

    at.store.changes = 0;
    std::vector<RowKey> keys{kKey, kOther};
    REQUIRE(at.cluster.run(at.coordinator.update_rows(std::move(keys), both)));
    CHECK(at.store.changes == 1);
}

TEST_CASE("a refused conditional write on the only replica changes nothing", "[update]") {
    Alone at;
    const auto done = at.cluster.run(at.coordinator.update(
        kKey, [](const Row&, Tag) -> base::Result<Decision> { return base::fail(Code::precondition_failed, "no"); }));
    CHECK(done.error().is(Code::precondition_failed));
    CHECK(at.store.changes == 0);
}

TEST_CASE("a conditional write judges anew what came between on the only replica", "[update]") {
    Alone at;
    at.cluster.plant(1, kKey, written(tag(5), "old"));
    std::vector<std::string> judged;
    const auto done = at.cluster.run(at.coordinator.update(kKey, [&](const Row& row, Tag) -> base::Result<Decision> {
        judged.push_back(row.value->row);
        if (judged.size() == 1) at.cluster.plant(1, kKey, written(tag(6), "between"));
        return Decision{Value{row.value->row + " and new", ""}};
    }));
    REQUIRE(done);
    CHECK(judged == std::vector<std::string>{"old", "between"});
    CHECK(done->value->row == "between and new");
}

TEST_CASE("of rows on the only replica none changes when one of them did meanwhile", "[update]") {
    Alone at;
    at.cluster.plant(1, kOther, written(tag(5), "old"));
    int calls = 0;
    std::vector<RowKey> keys{kKey, kOther};
    const auto done = at.cluster.run(
        at.coordinator.update_rows(std::move(keys), [&](const std::vector<Row>& rows, Tag) -> base::Result<Decided> {
            if (++calls == 1) {
                at.cluster.plant(1, kOther, deleted(tag(6)));
                return Decided{Value{"lost", ""}, rows[1].value};
            }
            CHECK_FALSE(rows[0].exists());
            CHECK_FALSE(rows[1].exists());
            return base::fail(Code::not_found, "gone");
        }));
    CHECK(done.error().is(Code::not_found));
    CHECK(at.cluster.held(1, kKey)->version.is_zero());
}

TEST_CASE("what becomes of a conditional write on the only replica when its disk fails", "[update]") {
    Alone at;
    const auto set = [](const Row&, Tag) -> base::Result<Decision> { return Decision{Value{"new", ""}}; };
    at.store.refusal = base::Error{Code::no_space, base::Subject::disk, "full"};
    CHECK(at.cluster.run(at.coordinator.update(kKey, set)).error().is(Code::no_space));
    at.store.refusal = base::Error{Code::io_failure, base::Subject::disk, "broken"};
    CHECK(at.cluster.run(at.coordinator.update(kKey, set)).error().is(Code::unknown_outcome));
}

}  // namespace
}  // namespace larder::table
