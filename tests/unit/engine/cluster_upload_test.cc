// Multipart uploads whose calls come to several nodes, and intents of nodes that are gone.
#include "tests/unit/engine/cluster.h"

namespace larder::engine {
namespace {

using base::Code;
using base::Subject;

struct Uploading {
    explicit Uploading(Cluster& c) : cluster(c), bucket(c.bucket(1, "b")) {}

    UploadId begin(io::NodeNumber node) {
        UploadInfo wanted;
        wanted.bucket = bucket;
        wanted.key = "k";
        const auto made = cluster.run(node, cluster.at(node).create_upload(wanted));
        REQUIRE(made);
        return made->id;
    }
    std::string part(io::NodeNumber node, UploadId upload, int number, const std::string& body) {
        auto writer = cluster.run(node, cluster.at(node).put_part(bucket, "k", upload, number, body.size()));
        REQUIRE(writer);
        const auto written = cluster.run(node, write_all(std::move(*writer), body));
        REQUIRE(written);
        return written->etag;
    }
    Task<Result<ObjectInfo>> completion(io::NodeNumber node, UploadId upload, std::vector<CompletedPart> parts) {
        CompleteOptions options;
        options.etag = "whole";
        return cluster.at(node).complete_upload(bucket, "k", upload, std::move(parts), std::move(options));
    }
    Cluster& cluster;
    BucketId bucket;
};

TEST_CASE("an upload begun on one node, fed on another and completed on a third", "[cluster]") {
    Cluster cluster;
    Uploading up(cluster);
    const auto id = up.begin(1);
    const auto one = up.part(2, id, 1, pattern(20'000, 1));
    const auto two = up.part(3, id, 2, pattern(10, 2));
    const auto made = cluster.run(3, up.completion(3, id, {{1, one, {}}, {2, two, {}}}));
    REQUIRE(made);
    CHECK(made->size == 20'010);
    for (const auto node : cluster.members.all()) {
        const auto info = cluster.run(node, cluster.at(node).head_object(up.bucket, "k"));
        REQUIRE(info);
        CHECK(info->etag == "whole");
        // Asked again wherever it may be, it is the same object.
        const auto again = cluster.run(node, up.completion(node, id, {{1, one, {}}, {2, two, {}}}));
        REQUIRE(again);
        CHECK(again->version == made->version);
        CHECK(!cluster.run(node, cluster.at(node).abort_upload(up.bucket, "k", id)));
    }
}

TEST_CASE("of completions on several nodes exactly one takes effect", "[cluster]") {
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
        INFO("seed " << seed);
        Cluster cluster(seed);
        Uploading up(cluster);
        const auto id = up.begin(1);
        const auto one = up.part(2, id, 1, pattern(20'000, 1));
        auto first = cluster.begin(1, up.completion(1, id, {{1, one, {}}}));
        auto second = cluster.begin(2, up.completion(2, id, {{1, one, {}}}));
        if (seed % 2 == 0) cluster.cut(1, 2);
        const auto a = cluster.end(first);
        const auto b = cluster.end(second);
        cluster.heal();
        REQUIRE((a || b));
        if (a && b) CHECK(a->version == b->version);
        const auto again = cluster.run(3, up.completion(3, id, {{1, one, {}}}));
        REQUIRE(again);
        CHECK(again->version == (a ? *a : *b).version);
    }
}

TEST_CASE("a completion whose node died is brought to an end by another", "[cluster]") {
    for (std::int64_t after = 1; after < 60; after += 4) {
        INFO("after " << after << " ms");
        Cluster cluster(static_cast<std::uint64_t>(after));
        Uploading up(cluster);
        const auto id = up.begin(1);
        const auto one = up.part(2, id, 1, pattern(20'000, 1));
        auto first = cluster.begin(1, up.completion(1, id, {{1, one, {}}}));
        cluster.wait(std::chrono::milliseconds(after));
        cluster.kill(1);
        const auto made = cluster.run(2, up.completion(2, id, {{1, one, {}}}));
        REQUIRE(made);
        CHECK(made->etag == "whole");
        cluster.start(1);
        cluster.wait(std::chrono::seconds(5));
        const auto info = cluster.run(3, cluster.at(3).head_object(up.bucket, "k"));
        REQUIRE(info);
        CHECK(info->version == made->version);
    }
}

TEST_CASE("what a removed node left half done is given up by another", "[cluster]") {
    Cluster cluster;
    Uploading up(cluster);
    const auto id = up.begin(3);
    const auto one = up.part(2, id, 1, pattern(20'000, 1));
    auto first = cluster.begin(3, up.completion(3, id, {{1, one, {}}}));
    cluster.wait(std::chrono::milliseconds(12));
    cluster.kill(3);
    const auto refused = cluster.run(1, cluster.at(1).take_over(3));
    REQUIRE(!refused);
    CHECK(refused.error().is(Code::invalid_argument, Subject::node));
    cluster.members.remove(3);
    REQUIRE(cluster.run(1, cluster.at(1).take_over(3)));
    REQUIRE(cluster.run(1, cluster.at(1).take_over(3)));
    const auto made = cluster.run(2, up.completion(2, id, {{1, one, {}}}));
    REQUIRE(made);
}

}  // namespace
}  // namespace larder::engine
