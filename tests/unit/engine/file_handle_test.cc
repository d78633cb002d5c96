// Files under change: what a write costs, what others see, what is left behind.
#include "src/base/limits.h"
#include "tests/unit/engine/file_clients.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

using base::Code;
using base::Subject;
namespace limits = base::limits;

constexpr std::uint64_t kMiB = limits::kBlockBytes;

// An object of `times` the bytes of `part`, which lie on the disk once.
Result<ObjectInfo> put_long(Node& node, BucketId id, const std::string& key, const std::string& part, int times) {
    REQUIRE(node.put(id, "part", part));
    UploadInfo wanted;
    wanted.bucket = id;
    wanted.key = key;
    const auto upload = node.run(node.engine->create_upload(wanted));
    REQUIRE(upload);
    CopySource source;
    source.bucket = id;
    source.key = "part";
    std::vector<CompletedPart> parts;
    for (int n = 1; n <= times; ++n) {
        REQUIRE(node.run(
            node.engine->copy_part(source, 0, part.size(), id, key, upload->id, n, "e" + std::to_string(n), {})));
        parts.push_back({n, "e" + std::to_string(n), {}});
    }
    return node.run(node.engine->complete_upload(id, key, upload->id, parts, {}));
}

TEST_CASE("a small write into a large file costs a small block and a row", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    auto body = pattern(20 * kMiB);
    REQUIRE(put_long(node, id, "k", body, 8));
    for (int i = 1; i < 8; ++i) body += body.substr(0, 20 * kMiB);
    const auto before = node.status();
    OpenFile file(node, id, "k");
    const auto bytes = pattern(4096, 7);
    for (const std::uint64_t at : {5 * kMiB + 77, 100 * kMiB - 1000, 20 * kMiB - 10}) {
        REQUIRE(file.write(at, bytes));
        REQUIRE(file.commit());
        body.replace(at, bytes.size(), bytes);
    }
    const auto after = node.status();
    CHECK(after.blocks == before.blocks + 1);  // the same bytes three times are one block
    CHECK(after.block_bytes <= before.block_bytes + 8192);
    CHECK((object_bytes(node, id, "k") == body));
    CHECK((file.content() == body));
    node.restart();
    CHECK((object_bytes(node, id, "k") == body));
    CHECK(node.damage().empty());
}

TEST_CASE("a small file is a row, with the MD5 of its bytes", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    ObjectProperties properties;
    properties.headers = {{"content-type", "text/plain"}};
    properties.metadata = {{"m", "v"}};
    properties.tags = {{"t", "u"}};
    const auto put = node.put(id, "k", "0123456789", {}, properties);
    REQUIRE(put);
    OpenFile file(node, id, "k");
    CHECK(file.handle->entry().version == put->version);
    REQUIRE(file.write(3, "abc"));
    CHECK(file.handle->changed());
    CHECK(node.get(id, "k").value() == "0123456789");
    const auto done = file.commit();
    REQUIRE(done);
    CHECK(!file.handle->changed());
    CHECK(done->version > put->version);
    const auto head = node.head(id, "k");
    CHECK(head->etag == etag_of("012abc6789"));
    CHECK(head->version == done->version);
    CHECK(head->properties.headers == properties.headers);
    CHECK(head->properties.metadata == properties.metadata);
    CHECK(head->properties.tags == properties.tags);
    CHECK(node.get(id, "k").value() == "012abc6789");
    CHECK(node.status().blocks == 0);
    // It grows into blocks, and shrinks back into the row.
    REQUIRE(file.truncate(limits::kInlineBytesMax + 1));
    REQUIRE(file.write(limits::kInlineBytesMax, "x"));
    REQUIRE(file.commit());
    CHECK(node.head(id, "k")->etag.ends_with("-1"));
    CHECK(object_bytes(node, id, "k").substr(0, 11) == std::string("012abc6789\0", 11));
    REQUIRE(file.truncate(5));
    REQUIRE(file.commit());
    CHECK(node.get(id, "k").value() == "012ab");
    CHECK(node.comes_to_blocks(0));
}

TEST_CASE("what no longer holds is dropped: checksums, parts", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(put_long(node, id, "k", pattern(40'000), 3));
    REQUIRE(node.head(id, "k")->parts.size() == 3);
    OpenFile file(node, id, "k");
    REQUIRE(file.write(0, "x"));
    REQUIRE(file.commit());
    CHECK(node.head(id, "k")->parts.empty());
}

// Reads while a commit gives up what is read: it was stored, and replaced before a version named it.
Task<bool> read_what_goes(OpenFile& file, std::string expected) {
    std::optional<Result<base::Buffer>> got;
    const auto read = [](FileHandle& from, std::size_t length, std::optional<Result<base::Buffer>>& out) -> Task<void> {
        out.emplace(co_await from.read(0, length));
    };
    io::TaskGroup reading(file.node.env.executor);
    reading.spawn(read(*file.handle, expected.size(), got));
    const auto cut = co_await file.handle->truncate(0);
    const auto written = co_await file.handle->write(0, base::Buffer::copy_of(std::string_view("short")));
    const auto committed = co_await file.handle->commit({});
    co_await reading.join();
    co_return cut&& written&& committed && *got && (*got)->chars() == expected;
}

TEST_CASE("a read shows what was there when it was called, whatever is committed meanwhile", "[file]") {
    constexpr int kPieces = 2100;  // more than a handle keeps in memory
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(node.put(id, "k", ""));
    OpenFile file(node, id, "k");
    std::string body(kPieces * 1024, '\0');
    for (int i = 0; i < kPieces; ++i) {
        const auto piece = pattern(512, static_cast<std::uint64_t>(i) + 1);
        REQUIRE(file.write(static_cast<std::uint64_t>(i) * 1024, piece));
        body.replace(static_cast<std::size_t>(i) * 1024, piece.size(), piece);
    }
    REQUIRE(node.comes_to_blocks(2049));
    CHECK(node.run(read_what_goes(file, body.substr(0, kMiB))));
    CHECK(file.content() == "short");
    CHECK(node.comes_to_blocks(0));
}

TEST_CASE("only what changed is committed", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    const auto put = node.put(id, "k", "body");
    OpenFile file(node, id, "k");
    REQUIRE(file.commit());
    CHECK(node.head(id, "k")->version == put->version);
    FileAttributes changes;
    changes.mode = 0100644;
    const auto done = file.commit(changes);
    REQUIRE(done);
    CHECK(done->version == put->version);
    CHECK(done->attributes.mode == 0100644u);
    CHECK(node.head(id, "k")->version == put->version);
    REQUIRE(node.remove(id, "k"));
    CHECK(file.commit(changes).error().is(Code::not_found, Subject::object));
    REQUIRE(file.write(0, "x"));
    CHECK(file.commit().error().is(Code::not_found, Subject::object));
    CHECK(file.content() == "xody");
    CHECK(!node.head(id, "k"));
}

TEST_CASE("the last writer wins whole", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    auto body = pattern(3 * kMiB);
    REQUIRE(node.put(id, "k", body));
    OpenFile file(node, id, "k");
    OpenFile other(node, id, "k");
    REQUIRE(file.write(1000, "mine"));
    REQUIRE(other.write(2000, "theirs"));
    REQUIRE(other.commit());
    REQUIRE(node.put(id, "k", pattern(2 * kMiB, 5)));
    REQUIRE(file.commit());
    auto mine = body;
    mine.replace(1000, 4, "mine");
    CHECK((object_bytes(node, id, "k") == mine));
    // The other goes on from what it has.
    REQUIRE(other.write(3000, "more"));
    REQUIRE(other.commit());
    auto theirs = body;
    theirs.replace(2000, 6, "theirs").replace(3000, 4, "more");
    CHECK((object_bytes(node, id, "k") == theirs));
    CHECK((file.content() == mine));
    file.handle.reset();
    other.handle.reset();
    CHECK(node.damage().empty());
    CHECK((object_bytes(node, id, "k") == theirs));
    // Three blocks of the body, and the changed one twice over at most.
    CHECK(node.comes_to_blocks(5));
}

TEST_CASE("a commit that must follow on what was seen last is refused over anything else", "[file]") {
    for (const auto size : {std::size_t{100}, std::size_t{3 * kMiB}}) {
        Node node;
        const auto id = node.bucket("b");
        const auto body = pattern(size);
        REQUIRE(node.put(id, "k", body));
        OpenFile file(node, id, "k");
        REQUIRE(file.write(size, "first"));
        REQUIRE(node.run(file.handle->commit_if_current({})));
        OpenFile other(node, id, "k");
        REQUIRE(file.write(file.handle->size(), "second"));
        REQUIRE(other.write(other.handle->size(), "theirs"));
        REQUIRE(node.run(other.handle->commit_if_current({})));
        CHECK(node.run(file.handle->commit_if_current({})).error().is(Code::conflict, Subject::object));
        // What was written is still there, and follows on what the other wrote.
        OpenFile again(node, id, "k");
        REQUIRE(again.copy_from(file, size + 5, again.handle->size(), 6));
        REQUIRE(node.run(again.handle->commit_if_current({})));
        CHECK((object_bytes(node, id, "k") == body + "firsttheirssecond"));
        file.handle.reset();
        CHECK(node.damage().empty());
    }
}

TEST_CASE("what was not committed is given up: at once, and after a sudden end", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    const auto body = pattern(2 * kMiB);
    REQUIRE(node.put(id, "k", body));
    {
        OpenFile file(node, id, "k");
        REQUIRE(file.write(kMiB, pattern(3 * kMiB, 3)));
        CHECK(file.read(kMiB, 5) == pattern(3 * kMiB, 3).substr(0, 5));
    }
    CHECK(node.comes_to_blocks(2));
    {
        OpenFile file(node, id, "k");
        REQUIRE(file.write(kMiB, pattern(3 * kMiB, 4)));
        REQUIRE(file.commit());
        REQUIRE(file.write(0, pattern(3 * kMiB, 5)));
        node.kill();
        file.lose();
    }
    node.open();
    CHECK((object_bytes(node, id, "k") == body.substr(0, kMiB) + pattern(3 * kMiB, 4)));
    CHECK(node.comes_to_blocks(5));
    CHECK(node.damage().empty());
}

TEST_CASE("a file with many changes is taken over by one owner, and its small blocks are joined", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    auto body = pattern(4 * kMiB);
    REQUIRE(node.put(id, "k", body));
    OpenFile file(node, id, "k");
    for (std::uint64_t i = 0; i < 150; ++i) {
        const auto at = (i * 7919 * 512) % (4 * kMiB - 512);
        const auto bytes = pattern(512, i + 100);
        REQUIRE(file.write(at, bytes));
        body.replace(at, 512, bytes);
        REQUIRE(file.commit());
    }
    CHECK((file.content() == body));
    CHECK((object_bytes(node, id, "k") == body));
    file.handle.reset();
    CHECK(node.damage().empty());
    CHECK(node.run(eventually(node.env, [&node]() -> Task<bool> {
        const auto status = co_await node.engine->status();
        co_return status && status->blocks < 75 && status->block_bytes < 7 * kMiB;
    })));
}

TEST_CASE("space comes back when a file is written over in place", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(node.put(id, "k", pattern(8 * kMiB)));
    OpenFile file(node, id, "k");
    std::string body;
    // First more than half of each block, by small pieces, then all.
    for (std::uint64_t at = 0; at < 8 * kMiB; at += kMiB) REQUIRE(file.write(at, pattern(kMiB * 3 / 4, at + 9)));
    REQUIRE(file.commit());
    CHECK((object_bytes(node, id, "k") == file.content()));
    CHECK(node.run(eventually(node.env, [&node]() -> Task<bool> {
        const auto status = co_await node.engine->status();
        co_return status && status->block_bytes < 9 * kMiB;
    })));
    for (int round = 0; round < 5; ++round) {
        body = pattern(8 * kMiB, 50 + static_cast<std::uint64_t>(round));
        REQUIRE(file.write(0, body));
        REQUIRE(file.commit());
    }
    CHECK((object_bytes(node, id, "k") == body));
    CHECK(node.comes_to_blocks(8));
    CHECK(node.damage().empty());
}

TEST_CASE("holes take no space, and are found", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(node.put(id, "k", ""));
    OpenFile file(node, id, "k");
    REQUIRE(file.truncate(1ull << 40));
    REQUIRE(file.write(1ull << 39, "data"));
    for (int round = 0; round < 2; ++round) {
        CHECK(file.seek(0, true) == 0);
        CHECK(file.seek(0, false) == 1ull << 39);
        CHECK(file.seek((1ull << 39) + 2, false) == (1ull << 39) + 2);
        CHECK(file.seek(1ull << 39, true) == (1ull << 39) + 4);
        CHECK(!file.seek((1ull << 39) + 4, false));
        CHECK(!file.seek(1ull << 40, true));
        REQUIRE(file.commit());
    }
    CHECK(node.head(id, "k")->size == 1ull << 40);
    CHECK(node.status().blocks == 1);
    REQUIRE(file.punch(1ull << 39, 3));
    REQUIRE(file.commit());
    CHECK(file.seek(0, false) == (1ull << 39) + 3);
    CHECK(file.read((1ull << 39), 5) == std::string("\0\0\0a\0", 5));
    // Copies keep holes.
    CopySource source;
    source.bucket = id;
    source.key = "k";
    REQUIRE(node.run(node.engine->copy_object(source, id, "copy", {})));
    OpenFile copy(node, id, "copy");
    CHECK(copy.seek(0, false) == (1ull << 39) + 3);
    CHECK(copy.seek(1ull << 39, true) == 1ull << 39);
    CHECK(copy.read((1ull << 39), 5) == std::string("\0\0\0a\0", 5));
}

TEST_CASE("content is shared with another file, not moved", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    const auto body = pattern(20 * kMiB);
    REQUIRE(node.put(id, "from", body));
    REQUIRE(node.put(id, "to", "head"));
    OpenFile from(node, id, "from");
    OpenFile to(node, id, "to");
    REQUIRE(to.copy_from(from, 1000, 4, 19 * kMiB));
    REQUIRE(to.commit());
    const auto expected = "head" + body.substr(1000, 19 * kMiB);
    CHECK((object_bytes(node, id, "to") == expected));
    CHECK(node.status().block_bytes < 21 * kMiB);
    // It stays when the source goes.
    REQUIRE(node.remove(id, "from"));
    from.handle.reset();
    to.handle.reset();
    node.restart();
    CHECK((object_bytes(node, id, "to") == expected));
    CHECK(node.damage().empty());
}

TEST_CASE("what cannot be stored stays, and a later commit stores it", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(node.put(id, "k", pattern(2 * kMiB)));
    OpenFile file(node, id, "k");
    node.disk.fill_after(0);
    const auto bytes = pattern(30 * kMiB, 9);
    const auto full = file.write(0, bytes);
    CHECK(!full);
    CHECK(!file.commit());
    CHECK((object_bytes(node, id, "k") == pattern(2 * kMiB)));
    node.disk.make_room();
    REQUIRE(file.write(0, bytes));
    REQUIRE(file.commit());
    CHECK((object_bytes(node, id, "k") == bytes));
    file.handle.reset();
    CHECK(node.comes_to_blocks(30));
    CHECK(node.damage().empty());
}

TEST_CASE("a quota holds for files", "[file]") {
    Node node;
    const auto id = node.bucket("b");
    REQUIRE(node.put(id, "k", "x"));
    REQUIRE(node.run(node.engine->update_bucket(id, [](Bucket& bucket) -> Result<void> {
        bucket.quota.bytes_max = 100'000;
        return {};
    })));
    OpenFile file(node, id, "k");
    REQUIRE(file.write(0, pattern(100'001)));
    CHECK(file.commit().error().is(Code::quota_exceeded));
    REQUIRE(file.truncate(100'000));
    REQUIRE(file.commit());
    CHECK((object_bytes(node, id, "k") == pattern(100'001).substr(0, 100'000)));
}

}  // namespace
}  // namespace larder::engine
