// Hazards of replicated stores that are the engine's to avoid: deleted keys in listings, writes lost to clocks, content
// given up too early or never, changes that nobody is told of.
#include "tests/unit/engine/cluster.h"

#include <map>

namespace larder::engine {
namespace {

using base::Code;
using base::Subject;

TEST_CASE("H1: a key deleted while a replica was away does not reappear in a listing", "[cluster]") {
    for (const io::NodeNumber away : {1u, 2u, 3u}) {
        Cluster cluster(away);
        const auto id = cluster.bucket(1, "b");
        for (const auto* key : {"a/1", "a/2", "c"}) REQUIRE(cluster.put(1, id, key, "one"));
        cluster.cut(away);
        const auto there = away % 3 + 1;
        REQUIRE(cluster.remove(there, id, "a/1"));
        REQUIRE(cluster.remove(there, id, "a/2"));
        cluster.heal();
        for (const auto node : cluster.members.all()) {
            CHECK(cluster.list(node, id) == std::vector<std::string>{"c"});
            ListQuery folded;
            folded.delimiter = "/";
            const auto page = cluster.run(node, cluster.at(node).list_objects(id, folded));
            REQUIRE(page);
            CHECK(page->prefixes.empty());
        }
    }
}

TEST_CASE("H2: a delete of what a node saw before it was away does not hit what was written since", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    const auto old = cluster.put(1, id, "k", "old");
    REQUIRE(old);
    cluster.cut(3);
    REQUIRE(cluster.put(1, id, "k", "new"));
    cluster.heal();
    // Node 3 is ahead of all and has not heard of the new version.
    cluster.clock(3).offset_ms = 30'000;
    Condition seen;
    seen.if_etag = old->etag;
    const auto removed = cluster.run(3, cluster.at(3).delete_object(id, {"k", seen}));
    REQUIRE(!removed);
    CHECK(removed.error().is(Code::precondition_failed));
    CHECK(cluster.get(3, id, "k") == "new");
}

TEST_CASE("H3: a copy made where the clock is slow is not lost to what was there before", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    cluster.clock(2).offset_ms = 25'000;
    cluster.clock(3).offset_ms = -25'000;
    REQUIRE(cluster.put(1, id, "source", "copied"));
    for (int round = 0; round < 5; ++round) {
        REQUIRE(cluster.put(2, id, "k", "from the fast clock"));
        CopySource source{id, "source", {}, {}, {}, {}};
        REQUIRE(cluster.run(3, cluster.at(3).copy_object(source, id, "k", {})));
        for (const auto node : cluster.members.all()) CHECK(cluster.get(node, id, "k") == "copied");
        REQUIRE(cluster.remove(3, id, "k"));
        for (const auto node : cluster.members.all()) CHECK(!cluster.get(node, id, "k"));
    }
}

// An object whose content lies in blocks of node 1.
Result<ObjectInfo> put_in_blocks(Cluster& cluster, BucketId id, const std::string& key, const std::string& body) {
    UploadInfo wanted;
    wanted.bucket = id;
    wanted.key = key;
    auto made = cluster.run(1, cluster.at(1).create_upload(wanted));
    REQUIRE(made);
    auto writer = cluster.run(1, cluster.at(1).put_part(id, key, made->id, 1, body.size()));
    REQUIRE(writer);
    const auto part = cluster.run(1, write_all(std::move(*writer), body));
    REQUIRE(part);
    CompleteOptions options;
    options.etag = part->etag + "-1";
    return cluster.run(1, cluster.at(1).complete_upload(id, key, made->id, {{1, part->etag, {}}}, std::move(options)));
}

std::uint64_t blocks_of(Cluster& cluster, io::NodeNumber node) {
    const auto status = cluster.run(node, cluster.at(node).status());
    REQUIRE(status);
    return status->blocks;
}

TEST_CASE("H4: content that is replaced on another node is given up once", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    REQUIRE(put_in_blocks(cluster, id, "k", pattern(20'000, 1)));
    CHECK(blocks_of(cluster, 1) == 1);
    REQUIRE(cluster.put(2, id, "k", "small"));
    cluster.wait(std::chrono::seconds(50));
    CHECK(blocks_of(cluster, 1) == 0);
}

TEST_CASE("H4: content that one replica saw replaced, and the cluster did not, stays", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    const auto body = pattern(20'000, 1);
    REQUIRE(put_in_blocks(cluster, id, "k", body));
    cluster.wait(std::chrono::seconds(2));
    // Node 1 takes a write that nobody else hears of, and notes the content as garbage.
    cluster.cut(1);
    CHECK(!cluster.put(1, id, "k", "small"));
    // Meanwhile the row goes on without it, and names the content still.
    REQUIRE(cluster.run(2, cluster.at(2).update_properties(id, "k", [](ObjectProperties& properties) -> Result<void> {
        properties.tags = {{"a", "b"}};
        return {};
    })));
    cluster.heal();
    cluster.wait(std::chrono::seconds(55));
    CHECK(blocks_of(cluster, 1) == 1);
    CHECK(cluster.get(1, id, "k") == body);
}

TEST_CASE("H5: deleted rows are dropped when all replicas are there, also after a crash in between", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    REQUIRE(cluster.put(1, id, "k", "one"));
    cluster.cut(3);
    REQUIRE(cluster.remove(1, id, "k"));
    cluster.wait(std::chrono::seconds(3));
    // Nothing was written down about the deletion but the row.
    for (const auto node : cluster.members.all()) cluster.kill(node);
    cluster.heal();
    for (const auto node : cluster.members.all()) cluster.start(node);
    cluster.wait(std::chrono::seconds(100));
    for (const auto node : cluster.members.all()) CHECK(cluster.rows_at(node, id) == 0);
    CHECK(!cluster.get(3, id, "k"));
}

TEST_CASE("H5: while a replica is away the others do not try again and again", "[cluster]") {
    Cluster cluster;
    const auto id = cluster.bucket(1, "b");
    cluster.cut(3);
    cluster.members.away = {3};
    for (int i = 0; i < 20; ++i) {
        REQUIRE(cluster.put(1, id, "k" + std::to_string(i), "one"));
        REQUIRE(cluster.remove(1, id, "k" + std::to_string(i)));
    }
    cluster.wait(std::chrono::seconds(5));
    const auto before = cluster.links.messages;
    cluster.wait(std::chrono::seconds(50));
    CHECK(cluster.links.messages - before < 20);
    cluster.members.away.clear();
    cluster.heal();
    cluster.wait(std::chrono::seconds(130));
    for (const auto node : cluster.members.all()) CHECK(cluster.rows_at(node, id) == 0);
}

struct Watching {
    std::string since;
    std::map<std::string, Tag> newest;
    int events = 0;
    bool in_order = true;
    bool missed = false;
};

void look(Cluster& cluster, io::NodeNumber node, BucketId id, Watching& state) {
    const auto page =
        cluster.run(node, cluster.at(node).watch(id, "", state.since, {cluster.world.now + std::int64_t{200'000'000}}));
    REQUIRE(page);
    state.since = page->next;
    state.missed = state.missed || page->missed;
    for (const auto& event : page->events) {
        ++state.events;
        auto& newest = state.newest[event.key];
        state.in_order = state.in_order && event.version >= newest;
        newest = event.version;
    }
}

TEST_CASE("every node hears of what changes, each key's in order", "[cluster]") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        Cluster cluster(seed);
        const auto id = cluster.bucket(1, "b");
        std::map<io::NodeNumber, Watching> all;
        for (const auto node : cluster.members.all()) look(cluster, node, id, all[node]);
        std::map<std::string, Tag> last;
        for (int i = 0; i < 30; ++i) {
            const auto key = "k" + std::to_string(i % 3);
            const auto made = cluster.put(static_cast<io::NodeNumber>(i % 3 + 1), id, key, std::to_string(i));
            REQUIRE(made);
            last[key] = made->version;
        }
        for (const auto node : cluster.members.all()) {
            INFO("seed " << seed << " node " << node);
            auto& state = all[node];
            for (int i = 0; i < 3; ++i) look(cluster, node, id, state);
            // A version that arrived after the next one was never there to be seen.
            CHECK(state.events > 20);
            CHECK(state.in_order);
            CHECK(!state.missed);
            CHECK(state.newest == last);
        }
    }
}

TEST_CASE("a node that holds none of a bucket's rows watches it at the replicas", "[cluster]") {
    Cluster cluster(3, 4, 3);
    const auto id = cluster.bucket(4, "b");
    REQUIRE(cluster.at(4).find_bucket("b"));
    Watching state;
    look(cluster, 4, id, state);
    std::map<std::string, Tag> last;
    const auto write = [&](int from, int to) {
        for (int i = from; i < to; ++i) {
            const auto key = "k" + std::to_string(i % 3);
            const auto made = cluster.put(static_cast<io::NodeNumber>(i % 4 + 1), id, key, std::to_string(i));
            if (made) last[key] = made->version;
        }
    };
    write(0, 12);
    for (int i = 0; i < 4; ++i) look(cluster, 4, id, state);
    CHECK(state.newest == last);
    // One of them away, another started anew: nothing is missed by those that are left.
    cluster.cut(1);
    write(12, 20);
    for (int i = 0; i < 3; ++i) look(cluster, 4, id, state);
    for (const auto& [key, version] : last) CHECK(state.newest[key] >= version);
    cluster.heal();
    cluster.kill(1, false);
    cluster.start(1);
    write(20, 30);
    for (int i = 0; i < 4; ++i) look(cluster, 4, id, state);
    CHECK(!state.missed);
    for (const auto& [key, version] : last) CHECK(state.newest[key] >= version);
    // A place of this watch means nothing to a replica's own log, or is gone on with.
    Watching other;
    other.since = state.since;
    look(cluster, 2, id, other);
    CHECK(!other.missed);
    // Nor does that of one replica to another.
    Watching third;
    look(cluster, 2, id, third);
    look(cluster, 3, id, third);
    CHECK(third.missed);
}

TEST_CASE("a node without control rows learns of keys, and that they are gone", "[cluster]") {
    Cluster cluster(5, 4, 3);
    const auto key = cluster.run(1, cluster.at(1).create_key({}));
    REQUIRE(key);
    CHECK(cluster.at(4).find_key((*key)->id));
    cluster.cut(4);
    REQUIRE(cluster.run(1, cluster.at(1).delete_key((*key)->id)));
    const auto other = cluster.run(1, cluster.at(1).create_key({}));
    REQUIRE(other);
    cluster.heal();
    cluster.wait(std::chrono::seconds(25));
    CHECK(!cluster.at(4).find_key((*key)->id));
    CHECK(cluster.at(4).find_key((*other)->id));
}

TEST_CASE("directories move row by row on several nodes, and go on after a crash", "[cluster]") {
    for (std::int64_t after = 0; after < 120; after += 13) {
        INFO("after " << after << " ms");
        Cluster cluster(static_cast<std::uint64_t>(after) + 7);
        const auto id = cluster.bucket(1, "b");
        for (int i = 0; i < 6; ++i) REQUIRE(cluster.put(2, id, "from/" + std::to_string(i), "x"));
        auto files = cluster.at(1).files(id);
        REQUIRE(files);
        auto move = cluster.begin(1, (*files)->rename_directory("from/", "to/", 0));
        cluster.wait(std::chrono::milliseconds(after));
        move.reset();
        cluster.kill(1);
        files->reset();
        cluster.start(1);
        cluster.wait(std::chrono::seconds(30));
        const auto keys = cluster.list(3, id);
        CHECK(keys.size() == 6);
        const bool begun = keys.front().starts_with("to/");
        for (const auto& key : keys) CHECK(key.starts_with(begun ? "to/" : "from/"));
    }
}

}  // namespace
}  // namespace larder::engine
