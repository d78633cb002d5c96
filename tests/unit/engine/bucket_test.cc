// Buckets, their names, access keys, quotas.
#include "tests/unit/engine/harness.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

using base::Code;
using base::Subject;

using Made = Result<std::shared_ptr<const Bucket>>;

Task<void> make_bucket(Engine& engine, std::string name, std::vector<Made>& out) {
    out.push_back(co_await engine.create_bucket(std::move(name), ""));
}

Task<std::vector<Made>> make_at_once(Engine& engine, io::Executor& executor, std::string name, int clients) {
    std::vector<Made> out;
    io::TaskGroup group(executor);
    for (int i = 0; i < clients; ++i) group.spawn(make_bucket(engine, name, out));
    co_await group.join();
    co_return out;
}

TEST_CASE("a bucket is found by name and id, also after a restart", "[engine]") {
    Node node;
    const auto id = node.bucket("photos");
    node.bucket("music");
    for (int round = 0; round < 2; ++round) {
        const auto found = node.engine->find_bucket("photos");
        REQUIRE(found);
        CHECK(found->id == id);
        CHECK(found->names == std::vector<std::string>{"photos"});
        CHECK(node.engine->find_bucket(id) == found);
        CHECK(node.engine->buckets().size() == 2);
        CHECK(node.engine->buckets().front()->names.front() == "music");
        CHECK_FALSE(node.engine->find_bucket("films"));
        node.restart();
    }
}

TEST_CASE("a bucket name is given once, also to clients who ask at the same time", "[engine]") {
    Node node;
    node.bucket("photos");
    CHECK(node.run(node.engine->create_bucket("photos", "")).error().is(Code::already_exists, Subject::bucket));
    const auto made = node.run(make_at_once(*node.engine, node.env.executor, "music", 8));
    CHECK(std::count_if(made.begin(), made.end(), [](const auto& one) { return one.has_value(); }) == 1);
    for (const auto& one : made) {
        if (!one) CHECK(one.error().is(Code::already_exists, Subject::bucket));
    }
    CHECK(node.engine->buckets().size() == 2);
    node.restart();
    CHECK(node.engine->buckets().size() == 2);
}

TEST_CASE("names of a bucket come and go; a name let go may be taken again", "[engine]") {
    Node node;
    const auto id = node.bucket("photos");
    const auto other = node.bucket("music");
    REQUIRE(node.run(node.engine->update_bucket(id, [](Bucket& b) -> Result<void> {
        b.names = {"pictures", "images"};
        b.settings["cors"] = "<xml/>";
        b.quota.objects_max = 7;
        return {};
    })));
    node.restart();
    CHECK_FALSE(node.engine->find_bucket("photos"));
    REQUIRE(node.engine->find_bucket("images"));
    CHECK(node.engine->find_bucket("images")->id == id);
    CHECK(node.engine->find_bucket("pictures")->settings.at("cors") == "<xml/>");
    CHECK(node.engine->find_bucket("pictures")->quota.objects_max == 7u);
    const auto taken = node.run(node.engine->update_bucket(other, [](Bucket& b) -> Result<void> {
        b.names.push_back("images");
        return {};
    }));
    CHECK(taken.error().is(Code::already_exists, Subject::bucket));
    CHECK(node.bucket("photos") != id);
}

TEST_CASE("names claimed for an edit that fails are let go", "[engine]") {
    Node node;
    const auto id = node.bucket("photos");
    node.bucket("music");
    const auto taken = node.run(node.engine->update_bucket(id, [](Bucket& b) -> Result<void> {
        b.names = {"photos", "free", "music"};
        return {};
    }));
    CHECK(taken.error().is(Code::already_exists, Subject::bucket));
    CHECK(node.engine->find_bucket("photos")->names == std::vector<std::string>{"photos"});
    CHECK(node.bucket("free") != id);
    // An edit runs again on the row itself, and may refuse there.
    int runs = 0;
    const auto refused = node.run(node.engine->update_bucket(id, [&](Bucket& b) -> Result<void> {
        b.names.push_back("later");
        if (++runs > 1) return base::fail(Code::invalid_argument, "no");
        return {};
    }));
    CHECK(refused.error().is(Code::invalid_argument));
    CHECK(node.bucket("later") != id);
}

TEST_CASE("an edit that refuses changes nothing", "[engine]") {
    Node node;
    const auto id = node.bucket("photos");
    const auto refused = node.run(node.engine->update_bucket(id, [](Bucket& b) -> Result<void> {
        b.names = {"other"};
        return base::fail(Code::invalid_argument, "no");
    }));
    CHECK(refused.error().is(Code::invalid_argument));
    CHECK(node.engine->find_bucket("photos"));
    CHECK(node.run(node.engine->update_bucket(BucketId{}, [](Bucket&) { return Result<void>(); }))
              .error()
              .is(Code::not_found, Subject::bucket));
}

TEST_CASE("only an empty bucket is deleted", "[engine]") {
    Node node;
    const auto id = node.bucket("photos");
    REQUIRE(node.put(id, "a", "1"));
    CHECK(node.run(node.engine->delete_bucket(id)).error().is(Code::conflict, Subject::bucket));
    REQUIRE(node.put(id, "b", "still writable"));
    REQUIRE(node.remove(id, "a"));
    REQUIRE(node.remove(id, "b"));
    REQUIRE(node.run(node.engine->delete_bucket(id)));
    CHECK_FALSE(node.engine->find_bucket("photos"));
    CHECK(node.put(id, "c", "x").error().is(Code::not_found, Subject::bucket));
    CHECK(node.run(node.engine->delete_bucket(id)).error().is(Code::not_found, Subject::bucket));
    node.restart();
    CHECK_FALSE(node.engine->find_bucket("photos"));
    CHECK(node.bucket("photos") != id);
}

Task<void> put_into(Engine& engine, BucketId id, std::string key, Result<ObjectInfo>& out) {
    out = co_await write_all(engine.put_object(id, std::move(key), std::nullopt), "body");
}
Task<void> delete_whole(Engine& engine, BucketId id, Result<void>& out) {
    out = co_await engine.delete_bucket(id);
}

Task<void> race(Engine& engine, io::Executor& executor, BucketId id, std::vector<Result<ObjectInfo>>& puts,
                Result<void>& removed) {
    io::TaskGroup group(executor);
    for (std::size_t i = 0; i < puts.size(); ++i) {
        if (i == puts.size() / 2) group.spawn(delete_whole(engine, id, removed));
        group.spawn(put_into(engine, id, "k" + std::to_string(i), puts[i]));
    }
    co_await group.join();
}
Task<int> raced(Engine& engine, io::Executor& executor, BucketId id, std::vector<Result<ObjectInfo>>& puts,
                Result<void>& removed) {
    co_await race(engine, executor, id, puts, removed);
    co_return 0;
}

TEST_CASE("a bucket is never deleted with an object that was acknowledged", "[engine]") {
    Node node;
    for (int round = 0; round < 10; ++round) {
        const auto id = node.bucket("b" + std::to_string(round));
        std::vector<Result<ObjectInfo>> puts(8, base::fail(Code::internal, "not run"));
        Result<void> removed = base::fail(Code::internal, "not run");
        node.run(raced(*node.engine, node.env.executor, id, puts, removed));
        const auto written = std::count_if(puts.begin(), puts.end(), [](const auto& p) { return p.has_value(); });
        CHECK(removed.has_value() == (written == 0));
        for (const auto& put : puts) {
            if (!put) CHECK(put.error().is(Code::not_found, Subject::bucket));
        }
    }
}

TEST_CASE("usage counts what is there; quotas refuse what would be too much", "[engine]") {
    Node node;
    const auto id = node.bucket("photos");
    REQUIRE(node.put(id, "a", std::string(100, 'a')));
    REQUIRE(node.put(id, "b", std::string(50'000, 'b')));
    REQUIRE(node.put(id, "a", std::string(10, 'c')));
    REQUIRE(node.remove(id, "nothing"));
    node.restart();
    const auto usage = node.run(node.engine->bucket_usage(id));
    REQUIRE(usage);
    CHECK(usage->objects == 2);
    CHECK(usage->bytes == 50'010);
    REQUIRE(node.run(node.engine->update_bucket(id, [](Bucket& b) -> Result<void> {
        b.quota = {50'100, 3};
        return {};
    })));
    CHECK(node.put(id, "c", std::string(91, 'x')).error().is(Code::quota_exceeded));
    CHECK(node.put(id, "c", std::string(90, 'x')));
    CHECK(node.put(id, "d", "").error().is(Code::quota_exceeded));
    // Replacing an object by one of the same size asks for nothing more.
    CHECK(node.put(id, "b", std::string(50'000, 'd')));
    REQUIRE(node.remove(id, "b"));
    CHECK(node.run(node.engine->bucket_usage(id))->bytes == 100);
    CHECK(node.put(id, "d", "fits"));
}

TEST_CASE("access keys are made, changed, found and deleted", "[engine]") {
    Node node;
    AccessKey wanted;
    wanted.name = "laptop";
    const auto made = node.run(node.engine->create_key(wanted));
    REQUIRE(made);
    const auto key = **made;
    CHECK(key.id.size() == 26);
    CHECK(key.id.starts_with("LK"));
    CHECK(key.secret.size() == 64);
    const auto bucket = node.run(node.engine->create_bucket("mine", key.id));
    REQUIRE(bucket);
    CHECK((*bucket)->owner_key == key.id);
    REQUIRE(node.run(node.engine->update_key(key.id, [](AccessKey& k) -> Result<void> {
        k.disabled = true;
        k.expires = WallTime{5000};
        return {};
    })));
    node.restart();
    const auto found = node.engine->find_key(key.id);
    REQUIRE(found);
    CHECK(found->secret == key.secret);
    CHECK(found->disabled);
    CHECK(found->expires->ms == 5000);
    CHECK(found->rights.at((*bucket)->id).owner);
    CHECK(node.run(node.engine->create_key(key)).error().is(Code::already_exists, Subject::access_key));
    REQUIRE(node.run(node.engine->delete_bucket((*bucket)->id)));
    CHECK_FALSE(node.engine->find_key(key.id)->rights.contains((*bucket)->id));
    REQUIRE(node.run(node.engine->delete_key(key.id)));
    CHECK(node.run(node.engine->delete_key(key.id)).error().is(Code::not_found, Subject::access_key));
    node.restart();
    CHECK_FALSE(node.engine->find_key(key.id));
}

TEST_CASE("a key with an id of its own choosing keeps it, and gets a secret when it brings none", "[engine]") {
    Node node;
    AccessKey wanted;
    wanted.id = "LK" + std::string(24, 'a');
    const auto made = node.run(node.engine->create_key(wanted));
    REQUIRE(made);
    CHECK((*made)->id == wanted.id);
    CHECK((*made)->secret.size() == 64);
    AccessKey other;
    other.secret = std::string(64, 'b');
    CHECK((*node.run(node.engine->create_key(other)))->secret == other.secret);
}

TEST_CASE("a bucket for an owner who does not exist is not made", "[engine]") {
    Node node;
    CHECK(node.run(node.engine->create_bucket("mine", "LKnobody")).error().is(Code::not_found, Subject::access_key));
    CHECK_FALSE(node.engine->find_bucket("mine"));
}

TEST_CASE("opening: nothing there, newer format, in use", "[engine]") {
    Node node;
    CHECK(node.try_open(node.options()).error().is(Code::conflict));
    auto elsewhere = node.options();
    elsewhere.meta_folder = node.folder.path() + "/elsewhere";
    elsewhere.data_folders = {node.folder.path() + "/elsewhere-data"};
    elsewhere.create = false;
    CHECK(node.try_open(elsewhere).error().is(Code::not_found));
    CHECK_FALSE(*node.env.disk.exists(elsewhere.meta_folder));
    const auto identity = node.status().node;
    const auto name = node.status().cluster_name;
    node.restart();
    CHECK(node.status().node == identity);
    CHECK(node.status().cluster_name == name);
    // A node of before there were keys takes the id of the key that it is given, and keeps the rest.
    base::NodeId key;
    key.bytes.fill(7);
    auto with_key = node.options();
    with_key.identify = [key] { return Result<base::NodeId>(key); };
    node.kill();
    node.engine = node.try_open(with_key).value();
    CHECK(node.status().node == key);
    CHECK(node.status().cluster_name == name);
    node.restart();
    CHECK(node.status().node == key);
    node.kill();
    with_key.identify = [] { return Result<base::NodeId>(base::fail(Code::corrupted, "no key")); };
    CHECK(node.try_open(with_key).error().is(Code::corrupted));
}

}  // namespace
}  // namespace larder::engine
