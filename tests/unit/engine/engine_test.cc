#include "replication/files.h"
#include "src/base/limits.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

using base::Code;

// One engine over a folder that goes away; reopen() is a restart.
struct Node {
    test::TempFolder folder;
    std::unique_ptr<test::World> world;
    std::unique_ptr<base::Metrics> metrics;
    std::unique_ptr<Engine> engine;
    BucketId bucket;

    Node() {
        reopen();
        auto made = run(engine->create_bucket("home", ""));
        REQUIRE(made);
        bucket = (*made)->id;
    }
    ~Node() { stop(); }

    template <typename T>
    T run(Task<T> task) {
        return world->run(std::move(task));
    }
    void stop() {
        if (engine) REQUIRE(run(engine->close()));
        engine.reset();
    }
    void reopen() {
        stop();
        world = std::make_unique<test::World>();
        metrics = std::make_unique<base::Metrics>();
        Options options;
        options.meta_folder = folder.path() + "/meta";
        options.data_folders = {folder.path() + "/data"};
        options.create = true;
        auto opened = run(make_engine(world->env(), *metrics, options));
        REQUIRE(opened);
        engine = std::move(*opened);
    }

    Task<Result<ObjectInfo>> put_task(std::string key, std::string body, Condition condition) {
        auto writer = engine->put_object(bucket, key, body.size());
        for (std::size_t at = 0; at < body.size(); at += base::limits::kBlockBytes) {
            auto piece = base::Buffer::copy_of(std::string_view(body).substr(at, base::limits::kBlockBytes));
            CO_TRY_VOID(co_await writer->write(std::move(piece)));
        }
        PutResultFacts facts;
        facts.etag = "etag-" + std::to_string(body.size());
        facts.condition = condition;
        co_return co_await writer->commit(std::move(facts));
    }
    Result<ObjectInfo> put(std::string key, std::string body, Condition condition = {}) {
        return run(put_task(std::move(key), std::move(body), std::move(condition)));
    }
    Task<Result<std::string>> read_all(std::shared_ptr<ObjectReader> reader) {
        std::string out;
        for (;;) {
            CO_TRY(const auto piece, co_await reader->read(out.size(), UINT64_MAX));
            if (piece.empty()) co_return out;
            out += piece.chars();
        }
    }
    Result<std::string> get(std::string key) {
        auto reader = run(engine->open_object(bucket, key));
        if (!reader) return base::fail(reader.error());
        return run(read_all(std::shared_ptr<ObjectReader>(std::move(*reader))));
    }
    Result<DeleteOutcome> remove(std::string key) {
        DeleteRequest request;
        request.key = std::move(key);
        return run(engine->delete_object(bucket, std::move(request)));
    }
    std::vector<std::string> list(ListQuery query) {
        auto page = run(engine->list_objects(bucket, std::move(query)));
        REQUIRE(page);
        std::vector<std::string> out;
        for (const auto& object : page->objects) out.push_back(object.key);
        for (const auto& prefix : page->prefixes) out.push_back(prefix);
        return out;
    }
};

std::string pattern(std::size_t size, unsigned seed = 1) {
    std::string out(size, '\0');
    for (auto& c : out) {
        seed = seed * 1664525u + 1013904223u;
        c = static_cast<char>(seed >> 24);
    }
    return out;
}

TEST_CASE("objects of every size come back as they were, also after a restart", "[engine]") {
    Node node;
    const std::vector<std::size_t> sizes = {0, 1, 16384, 16385, 1u << 20, (1u << 20) + 1, 20u << 20};
    for (const auto size : sizes) REQUIRE(node.put("k" + std::to_string(size), pattern(size)));
    node.reopen();
    for (const auto size : sizes) {
        const auto got = node.get("k" + std::to_string(size));
        REQUIRE(got);
        CHECK(*got == pattern(size));
    }
    const auto usage = node.run(node.engine->bucket_usage(node.bucket));
    REQUIRE(usage);
    CHECK(usage->objects == sizes.size());
}

TEST_CASE("a reader of an overwritten object reads the old bytes to their end", "[engine]") {
    Node node;
    REQUIRE(node.put("a", pattern(5u << 20, 1)));
    auto reader = node.run(node.engine->open_object(node.bucket, "a"));
    REQUIRE(reader);
    REQUIRE(node.put("a", pattern(5u << 20, 2)));
    const auto old = node.run(node.read_all(std::shared_ptr<ObjectReader>(std::move(*reader))));
    REQUIRE(old);
    CHECK(*old == pattern(5u << 20, 1));
    CHECK(*node.get("a") == pattern(5u << 20, 2));
}

TEST_CASE("conditions are judged with the write", "[engine]") {
    Node node;
    Condition absent;
    absent.if_absent = true;
    REQUIRE(node.put("a", "1", absent));
    CHECK(node.put("a", "22", absent).error().code == Code::precondition_failed);
    Condition match;
    match.if_etag = "etag-1";
    REQUIRE(node.put("a", "333", match));
    CHECK(node.put("a", "4444", match).error().code == Code::precondition_failed);
    CHECK(node.put("b", "1", match).error().code == Code::not_found);
    CHECK(*node.get("a") == "333");
}

TEST_CASE("listing folds by delimiter, pages exactly, and follows deletions", "[engine]") {
    Node node;
    for (const char* key : {"a", "b/1", "b/2", "c/x/1", "d"}) REQUIRE(node.put(key, "x"));
    ListQuery query;
    query.delimiter = "/";
    CHECK(node.list(query) == std::vector<std::string>{"a", "d", "b/", "c/"});
    query.limit = 2;
    const auto page = node.run(node.engine->list_objects(node.bucket, query));
    REQUIRE(page);
    CHECK(page->truncated);
    CHECK(page->next == "b/");
    query.start_after = "b/";
    CHECK(node.list(query) == std::vector<std::string>{"d", "c/"});
    REQUIRE(node.remove("c/x/1"));
    query = {};
    query.delimiter = "/";
    CHECK(node.list(query) == std::vector<std::string>{"a", "d", "b/"});
    CHECK_FALSE(node.remove("never")->existed);
}

TEST_CASE("an upload in parts becomes one object, and completing it again says the same", "[engine]") {
    Node node;
    UploadInfo wanted;
    wanted.bucket = node.bucket;
    wanted.key = "big";
    auto upload = node.run(node.engine->create_upload(wanted));
    REQUIRE(upload);
    std::vector<CompletedPart> parts;
    for (const int number : {1, 5}) {
        auto writer = node.run(node.engine->put_part(node.bucket, "big", upload->id, number, std::nullopt));
        REQUIRE(writer);
        REQUIRE(node.run((*writer)->write(base::Buffer::copy_of(pattern(100'000, static_cast<unsigned>(number))))));
        PutResultFacts facts;
        facts.etag = "p" + std::to_string(number);
        REQUIRE(node.run((*writer)->commit(facts)));
        parts.push_back({number, facts.etag, {}});
    }
    CHECK(node.run(node.engine->list_uploads(node.bucket, {}))->uploads.size() == 1);
    CompleteOptions options;
    options.etag = "whole-2";
    const auto done = node.run(node.engine->complete_upload(node.bucket, "big", upload->id, parts, options));
    REQUIRE(done);
    CHECK(done->size == 200'000);
    CHECK(node.run(node.engine->complete_upload(node.bucket, "big", upload->id, parts, options))->etag == "whole-2");
    CHECK(*node.get("big") == pattern(100'000, 1) + pattern(100'000, 5));
    CHECK(node.run(node.engine->list_uploads(node.bucket, {}))->uploads.empty());
    CHECK(node.run(node.engine->abort_upload(node.bucket, "big", upload->id)).error().code == Code::not_found);
    node.reopen();
    CHECK(*node.get("big") == pattern(100'000, 1) + pattern(100'000, 5));
}

TEST_CASE("a copy and a renamed object survive the end of their source", "[engine]") {
    Node node;
    for (const std::size_t size : {std::size_t{100}, std::size_t{3} << 20}) {
        REQUIRE(node.put("from", pattern(size)));
        CopySource source;
        source.bucket = node.bucket;
        source.key = "from";
        REQUIRE(node.run(node.engine->copy_object(source, node.bucket, "copy", {})));
        const auto files = *node.engine->files(node.bucket);
        REQUIRE(node.run(files->rename("from", "renamed", false, 0)));
        CHECK(node.get("from").error().code == Code::not_found);
        CHECK(*node.get("renamed") == pattern(size));
        REQUIRE(node.remove("renamed"));
        CHECK(*node.get("copy") == pattern(size));
    }
}

TEST_CASE("a bucket is deleted only when it is empty, and its name is free again", "[engine]") {
    Node node;
    REQUIRE(node.put("a", "1"));
    CHECK(node.run(node.engine->delete_bucket(node.bucket)).error().code == Code::conflict);
    REQUIRE(node.remove("a"));
    REQUIRE(node.run(node.engine->delete_bucket(node.bucket)));
    CHECK_FALSE(node.engine->find_bucket("home"));
    REQUIRE(node.run(node.engine->create_bucket("home", "")));
    CHECK(node.run(node.engine->create_bucket("home", "")).error().code == Code::already_exists);
}

TEST_CASE("limits of a bucket are kept", "[engine]") {
    Node node;
    REQUIRE(node.run(node.engine->update_bucket(node.bucket, [](Bucket& bucket) -> Result<void> {
        bucket.quota.objects_max = 1;
        return {};
    })));
    REQUIRE(node.put("a", "1"));
    CHECK(node.put("b", "1").error().code == Code::quota_exceeded);
}

}  // namespace
}  // namespace larder::engine
