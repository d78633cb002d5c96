// Many calls under way at once, in an order that a seed picks: each key must be a linearizable register, and what is
// promised of whole buckets must hold.
#include "tests/unit/engine/clients.h"
#include "tests/unit/engine/harness.h"

#include <catch2/catch.hpp>

#include <set>

namespace larder::engine {
namespace {

using base::Code;

constexpr std::uint64_t kSeedsPerNode = 40;

// Makes the bucket from several sides at once; how often that succeeded.
Task<int> make_bucket(ShuffledNode& node, std::string name, int makers) {
    int made = 0;
    io::TaskGroup group(node.executor);
    for (int i = 0; i < makers; ++i) {
        group.spawn([](Engine& engine, std::string wanted, int& count) -> Task<void> {
            const auto bucket = co_await engine.create_bucket(wanted, "");
            if (bucket) {
                ++count;
            } else if (!bucket.error().is(Code::already_exists, base::Subject::bucket)) {
                count += 1000;
            }
        }(*node.engine, name, made));
    }
    co_await group.join();
    co_return made;
}

BucketId bucket_named(ShuffledNode& node, const std::string& name) {
    REQUIRE(node.run(make_bucket(node, name, 3)) == 1);
    const auto bucket = node.engine->find_bucket(name);
    REQUIRE(bucket);
    return bucket->id;
}

// What a bucket is said to hold, and what its listing shows.
void check_usage(ShuffledNode& node, BucketId bucket) {
    const auto usage = node.run(node.engine->bucket_usage(bucket));
    const auto page = node.run(node.engine->list_objects(bucket, {}));
    REQUIRE(usage);
    REQUIRE(page);
    std::uint64_t bytes = 0;
    for (const auto& object : page->objects) bytes += object.size;
    CHECK(usage->objects == page->objects.size());
    CHECK(usage->bytes == bytes);
}

void run_seed(ShuffledNode& node, std::uint64_t seed) {
    std::vector<BucketId> buckets;
    for (int i = 0; i < 2; ++i) {
        buckets.push_back(bucket_named(node, "bucket-" + std::to_string(seed) + "-" + std::to_string(i)));
    }
    Clients clients(node, buckets, seed);
    const auto worked = [](Clients& all) -> Task<bool> {
        co_await all.work(5, 8);
        co_return true;
    };
    REQUIRE(node.run(worked(clients)));
    for (const auto& sentence : clients.verdict()) FAIL_CHECK("seed " << seed << ": " << sentence);
    CHECK(clients.successes() > 20);
    for (const auto& bucket : buckets) check_usage(node, bucket);
}

TEST_CASE("each key is a linearizable register, whatever is under way at once", "[concurrent]") {
    for (std::uint64_t first = 1; first <= 240; first += kSeedsPerNode) {
        ShuffledNode node(first);
        for (std::uint64_t seed = first; seed < first + kSeedsPerNode; ++seed) run_seed(node, seed);
        const auto damage = node.run(node.engine->verify());
        REQUIRE(damage);
        for (const auto& sentence : *damage) FAIL_CHECK("from seed " << first << ": " << sentence);
        node.close();
    }
}

// What a listing showed of the one object that is renamed; 0 is a listing that failed.
Task<void> watch_token(Engine& engine, BucketId bucket, int times, std::multiset<std::size_t>& shown) {
    for (int i = 0; i < times; ++i) {
        const auto page = co_await engine.list_objects(bucket, {});
        shown.insert(page ? page->objects.size() : 0);
    }
}

Task<void> move_token(Engine& engine, BucketId bucket, int mover, std::multiset<Code>& outcomes) {
    for (int i = 0; i < 12; ++i) {
        const auto from = "place-" + std::to_string((mover + i) % 3);
        const auto to = "place-" + std::to_string((mover * 2 + i + 1) % 3);
        if (from == to) continue;
        const auto moved = co_await rename_object(engine, bucket, from, to);
        if (!moved) outcomes.insert(moved.error().code);
    }
}

Task<bool> rename_at_once(ShuffledNode& node, BucketId bucket, std::multiset<std::size_t>& shown,
                          std::multiset<Code>& outcomes) {
    io::TaskGroup group(node.executor);
    for (int mover = 0; mover < 4; ++mover) group.spawn(move_token(*node.engine, bucket, mover, outcomes));
    group.spawn(watch_token(*node.engine, bucket, 30, shown));
    co_await group.join();
    co_return true;
}

TEST_CASE("an object that is renamed is under one name at every moment", "[concurrent]") {
    ShuffledNode node(7);
    for (int round = 0; round < 20; ++round) {
        const auto bucket = bucket_named(node, "renames-" + std::to_string(round));
        const auto body = pattern(round % 2 == 0 ? 10 : 20'000);
        REQUIRE(node.run(write_all(node.engine->put_object(bucket, "place-0", body.size()), body)));
        std::multiset<std::size_t> shown;
        std::multiset<Code> outcomes;
        REQUIRE(node.run(rename_at_once(node, bucket, shown, outcomes)));
        CHECK(shown.count(1) == 30);
        CHECK(outcomes.count(Code::not_found) + outcomes.count(Code::conflict) == outcomes.size());
        const auto page = node.run(node.engine->list_objects(bucket, {}));
        REQUIRE(page->objects.size() == 1);
        CHECK(node.run(read_object(*node.engine, bucket, page->objects[0].key)) == body);
    }
    node.close();
}

struct Race {
    bool deleted = false;
    int written = 0;
    std::multiset<Code> refused;
};

// Objects that come and go, so that some write is under way when the deletion begins; the last one stays.
Task<void> write_into(Engine& engine, BucketId bucket, int number, int before, Race& race) {
    const auto body = pattern(number % 2 == 0 ? 10 : 20'000);
    const auto key = "key-" + std::to_string(number);
    for (int i = 0; i <= before; ++i) {
        const auto done = co_await write_all(engine.put_object(bucket, key, body.size()), body);
        if (!done) {
            race.refused.insert(done.error().code);
            co_return;
        }
        if (i == before) break;
        const auto removed = co_await engine.delete_object(bucket, {key, {}});
        // Refused: the object stands, and the bucket with it.
        if (!removed) break;
    }
    ++race.written;
}

Task<void> delete_it(Engine& engine, BucketId bucket, Race& race) {
    const auto done = co_await engine.delete_bucket(bucket);
    race.deleted = done.has_value();
    if (!done && !done.error().is(Code::conflict, base::Subject::bucket)) race.refused.insert(Code::internal);
}

Task<Race> race_for_bucket(ShuffledNode& node, BucketId bucket, int round) {
    Race race;
    io::TaskGroup group(node.executor);
    group.spawn(write_into(*node.engine, bucket, 0, round % 5, race));
    group.spawn(delete_it(*node.engine, bucket, race));
    group.spawn(write_into(*node.engine, bucket, 1, round % 3, race));
    co_await group.join();
    co_return race;
}

TEST_CASE("a bucket is not deleted with an object that was acknowledged", "[concurrent]") {
    ShuffledNode node(8);
    int deleted = 0;
    for (int round = 0; round < 120; ++round) {
        const auto name = "race-" + std::to_string(round);
        const auto bucket = bucket_named(node, name);
        const auto race = node.run(race_for_bucket(node, bucket, round));
        INFO("round " << round << ": deleted " << race.deleted << ", written " << race.written);
        CHECK(race.deleted == (race.written == 0));
        CHECK(race.refused.count(Code::not_found) == race.refused.size());
        CHECK((node.engine->find_bucket(name) == nullptr) == race.deleted);
        if (!race.deleted) {
            const auto page = node.run(node.engine->list_objects(bucket, {}));
            REQUIRE(page);
            CHECK(page->objects.size() == static_cast<std::size_t>(race.written));
        }
        deleted += race.deleted ? 1 : 0;
    }
    CHECK(deleted > 0);
    CHECK(deleted < 120);
    node.close();
}

}  // namespace
}  // namespace larder::engine
