// Buckets, names and keys on several nodes; what a bucket holds; who may delete it.
#include "tests/unit/engine/cluster.h"

namespace larder::engine {
namespace {

using base::Code;
using base::Subject;

TEST_CASE("a bucket and a key that one node makes work at all at once", "[cluster]") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        INFO("seed " << seed);
        Cluster cluster(seed);
        cluster.links.latency_ns = 20'000'000;
        const auto made = cluster.run(1, cluster.at(1).create_key({}));
        REQUIRE(made);
        const auto bucket = cluster.run(1, cluster.at(1).create_bucket("b", (*made)->id));
        REQUIRE(bucket);
        for (const auto node : cluster.members.all()) {
            REQUIRE(cluster.at(node).find_bucket("b"));
            const auto key = cluster.at(node).find_key((*made)->id);
            REQUIRE(key);
            CHECK(key->secret == (*made)->secret);
            CHECK(key->rights.at((*bucket)->id).owner);
            CHECK(cluster.at(node).buckets().size() == 1);
        }
        REQUIRE(cluster.run(2, cluster.at(2).delete_key((*made)->id)));
        for (const auto node : cluster.members.all()) CHECK(!cluster.at(node).find_key((*made)->id));
    }
}

TEST_CASE("a node that heard nothing of a key asks a quorum before it refuses", "[cluster]") {
    Cluster cluster;
    cluster.cut(1, 3);
    const auto made = cluster.run(1, cluster.at(1).create_key({}));
    REQUIRE(made);
    const auto bucket = cluster.bucket(1, "b");
    CHECK(!cluster.at(3).find_key((*made)->id));
    const auto key = cluster.run(3, cluster.at(3).look_up_key((*made)->id));
    REQUIRE(key);
    REQUIRE(*key);
    CHECK((*key)->secret == (*made)->secret);
    const auto found = cluster.run(3, cluster.at(3).look_up_bucket("b"));
    REQUIRE(found);
    REQUIRE(*found);
    CHECK((*found)->id == bucket);
    const auto none = cluster.run(3, cluster.at(3).look_up_key("LKnone"));
    REQUIRE(none);
    CHECK(*none == nullptr);
    cluster.cut(3);
    CHECK(!cluster.run(3, cluster.at(3).look_up_key("LKother")));
}

TEST_CASE("of two nodes that make a bucket of one name exactly one does", "[cluster]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        INFO("seed " << seed);
        Cluster cluster(seed);
        auto one = cluster.begin(1, cluster.at(1).create_bucket("b", ""));
        auto two = cluster.begin(2, cluster.at(2).create_bucket("b", ""));
        const auto first = cluster.end(one);
        const auto second = cluster.end(two);
        REQUIRE(first.has_value() != second.has_value());
        const auto& refused = first ? second : first;
        CHECK(refused.error().is(Code::already_exists, Subject::bucket));
        cluster.wait(std::chrono::seconds(3));
        for (const auto node : cluster.members.all()) {
            REQUIRE(cluster.at(node).find_bucket("b"));
            CHECK(cluster.at(node).find_bucket("b")->id == (first ? *first : *second)->id);
            CHECK(cluster.at(node).buckets().size() == 1);
        }
    }
}

TEST_CASE("names move between buckets and nodes", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    const auto renamed = cluster.run(2, cluster.at(2).update_bucket(id, [](Bucket& bucket) -> Result<void> {
        bucket.names = {"c"};
        return {};
    }));
    REQUIRE(renamed);
    const auto other = cluster.bucket(3, "b");
    CHECK(other != id);
    for (const auto node : cluster.members.all()) {
        CHECK(cluster.at(node).find_bucket("c")->id == id);
        CHECK(cluster.at(node).find_bucket("b")->id == other);
    }
    CHECK(!cluster.run(1, cluster.at(1).create_bucket("c", "")));
}

TEST_CASE("control rows are there after all nodes were started anew, one without the others", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    const auto key = cluster.run(1, cluster.at(1).create_key({}));
    REQUIRE(key);
    for (const auto node : cluster.members.all()) cluster.kill(node);
    cluster.start(2);
    CHECK(cluster.at(2).find_bucket("b")->id == id);
    CHECK(cluster.at(2).find_key((*key)->id));
}

TEST_CASE("a bucket is deleted everywhere, and its name is free again", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    REQUIRE(cluster.put(2, id, "k", "one"));
    const auto refused = cluster.run(3, cluster.at(3).delete_bucket(id));
    REQUIRE(!refused);
    CHECK(refused.error().is(Code::conflict, Subject::bucket));
    REQUIRE(cluster.put(1, id, "l", "two"));
    REQUIRE(cluster.remove(1, id, "k"));
    REQUIRE(cluster.remove(1, id, "l"));
    REQUIRE(cluster.run(3, cluster.at(3).delete_bucket(id)));
    for (const auto node : cluster.members.all()) {
        CHECK(!cluster.at(node).find_bucket("b"));
        CHECK(!cluster.put(node, id, "k", "late"));
    }
    cluster.bucket(1, "b");
}

TEST_CASE("a bucket's deletion and a write on a node that hears nothing of it: not both succeed", "[cluster]") {
    int written = 0;
    int deleted = 0;
    const auto race = [&](std::int64_t after) {
        INFO("after " << after << " ms");
        Cluster cluster(static_cast<std::uint64_t>(after) + 1);
        const auto id = cluster.bucket(1, "b");
        // The node of the write and that of the deletion do not talk to each other.
        if (after % 5 != 0) cluster.cut(1, 2);
        auto removal = cluster.begin(1, cluster.at(1).delete_bucket(id));
        cluster.wait(std::chrono::milliseconds(after));
        Condition condition;
        condition.if_absent = after % 3 == 0;
        auto put = cluster.begin(2, write_all(cluster.at(2).put_object(id, "k", 3), "one", condition, {}));
        const auto made = cluster.end(put);
        const auto gone = cluster.end(removal);
        CHECK(!(made && gone));
        written += made ? 1 : 0;
        deleted += gone ? 1 : 0;
        cluster.heal();
        cluster.wait(std::chrono::seconds(5));
        if (gone) {
            CHECK(!cluster.put(3, id, "k2", "late"));
            return;
        }
        // It is a bucket like any other again.
        if (made) CHECK(cluster.get(3, id, "k") == "one");
        CHECK(cluster.put(3, id, "k2", "more"));
        CHECK(cluster.get(2, id, "k2") == "more");
    };
    for (std::int64_t after = 0; after < 24; after += 2) race(after);
    // Telling others takes a second when one cannot be told, and closing five more.
    for (std::int64_t after = 992; after < 1032; after += 2) race(after);
    for (std::int64_t after = 5992; after < 6032; after += 3) race(after);
    CHECK(written > 0);
    CHECK(deleted > 0);
}

TEST_CASE("a deletion whose node dies is taken back when it starts again", "[cluster]") {
    for (std::int64_t after = 0; after < 40; after += 3) {
        INFO("after " << after << " ms");
        Cluster cluster(static_cast<std::uint64_t>(after) + 1);
        const auto id = cluster.bucket(2, "b");
        auto removal = cluster.begin(1, cluster.at(1).delete_bucket(id));
        cluster.wait(std::chrono::milliseconds(after));
        const bool done = removal->has_value();
        cluster.kill(1);
        cluster.wait(std::chrono::seconds(1));
        cluster.start(1);
        cluster.wait(std::chrono::seconds(5));
        const auto found = cluster.run(1, cluster.at(1).look_up_bucket("b"));
        REQUIRE(found);
        if (done) CHECK(!*found);
        if (!*found) continue;
        for (const auto node : cluster.members.all()) CHECK(cluster.put(node, id, "k", "one"));
    }
}

TEST_CASE("usage is the cluster's, not the sum of its replicas", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    REQUIRE(cluster.put(1, id, "k", "123"));
    REQUIRE(cluster.put(2, id, "l", "45678"));
    cluster.wait(std::chrono::seconds(1));
    for (const auto node : cluster.members.all()) {
        const auto usage = cluster.run(node, cluster.at(node).bucket_usage(id));
        REQUIRE(usage);
        CHECK(usage->objects == 2);
        CHECK(usage->bytes == 8);
        const auto status = cluster.run(node, cluster.at(node).status());
        REQUIRE(status);
        CHECK(status->objects == 2);
        CHECK(status->bytes == 8);
        CHECK(status->buckets == 1);
    }
}

}  // namespace
}  // namespace larder::engine
