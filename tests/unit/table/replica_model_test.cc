// The replica beside a second writing of its rules (docs/protocol.md, "Replica"), on random messages whose tags are
// few, so that they meet.
#include "tests/unit/table/harness.h"

#include <catch2/catch.hpp>

#include <map>

namespace larder::table {
namespace {

using base::Tag;

// The rules as the document states them, on two rows of one partition key.
class Model {
 public:
    struct Row {
        Tag acc, version, fence;
        std::string value;  // empty: deleted or never written
    };

    bool prepare(const std::vector<int>& keys, Tag ballot) {
        for (const int key : keys) {
            if (!(ballot > rows[key].acc && ballot > bound(key))) return false;
        }
        for (const int key : keys) rows[key].fence = ballot;
        return true;
    }

    enum class Verdict { yes, superseded, refused };
    Verdict judge(int key, AcceptKind kind, Tag t) {
        const auto& row = rows[key];
        if (t == row.acc) return Verdict::yes;
        if (t >= bound(key) && t > row.acc) return Verdict::yes;
        const bool read_before = kind == AcceptKind::queried || kind == AcceptKind::write_back;
        if (read_before && t < row.acc && t >= bound(key)) return Verdict::superseded;
        return Verdict::refused;
    }

    bool accept(const std::vector<int>& keys, AcceptKind kind, Tag t, const std::string& value) {
        for (const int key : keys) {
            if (judge(key, kind, t) == Verdict::refused) return false;
        }
        for (const int key : keys) {
            auto& row = rows[key];
            if (t <= row.acc) continue;
            row.acc = row.version = t;
            row.value = value;
            if (kind == AcceptKind::fenced) row.fence = std::max(row.fence, t);
        }
        return true;
    }

    void collect(int key, Tag t) {
        auto& row = rows[key];
        const bool tombstone = !row.version.is_zero() && row.value.empty();
        if (tombstone && row.acc == t && row.fence <= t) row = {};
    }

    Tag bound(int key) { return std::max(rows[key].fence, low); }

    std::map<int, Row> rows;
    Tag low;
};

const RowKey kKeys[] = {{"p", "a"}, {"p", "b"}};

std::vector<int> draw_keys(sim::Dice& dice) {
    switch (dice.below(4)) {
        case 0:
            return {0, 1};
        case 1:
            return {1};
        default:
            return {0};
    }
}

// One message to both; whether they say the same.
bool same_answer(Cluster& cluster, Model& model, sim::Dice& dice) {
    const auto keys = draw_keys(dice);
    const auto t = tag(1 + dice.below(8), static_cast<std::uint32_t>(1 + dice.below(2)));
    const auto what = dice.below(10);
    if (what < 3) {
        PrepareRequest request{{}, t};
        for (const int key : keys) request.keys.push_back(kKeys[key]);
        return cluster.reply(1, encode(kTable, request)).ok == model.prepare(keys, t);
    }
    if (what < 8) {
        const auto kind = static_cast<AcceptKind>(1 + dice.below(4));
        const std::string value = dice.chance(0.4) ? "" : "v" + t.hex();
        AcceptRequest request{kind, t, {}};
        for (const int key : keys) request.proposals.push_back({kKeys[key], t, value.empty(), {value, ""}});
        // Before the change: what each row says of it alone.
        std::vector<Model::Verdict> verdicts;
        for (const int key : keys) verdicts.push_back(model.judge(key, kind, t));
        const auto reply = cluster.reply(1, encode(kTable, request));
        bool same = reply.ok == model.accept(keys, kind, t, value) && reply.rows.size() == keys.size();
        for (std::size_t i = 0; same && i < keys.size(); ++i) {
            same = reply.rows[i].ok == (verdicts[i] != Model::Verdict::refused) &&
                   reply.rows[i].superseded == (verdicts[i] == Model::Verdict::superseded);
        }
        return same;
    }
    const CollectRequest request{kKeys[keys[0]], t};
    if (what == 8 && dice.chance(0.3)) {
        model.low = std::max(model.low, t);
        return cluster.reply(1, encode(kTable, Operation::raise_low, request)).ok;
    }
    model.collect(keys[0], t);
    return cluster.reply(1, encode(kTable, Operation::collect, request)).ok;
}

bool same_rows(Cluster& cluster, Model& model) {
    for (int key = 0; key < 2; ++key) {
        const auto got = cluster.reply(1, encode(kTable, ReadRequest{kKeys[key], true})).rows.at(0);
        const auto& expected = model.rows[key];
        const std::string value = got.row.has_value() ? got.row.row : "";
        if (got.row.acc != expected.acc || got.row.version != expected.version || got.row.fence != expected.fence ||
            got.low != model.low || value != expected.value) {
            return false;
        }
    }
    return true;
}

TEST_CASE("on thousands of random messages the replica answers and holds what its rules say", "[replica]") {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        Cluster cluster(1, seed);
        Model model;
        sim::Dice dice(seed);
        for (int message = 0; message < 25; ++message) {
            INFO("seed " << seed << ", message " << message);
            REQUIRE(same_answer(cluster, model, dice));
            REQUIRE(same_rows(cluster, model));
        }
    }
}

}  // namespace
}  // namespace larder::table
