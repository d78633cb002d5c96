// Crashes and failing disks: a referenced block is there whole afterwards, an unreferenced one is not, and the index
// can be lost at any time. The workload puts, refers, drops and reclaims at once, over few contents.
#include "tests/support/seeds.h"
#include "tests/unit/block/harness.h"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>

namespace larder::block {
namespace {

using base::Result;

constexpr std::uint64_t kContents = 24;

std::string content(std::uint64_t number) {
    const auto size = 500 + number * number * number * 11;
    return number % 3 == 0 ? text(size, number) : pattern(size, number);
}

// What the caller of a store remembers, as the engine does: owners with the contents they surely reference, and owners
// whose last call came to an unknown end, which are dropped after a restart.
struct Caller {
    std::map<std::uint64_t, std::set<std::uint64_t>> owners;
    std::set<std::uint64_t> unknown;
    std::uint64_t next_owner = 1;
};

class Life {
 public:
    Life(test::World& world, std::uint64_t seed) : node(world, seed), dice(seed) {
        node.options.folders = {"/data/one", "/data/two"};
        node.options.segment_bytes = 256 * 1024;
        for (std::uint64_t number = 0; number < kContents; ++number) contents_.push_back(content(number));
    }

    Node node;
    std::mt19937_64 dice;

    // Opens, and makes up for what the index has lost. False with a reason when one or the other fails.
    Result<void> open() {
        TRY_VOID(node.try_open());
        if (!index_is_whole_) index_is_whole_ = make_up_for_rebuild();
        if (index_is_whole_) return {};
        node.drop();
        return base::fail(base::Code::io_failure, "the references could not be added again");
    }

    // The rows of one shard of the index are gone.
    void lose_index() {
        (void)node.erase_rows(static_cast<db::ShardId>(dice() % 2), 32, 36);
        index_is_whole_ = false;
    }

    // Groups of calls at once, each group waited for.
    void work() {
        for (auto groups = 1 + dice() % 6; groups > 0; --groups) node.run(work_at_once());
    }

    // After a restart on a healthy disk: makes up for what was cut off, then looks at everything. Empty when well.
    std::string verdict() {
        for (const auto owner : caller_.unknown) {
            if (!node.drop(owner)) return "an owner cannot be dropped";
            caller_.owners.erase(owner);
        }
        caller_.unknown.clear();
        std::set<std::uint64_t> alive;
        for (const auto& [owner, numbers] : caller_.owners) alive.insert(numbers.begin(), numbers.end());
        for (int look = 0; look < 2; ++look) {
            for (std::uint64_t number = 0; number < kContents; ++number) {
                const auto got = node.get(contents_[number]);
                const bool there = got && *got == contents_[number];
                if (there != alive.contains(number)) return "content " + std::to_string(number) + wrong(got);
            }
            if (node.blocks() != alive.size()) return "blocks are counted wrongly";
            if (const auto damage = node.damage(); !damage.empty()) return damage[0];
            node.reclaim();
        }
        return {};
    }

 private:
    static std::string wrong(const Result<std::string>& got) {
        return got ? " is there, though nobody refers to it, or is another" : ": " + got.error().message;
    }

    // What the engine does after a rebuild: references that only the caller knows are added before the owners that it
    // does not know are dropped, or a block that both have would go.
    bool make_up_for_rebuild() {
        for (const auto& [number, contents] : caller_.owners) {
            std::vector<std::string> all;
            for (const auto content : contents) all.push_back(contents_[content]);
            if (!caller_.unknown.contains(number) && !node.refer(all, number)) return false;
        }
        for (const auto& found : node.store->recovered_owners()) {
            bool known = false;
            for (const auto& [number, contents] : caller_.owners) known = known || owner(number) == found;
            if (!known && !node.run(node.store->drop_references(found))) return false;
        }
        return node.run(node.store->accept_recovery()).has_value();
    }

    io::Task<int> work_at_once() {
        io::TaskGroup group(node.env.executor);
        for (auto calls = 1 + dice() % 8; calls > 0; --calls) group.spawn(call());
        co_await group.join();
        co_return 0;
    }

    io::Task<void> call() {
        const auto what = dice() % 16;
        if (what < 8) return put(caller_.next_owner++, dice() % kContents);
        if (what < 10) return refer(caller_.next_owner++);
        if (what < 14) return drop();
        return reclaim();
    }

    io::Task<void> put(std::uint64_t by, std::uint64_t number) {
        caller_.unknown.insert(by);
        const auto done =
            co_await node.store->put(base::Buffer::copy_of(contents_[number]), owner(by), std::nullopt, false);
        if (!done) co_return;
        caller_.unknown.erase(by);
        caller_.owners[by].insert(number);
    }

    // A copy: what another owner surely references gets one more, while that one is leased.
    io::Task<void> refer(std::uint64_t by) {
        const auto from = some_owner();
        if (!from) co_return;
        const auto numbers = caller_.owners[*from];
        const auto lease = node.store->lease({owner(*from)});
        std::vector<base::Hash256> names;
        for (const auto number : numbers) names.push_back(base::sha256(contents_[number]));
        caller_.unknown.insert(by);
        const auto done = co_await node.store->add_references(names, owner(by));
        if (!done) co_return;
        caller_.unknown.erase(by);
        caller_.owners[by] = numbers;
    }

    io::Task<void> drop() {
        const auto which = some_owner();
        if (!which) co_return;
        caller_.unknown.insert(*which);
        const auto done = co_await node.store->drop_references(owner(*which));
        if (!done && !done.error().is(base::Code::conflict, base::Subject::block)) co_return;
        caller_.unknown.erase(*which);
        if (done) caller_.owners.erase(*which);
    }

    io::Task<void> reclaim() { (void)co_await node.store->reclaim(node.env.clock.after(std::chrono::minutes(1))); }

    std::optional<std::uint64_t> some_owner() {
        std::vector<std::uint64_t> sure;
        for (const auto& [number, contents] : caller_.owners) {
            if (!caller_.unknown.contains(number)) sure.push_back(number);
        }
        if (sure.empty()) return std::nullopt;
        return sure[dice() % sure.size()];
    }

    std::vector<std::string> contents_;
    Caller caller_;
    bool index_is_whole_ = false;  // and accepted as such
};

std::string live_and_fall(test::World& world, std::uint64_t seed, sim::Fault fault, bool power_goes) {
    Life life(world, seed);
    for (int round = 0; round < 3; ++round) {
        life.node.disk.fail_at(life.dice() % 200, fault);
        if (!life.node.is_open()) (void)life.open();
        if (life.node.is_open()) life.work();
        if (life.node.is_open() && life.dice() % 8 == 0) life.lose_index();
        if (power_goes) {
            if (life.dice() % 2 == 0) life.node.disk.cut_power();
            life.node.drop();
            life.node.disk.restart();
        } else {
            life.node.kill();
        }
        life.node.disk.fail_never();
        if (const auto opened = life.open(); !opened) return "reopening: " + opened.error().message;
        if (auto wrong = life.verdict(); !wrong.empty()) return wrong;
        if (life.dice() % 2 == 0) life.node.close();
    }
    return {};
}

// As many seeds as every run of the tests can bear; LARDER_BLOCK_SEEDS asks for more.
void check_seeds(int usual, sim::Fault fault, bool power_goes) {
    test::check_seeds(test::seeds("LARDER_BLOCK_SEEDS", usual), [=](test::World& world, std::uint64_t seed) {
        return live_and_fall(world, seed, fault, power_goes);
    });
}

TEST_CASE("a power cut at any call loses no referenced block and keeps no other", "[block][crash]") {
    check_seeds(80, sim::Fault::power_cut, true);
}

TEST_CASE("a call that fails, and then a power cut, loses no referenced block", "[block][crash]") {
    check_seeds(40, sim::Fault::io_error, true);
}

TEST_CASE("a call that fails, and then a restart, loses no referenced block", "[block][crash]") {
    check_seeds(40, sim::Fault::io_error, false);
}

TEST_CASE("a full disk at any call loses no referenced block", "[block][crash]") {
    check_seeds(40, sim::Fault::no_space, true);
}

}  // namespace
}  // namespace larder::block
