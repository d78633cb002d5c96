// Files as S3 clients see them, and what a listing, a watcher and a mount are told of them. Random use:
// names_model_test.
#include "tests/unit/engine/harness.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

using base::Code;
using base::Subject;

constexpr std::uint32_t kMode = 0100640;

struct Fixture {
    Fixture() : id(node.bucket("b")), files(node.engine->files(id).value()) {}

    FileEntry create(const std::string& key, const std::string& content = "") {
        NewFile file;
        file.key = key;
        file.content = content;
        file.attributes.mode = kMode;
        const auto made = node.run(files->create(file));
        if (!made) FAIL(made.error().message);
        return *made;
    }
    FileEntry link(const std::string& from, const std::string& to) {
        const auto made = node.run(files->link(from, to, 1));
        if (!made) FAIL(made.error().message);
        return *made;
    }
    std::optional<FileEntry> file(const std::string& path) { return node.run(files->find(path)).value().object; }
    std::optional<FileEntry> folder(const std::string& path) { return node.run(files->find(path)).value().directory; }
    bool comes_to_links(const std::string& key, std::uint32_t count) {
        const auto holds = [&]() -> Task<bool> {
            const auto found = co_await files->find(key);
            co_return found && found->object && found->object->links == count;
        };
        return node.run(eventually(node.env, holds));
    }
    void reopen() {
        files.reset();
        node.restart();
        files = node.engine->files(id).value();
    }

    Node node;
    BucketId id;
    std::unique_ptr<FileStore> files;
};

TEST_CASE("a bucket that is not there has no files", "[files]") {
    Node node;
    CHECK(node.engine->files(BucketId{}).error().is(Code::not_found, Subject::bucket));
}

TEST_CASE("attributes are no part of what S3 calls the object, but HEAD and GET tell them", "[files]") {
    Fixture f;
    ObjectProperties properties;
    properties.metadata = {{"colour", "blue"}, {"mtime", "1"}};
    const auto put = f.node.put(f.id, "k", "body", {}, properties);
    REQUIRE(put);
    FileAttributes changes;
    changes.mode = kMode;
    changes.mtime_ns = 1'700'000'000'000'000'005;
    const auto set = f.node.run(f.files->set_attributes("k", changes));
    REQUIRE(set);
    CHECK(set->version == put->version);
    CHECK(set->state > put->version);
    const NamedValues told = {{"colour", "blue"},
                              {"mtime", "1700000000.000000005"},
                              {"file-permissions", "0100640"},
                              {"file-mtime", "1700000000000000005ns"}};
    const auto head = f.node.head(f.id, "k");
    REQUIRE(head);
    CHECK(head->properties.metadata == told);
    CHECK((head->etag == put->etag && head->version == put->version && head->modified.ms == put->modified.ms));
    CHECK(f.node.run(f.node.engine->open_object(f.id, "k")).value()->info().properties.metadata == told);
    // A copy has them once, and only where it takes the metadata along.
    CopySource source;
    source.bucket = f.id;
    source.key = "k";
    REQUIRE(f.node.run(f.node.engine->copy_object(source, f.id, "copy", {})));
    CHECK(f.node.head(f.id, "copy")->properties.metadata == told);
    CHECK(f.file("copy")->inode != f.file("k")->inode);
    CopyOptions replaced;
    replaced.properties.emplace();
    REQUIRE(f.node.run(f.node.engine->copy_object(source, f.id, "plain", replaced)));
    CHECK(f.node.head(f.id, "plain")->properties.metadata.empty());
    CHECK_FALSE(f.file("plain")->attributes.mode);
    f.reopen();
    CHECK(f.file("k")->attributes.mode == kMode);
}

TEST_CASE("a file keeps its number through renames and new content, a PUT makes a new file", "[files]") {
    Fixture f;
    const auto made = f.create("a", "1");
    REQUIRE(f.node.run(f.files->rename("a", "b", true, 9)));
    CHECK(f.file("b")->inode == made.inode);
    CHECK(f.file("b")->attributes.ctime_ns == 9);
    {
        auto handle = f.node.run(f.files->open("b")).value();
        REQUIRE(f.node.run(handle->write(0, base::Buffer::copy_of("new"))));
        REQUIRE(f.node.run(handle->commit({})));
    }
    CHECK(f.file("b")->inode == made.inode);
    CHECK(f.file("b")->attributes.mode == kMode);
    REQUIRE(f.node.put(f.id, "b", "by S3"));
    CHECK(f.file("b")->inode != made.inode);
    CHECK_FALSE(f.file("b")->attributes.mode);
    CHECK(f.node.run(f.files->rename("x", "y", false, 1)).error().is(Code::not_found, Subject::object));
    CHECK(f.node.run(f.files->rename("b", "d/", false, 1)).error().is(Code::invalid_argument));
    CHECK(f.node.run(f.files->rename("b", std::string("x\0y", 3), false, 1)).error().is(Code::invalid_argument));
}

TEST_CASE("a directory that is implied keeps its number when it gets a marker, and when that moves", "[files]") {
    Fixture f;
    f.create("d/a");
    const auto implied = f.folder("d");
    REQUIRE((implied && implied->implied && implied->inode != 0));
    SECTION("by attributes") {
        FileAttributes changes;
        changes.mode = 040700;
        REQUIRE(f.node.run(f.files->set_attributes("d/", changes)));
    }
    SECTION("by its creation") {
        f.create("d/");
    }
    SECTION("by an extended attribute") {
        CHECK(f.node.run(f.files->set_xattr("d/", "user.x", std::nullopt, XattrMode::create_or_replace, 1))
                  .error()
                  .is(Code::not_found, Subject::none));
        CHECK(f.folder("d")->implied);
        REQUIRE(f.node.run(f.files->set_xattr("d/", "user.x", "1", XattrMode::create, 1)));
    }
    CHECK_FALSE(f.folder("d")->implied);
    CHECK(f.folder("d")->inode == implied->inode);
    REQUIRE(f.node.run(f.files->rename_directory("d/", "e/", 5)));
    CHECK(f.folder("e")->inode == implied->inode);
    CHECK(f.file("e/a"));
    CHECK_FALSE(f.folder("d"));
    CHECK(f.node.run(f.files->remove("e/", 1)).error().is(Code::conflict, Subject::object));
}

// A file "a", also named "b".
struct Linked : Fixture {
    explicit Linked(std::size_t size) : body(pattern(size)), etag(etag_of(body)) {
        REQUIRE(node.put(id, "a", body));
        first = file("a").value();
        REQUIRE(link("a", "b").links == 2);
    }
    // Everything is given back with the last of the names.
    void end() {
        CHECK(node.damage().empty());
        for (const std::string key : {"a", "b", "c"}) REQUIRE(node.remove(id, key));
        CHECK(node.comes_to_blocks(0));
        const auto empty = [this]() -> Task<bool> {
            const auto usage = co_await files->usage();
            co_return usage && usage->used.bytes == 0 && usage->used.objects == 0;
        };
        CHECK(node.run(eventually(node.env, empty)));
    }

    std::string body;
    std::string etag;
    FileEntry first;
};
struct SmallLinked : Linked {
    SmallLinked() : Linked(20) {}
};
struct LargeLinked : Linked {
    LargeLinked() : Linked(40'000) {}
};

TEST_CASE_METHOD(LargeLinked, "names of one file are one file to S3 clients", "[files][links]") {
    CHECK(file("a")->inode == first.inode);
    CHECK(file("b")->inode == first.inode);
    for (const std::string key : {"a", "b"}) {
        CHECK(node.head(id, key)->etag == etag);
        CHECK(node.get(id, key) == body);
    }
    const auto page = node.run(node.engine->list_objects(id, {}));
    REQUIRE(page->objects.size() == 2);
    CHECK((page->objects[1].size == body.size() && page->objects[1].etag == etag));
    CHECK(node.status().bytes == body.size());
    CHECK(node.status().objects == 2);
    SECTION("conditions are judged on what a name shows") {
        Condition same;
        same.if_etag = etag;
        Condition other;
        other.if_etag = "other";
        CHECK(node.put(id, "a", "x", other).error().is(Code::precondition_failed));
        CHECK(node.remove(id, "a", other).error().is(Code::precondition_failed));
        Condition none;
        none.if_absent = true;
        CHECK(node.put(id, "a", "x", none).error().is(Code::precondition_failed));
        REQUIRE(node.put(id, "a", "x", same));
        // In the same step.
        CHECK(file("b")->links == 1);
        const auto deleted = node.remove(id, "b", same);
        REQUIRE(deleted);
        CHECK(deleted->version.has_value());
        CHECK(node.status().bytes == 1);
    }
    SECTION("tags are of the file") {
        const auto tag = [](ObjectProperties& properties) -> Result<void> {
            properties.tags = {{"k", "v"}};
            return {};
        };
        REQUIRE(node.run(node.engine->update_properties(id, "a", tag)));
        CHECK(node.head(id, "b")->properties.tags == NamedValues{{"k", "v"}});
    }
    end();
}

TEST_CASE_METHOD(SmallLinked, "names that S3 clients take, of one file with two", "[files][links]") {
    SECTION("a deletion takes one name, at once") {
        const auto deleted = node.remove(id, "a");
        REQUIRE(deleted);
        CHECK(deleted->version.has_value());
        CHECK(file("b")->links == 1);
        CHECK(node.get(id, "b") == body);
    }
    SECTION("a PUT takes one name, told a little later") {
        REQUIRE(node.put(id, "a", "new"));
        CHECK(comes_to_links("b", 1));
        CHECK(node.get(id, "b") == body);
        CHECK(node.get(id, "a") == "new");
    }
    SECTION("a name taken and given back before that was told is one name") {
        REQUIRE(node.put(id, "a", "new"));
        REQUIRE(node.run(files->remove("a", 1)));
        link("b", "a");
        CHECK(comes_to_links("b", 2));
        reopen();
        CHECK(comes_to_links("b", 2));
    }
    SECTION("what was not told yet is told after a sudden end") {
        REQUIRE(node.put(id, "a", "new"));
        files.reset();
        node.kill();
        node.open();
        files = node.engine->files(id).value();
        CHECK(comes_to_links("b", 1));
    }
    end();
}

TEST_CASE_METHOD(LargeLinked, "names that mounts change, of one file with two", "[files][links]") {
    SECTION("renamed over, exchanged, removed") {
        create("c");
        CHECK(node.run(files->exchange("b", "c", 3)));
        CHECK(node.get(id, "c") == body);
        CHECK(file("c")->inode == first.inode);
        CHECK(node.get(id, "b") == "");
        // Two names of one file: nothing happens.
        REQUIRE(node.run(files->rename("a", "c", false, 4)));
        CHECK(file("a"));
        REQUIRE(node.run(files->rename("b", "c", false, 4)));
        CHECK(file("a")->links == 1);
        CHECK(file("a")->attributes.ctime_ns == 4);
        CHECK(node.run(files->remove("a", 5))->links == 0);
        CHECK(node.run(files->remove("c", 5))->links == 0);
    }
    SECTION("calls that do not fit the file are refused, and end") {
        CHECK(
            node.run(files->set_xattr("a", "user.x", std::nullopt, XattrMode::replace, 1)).error().is(Code::not_found));
        CHECK(node.run(files->link("a", "b", 1)).error().is(Code::already_exists));
        CHECK(node.run(files->link("a", "a", 1)).error().is(Code::already_exists));
        CHECK(node.run(files->link("a", "d/", 1)).error().is(Code::invalid_argument));
    }
    end();
}

TEST_CASE("the row that names share is no key to anyone", "[files][links]") {
    Fixture f;
    f.create("a", "body");
    f.link("a", "b");
    for (const auto& prefix : {std::string(), std::string(1, '\0')}) {
        ListQuery query;
        query.prefix = prefix;
        const auto page = f.node.run(f.node.engine->list_objects(f.id, query));
        REQUIRE(page);
        for (const auto& object : page->objects) CHECK_FALSE(object.key.starts_with('\0'));
        CHECK(page->objects.size() == (prefix.empty() ? 2 : 0));
    }
    CHECK(f.node.run(f.files->list(std::string(1, '\0'), "", 10))->entries.empty());
    const auto found = f.node.run(f.files->find(std::string(17, '\0')));
    CHECK_FALSE(found->object);
}

std::multiset<std::string> keys_of(const ChangePage& page) {
    std::multiset<std::string> out;
    for (const auto& event : page.events) out.insert((event.removed ? "-" : "+") + event.key);
    return out;
}

TEST_CASE("a watcher is told of attributes, of both keys of a rename, and of every name", "[files]") {
    Fixture f;
    f.create("a");
    const auto now = f.node.env.clock.now();
    auto place = f.node.run(f.files->watch("", now))->next;
    const auto next = [&] {
        const auto page = f.node.run(f.files->watch(place, f.node.env.clock.after(std::chrono::seconds(10))));
        place = page->next;
        CHECK_FALSE(page->missed);
        return keys_of(*page);
    };
    using Keys = std::multiset<std::string>;
    const auto set = f.node.run(f.files->set_attributes("a", {}));
    REQUIRE(set);
    CHECK(next() == Keys{"+a"});
    REQUIRE(f.node.run(f.files->rename("a", "b", true, 1)));
    CHECK(next() == Keys{"-a", "+b"});
    f.link("b", "c");
    CHECK(next().contains("+c"));
    REQUIRE(f.node.run(f.files->set_attributes("c", {})));
    CHECK(next() == Keys{"+b", "+c"});
    REQUIRE(f.node.run(f.files->remove("b", 1)));
    const auto removed = next();
    CHECK((removed.contains("-b") && removed.contains("+c")));
}

}  // namespace
}  // namespace larder::engine
