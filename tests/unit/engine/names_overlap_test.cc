// Names of files changed by many at once: whatever the order, each file knows its names, and nothing is left over.
#include "tests/sim/world.h"
#include "tests/unit/engine/harness.h"
#include "tests/unit/engine/shuffled.h"

#include <catch2/catch.hpp>

namespace larder::engine {
namespace {

using base::Code;

constexpr std::array<std::string_view, 5> kKeys = {"a", "b", "c", "d/a", "d/b"};

struct Outcome {
    int done = 0;
    std::set<std::string> odd;  // errors that no race explains
};

Task<Result<void>> act(Engine& engine, FileStore& files, BucketId id, std::uint64_t dice) {
    const std::string one(kKeys[dice % 5]);
    const std::string two(kKeys[dice / 5 % 5]);
    Result<FileEntry> changed;
    switch (dice / 25 % 8) {
        case 0: {
            const auto body = pattern(dice % 2 == 0 ? 10 : 20'000, dice);
            CO_TRY_VOID(co_await write_all(engine.put_object(id, one, body.size()), body));
            co_return Result<void>();
        }
        case 1:
            changed = co_await files.remove(one, 1);
            break;
        case 2:
            co_return co_await files.exchange(one, two, 1);
        case 3: {
            CO_TRY_VOID(co_await engine.delete_object(id, DeleteRequest{one, {}}));
            co_return Result<void>();
        }
        case 4:
            co_return co_await files.rename_directory(dice % 2 == 0 ? "d/" : "e/", dice % 2 == 0 ? "e/" : "d/", 1);
        case 5:
            changed = co_await files.rename(one, two, false, 1);
            break;
        default:
            changed = co_await files.link(one, two, 1);
    }
    CO_TRY_VOID(changed);
    co_return Result<void>();
}

Task<void> client(Engine& engine, BucketId id, std::uint64_t seed, Outcome& outcome) {
    sim::Dice dice(seed);
    const auto files = engine.files(id).value();
    for (int i = 0; i < 15; ++i) {
        const auto done = co_await act(engine, *files, id, dice.next());
        if (done) {
            ++outcome.done;
        } else if (!done.error().is(Code::not_found) && !done.error().is(Code::already_exists) &&
                   !done.error().is(Code::conflict)) {
            outcome.odd.insert(done.error().message);
        }
    }
}

Task<bool> at_once(ShuffledNode& node, BucketId id, std::uint64_t seed, Outcome& outcome) {
    io::TaskGroup group(node.executor);
    for (std::uint64_t n = 0; n < 5; ++n) group.spawn(client(*node.engine, id, seed * 100 + n, outcome));
    co_await group.join();
    co_return true;
}

// Every file that is there has as many names as it says, and can be read.
Task<bool> names_agree(Engine& engine, BucketId id) {
    const auto files = engine.files(id).value();
    const auto page = co_await engine.list_objects(id, {});
    if (!page) co_return false;
    std::map<std::uint64_t, std::uint32_t> names;
    std::map<std::uint64_t, std::uint32_t> said;
    for (const auto& object : page->objects) {
        const auto found = co_await files->find(object.key);
        const auto body = co_await read_object(engine, id, object.key);
        if (!found || !found->object || !body) co_return false;
        ++names[found->object->inode];
        said[found->object->inode] = found->object->links;
    }
    const auto usage = co_await files->usage();
    co_return names == said&& usage && usage->used.objects == page->objects.size();
}

Task<bool> is_empty(Engine& engine, BucketId id) {
    const auto files = engine.files(id).value();
    const auto usage = co_await files->usage();
    const auto status = co_await engine.status();
    co_return usage && usage->used.objects == 0 && usage->used.bytes == 0 && status && status->blocks == 0;
}

Task<bool> remove_all(Engine& engine, io::Env& env, BucketId id) {
    const auto page = co_await engine.list_objects(id, {});
    for (const auto& object : page->objects) (void)co_await engine.delete_object(id, DeleteRequest{object.key, {}});
    co_return co_await eventually(env, [&engine, id]() { return is_empty(engine, id); });
}

TEST_CASE("names changed by many at once agree in the end", "[files][links][concurrent]") {
    ShuffledNode node(3);
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        INFO("seed " << seed);
        const auto id = node.run(node.engine->create_bucket("names-" + std::to_string(seed), "")).value()->id;
        Outcome outcome;
        REQUIRE(node.run(at_once(node, id, seed, outcome)));
        CHECK(outcome.odd == std::set<std::string>{});
        CHECK(outcome.done > 10);
        CHECK(node.run(eventually(node.env, [&]() { return names_agree(*node.engine, id); })));
        CHECK(node.run(remove_all(*node.engine, node.env, id)));
    }
    node.close();
}

}  // namespace
}  // namespace larder::engine
