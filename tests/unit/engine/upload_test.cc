// Uploads in parts, copies, renames: content changes hands without being moved.
#include "src/base/limits.h"
#include "tests/unit/engine/harness.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

using base::Code;
using base::Subject;
constexpr auto kBlock = base::limits::kBlockBytes;

struct Uploading {
    explicit Uploading(Node& n) : node(n), id(n.bucket("b")) {}

    UploadId begin(const std::string& key) {
        UploadInfo wanted;
        wanted.bucket = id;
        wanted.key = key;
        wanted.owner_key = "LKme";
        wanted.properties.metadata = {{"a", "b"}};
        const auto made = node.run(node.engine->create_upload(wanted));
        REQUIRE(made);
        return made->id;
    }
    Result<ObjectInfo> part(const std::string& key, UploadId upload, int number, const std::string& body) {
        auto writer = node.run(node.engine->put_part(id, key, upload, number, body.size()));
        if (!writer) return base::fail(writer.error());
        return node.run(write_all(std::move(*writer), body));
    }
    Result<ObjectInfo> complete(const std::string& key, UploadId upload, std::vector<CompletedPart> parts,
                                CompleteOptions options = {}) {
        options.etag = "whole-" + std::to_string(parts.size());
        return node.run(node.engine->complete_upload(id, key, upload, std::move(parts), std::move(options)));
    }

    Node& node;
    BucketId id;
};

TEST_CASE("parts become one object; sparse numbers and sizes are kept", "[engine]") {
    Node node;
    Uploading up(node);
    const auto id = up.begin("k");
    const auto one = pattern(2 * kBlock + 5, 1);
    const auto two = pattern(3000, 2);
    const auto last = pattern(10, 3);
    REQUIRE(up.part("k", id, 7, two));
    REQUIRE(up.part("k", id, 1, pattern(2 * kBlock, 9)));
    REQUIRE(up.part("k", id, 1, one));
    REQUIRE(up.part("k", id, 9000, last));
    REQUIRE(up.part("k", id, 3, pattern(100'000, 4)));
    node.restart();
    const auto parts = node.run(node.engine->list_parts(up.id, "k", id, 1, 2));
    REQUIRE(parts);
    CHECK(parts->truncated);
    REQUIRE(parts->parts.size() == 2);
    CHECK(parts->parts[0].number == 3);
    CHECK(parts->parts[1].number == 7);
    CHECK(parts->parts[1].etag == etag_of(two));
    const auto done = up.complete("k", id, {{1, etag_of(one), {}}, {7, etag_of(two), {}}, {9000, etag_of(last), {}}});
    REQUIRE(done);
    CHECK(done->size == one.size() + two.size() + last.size());
    CHECK((node.get(up.id, "k") == one + two + last));
    const auto head = node.head(up.id, "k");
    REQUIRE(head->parts.size() == 3);
    CHECK(head->parts[2].number == 9000);
    CHECK(head->parts[2].size == 10);
    CHECK(head->properties.metadata == NamedValues{{"a", "b"}});
    // The parts that were not named, or written over, are given back: 3 blocks, 1 and 1 stay.
    CHECK(node.comes_to_blocks(5));
    CHECK(node.damage().empty());
    const auto again = up.complete("k", id, {{1, etag_of(one), {}}});
    REQUIRE(again);
    CHECK(again->version == done->version);
    CHECK(up.part("k", id, 2, two).error().is(Code::not_found, Subject::upload));
    CHECK(node.run(node.engine->abort_upload(up.id, "k", id)).error().is(Code::not_found, Subject::upload));
    REQUIRE(node.remove(up.id, "k"));
    CHECK(node.comes_to_blocks(0));
}

TEST_CASE("a completion that is refused leaves the upload open", "[engine]") {
    Node node;
    Uploading up(node);
    const auto id = up.begin("k");
    const auto one = pattern(100'000, 1);
    const auto two = pattern(200'000, 2);
    REQUIRE(up.part("k", id, 1, one));
    REQUIRE(up.part("k", id, 2, two));
    const CompletedPart first{1, etag_of(one), {}};
    const CompletedPart second{2, etag_of(two), {}};
    const auto refused = [&](std::vector<CompletedPart> parts, CompleteOptions options = {}) {
        return up.complete("k", id, std::move(parts), std::move(options))
            .error()
            .is(Code::invalid_argument, Subject::part);
    };
    CHECK(refused({}));
    CHECK(refused({second, first}));
    CHECK(refused({first, first}));
    CHECK(refused({first, {2, "wrong", {}}}));
    CHECK(refused({first, {3, etag_of(two), {}}}));
    CompleteOptions strict;
    strict.part_bytes_min = 100'001;
    CHECK(refused({first, second}, strict));
    CompleteOptions present;
    present.condition.if_present = true;
    CHECK(up.complete("k", id, {first}, present).error().is(Code::not_found, Subject::object));
    CHECK(node.head(up.id, "k").error().is(Code::not_found, Subject::object));
    REQUIRE(up.complete("k", id, {first, second}));
    CHECK((node.get(up.id, "k") == one + two));
    CHECK(up.part("k", id, 0, one).error().is(Code::invalid_argument, Subject::part));
    CHECK(up.part("k", id, 10'001, one).error().is(Code::invalid_argument, Subject::part));
}

TEST_CASE("an aborted upload leaves nothing", "[engine]") {
    Node node;
    Uploading up(node);
    const auto id = up.begin("k");
    REQUIRE(up.part("k", id, 1, pattern(2 * kBlock)));
    auto late = node.run(node.engine->put_part(up.id, "k", id, 2, std::nullopt));
    REQUIRE(late);
    REQUIRE(node.run(node.engine->abort_upload(up.id, "k", id)));
    CHECK(node.run(write_all(std::move(*late), pattern(kBlock, 5))).error().is(Code::not_found, Subject::upload));
    CHECK(node.run(node.engine->find_upload(up.id, "k", id)).error().is(Code::not_found, Subject::upload));
    CHECK(node.comes_to_blocks(0));
    CHECK(node.run(node.engine->bucket_usage(up.id))->uploads == 0);
    CHECK(node.run(node.engine->delete_bucket(up.id)));
}

TEST_CASE("an upload in progress does not keep its bucket from being deleted", "[engine]") {
    Node node;
    Uploading up(node);
    REQUIRE(up.part("k", up.begin("k"), 1, pattern(2 * kBlock)));
    REQUIRE(node.run(node.engine->delete_bucket(up.id)));
    CHECK(node.comes_to_blocks(0));
}

TEST_CASE("uploads are listed by key and age, folded and paged", "[engine]") {
    Node node;
    Uploading up(node);
    std::vector<std::pair<std::string, UploadId>> made;
    for (const std::string key : {"a", "a", "a/1", "a/2", "b", "b/3"}) made.emplace_back(key, up.begin(key));
    std::vector<std::pair<std::string, UploadId>> seen;
    UploadsQuery query;
    query.limit = 2;
    for (int pages = 0; pages < 10; ++pages) {
        const auto page = node.run(node.engine->list_uploads(up.id, query));
        REQUIRE(page);
        for (const auto& upload : page->uploads) seen.emplace_back(upload.key, upload.id);
        if (!page->truncated) break;
        query.key_marker = page->next_key;
        query.id_marker = page->next_id;
    }
    std::sort(made.begin(), made.end());
    auto sorted = seen;
    std::sort(sorted.begin(), sorted.end());
    CHECK(sorted == made);
    CHECK(std::is_sorted(seen.begin(), seen.end(), [](const auto& x, const auto& y) { return x.first < y.first; }));
    UploadsQuery folded;
    folded.delimiter = "/";
    const auto page = node.run(node.engine->list_uploads(up.id, folded));
    REQUIRE(page);
    CHECK(page->uploads.size() == 3);
    CHECK(page->prefixes == std::vector<std::string>{"a/", "b/"});
    UploadsQuery after;
    after.key_marker = "a";
    CHECK(node.run(node.engine->list_uploads(up.id, after))->uploads.size() == 4);
    CHECK(node.run(node.engine->bucket_usage(up.id))->uploads == 6);
}

TEST_CASE("a copy outlives its source, and a range of it becomes a part", "[engine]") {
    Node node;
    Uploading up(node);
    for (const std::size_t size : {500ul, 3 * kBlock + 100}) {
        const auto body = pattern(size);
        ObjectProperties properties;
        properties.tags = {{"t", "1"}};
        REQUIRE(node.put(up.id, "from", body, {}, properties));
        CopySource source;
        source.bucket = up.id;
        source.key = "from";
        CopyOptions options;
        options.properties = ObjectProperties{{{"content-type", "x/y"}}, {}, {}, {}};
        const auto copied = node.run(node.engine->copy_object(source, up.id, "to", options));
        REQUIRE(copied);
        CHECK(copied->etag == etag_of(body));
        CHECK(copied->properties.tags == properties.tags);
        CHECK(copied->properties.headers.size() == 1);
        const auto upload = up.begin("k");
        const auto part =
            node.run(node.engine->copy_part(source, size / 3, size / 2, up.id, "k", upload, 4, "part-etag", {}));
        REQUIRE(part);
        CHECK(part->size == size / 2);
        source.if_etag = "other";
        CHECK(node.run(node.engine->copy_object(source, up.id, "no", options)).error().is(Code::precondition_failed));
        REQUIRE(node.remove(up.id, "from"));
        REQUIRE(up.complete("k", upload, {{4, "part-etag", {}}}));
        node.restart();
        CHECK((node.get(up.id, "to") == body));
        CHECK((node.get(up.id, "k") == body.substr(size / 3, size / 2)));
        CHECK(node.damage().empty());
        REQUIRE(node.remove(up.id, "to"));
        CHECK((node.get(up.id, "k") == body.substr(size / 3, size / 2)));
        REQUIRE(node.remove(up.id, "k"));
        CHECK(node.comes_to_blocks(0));
    }
    CopySource none;
    none.bucket = up.id;
    none.key = "none";
    CHECK(node.run(node.engine->copy_object(none, up.id, "x", {})).error().is(Code::not_found, Subject::object));
}

TEST_CASE("a copy onto itself changes what is said of it and keeps its bytes", "[engine]") {
    Node node;
    Uploading up(node);
    const auto body = pattern(2 * kBlock + 1);
    REQUIRE(node.put(up.id, "k", body));
    CopySource source;
    source.bucket = up.id;
    source.key = "k";
    CopyOptions options;
    options.properties = ObjectProperties{{}, {{"m", "2"}}, {}, {}};
    for (int i = 0; i < 3; ++i) REQUIRE(node.run(node.engine->copy_object(source, up.id, "k", options)));
    CHECK(node.comes_to_blocks(3));
    CHECK((node.get(up.id, "k") == body));
    CHECK(node.head(up.id, "k")->properties.metadata.size() == 1);
    CHECK(node.damage().empty());
}

TEST_CASE("a rename carries bytes and attributes over, and may be conditional", "[engine]") {
    Node node;
    Uploading up(node);
    for (const std::size_t size : {500ul, 2 * kBlock + 100}) {
        const auto body = pattern(size);
        REQUIRE(node.put(up.id, "from", body));
        REQUIRE(node.put(up.id, "to", pattern(kBlock, 8)));
        const auto files = *node.engine->files(up.id);
        FileAttributes attributes;
        attributes.mode = 0600;
        REQUIRE(node.run(files->set_attributes("from", attributes)));
        CHECK(node.run(files->rename("from", "to", true, 0)).error().is(Code::already_exists));
        const auto renamed = node.run(rename_object(*node.engine, up.id, "from", "to"));
        REQUIRE(renamed);
        CHECK(renamed->key == "to");
        CHECK(node.head(up.id, "from").error().is(Code::not_found, Subject::object));
        CHECK(node.comes_to_blocks(size < kBlock ? 0 : 3));
        node.restart();
        CHECK((node.get(up.id, "to") == body));
        CHECK(node.run((*node.engine->files(up.id))->find("to"))->object->attributes.mode == 0600u);
        CHECK(node.damage().empty());
        CHECK(node.run(rename_object(*node.engine, up.id, "from", "x")).error().is(Code::not_found, Subject::object));
        REQUIRE(node.remove(up.id, "to"));
    }
}

}  // namespace
}  // namespace larder::engine
