// Random cases of two mounts and S3 in one bucket (play.h). LARDER_MODEL_CASES: how many in memory;
// LARDER_MODEL_ENGINE_CASES: over a real engine; LARDER_MODEL_SEED: this one alone, in both.
#include "tests/model/play.h"
#include "tests/sim/sim_disk.h"
#include "tests/support/seeds.h"

#include <catch2/catch.hpp>

#include <functional>
#include <iostream>

namespace larder::model_test {
namespace {

// What differs, and what was done until then; both empty when nothing does.
struct Outcome {
    std::string wrong, log;
};
using Run = std::function<Outcome(const std::vector<Step>&)>;

// The fewest steps that still fail: parts are left out, halves first, then less, while any can be.
std::vector<Step> shrink(std::vector<Step> steps, const Run& run) {
    for (auto part = steps.size() / 2; part > 0;) {
        bool less = false;
        for (std::size_t at = 0; at < steps.size();) {
            auto fewer = steps;
            const auto from = fewer.begin() + static_cast<std::ptrdiff_t>(at);
            fewer.erase(from, from + static_cast<std::ptrdiff_t>(std::min(part, fewer.size() - at)));
            if (run(fewer).wrong.empty()) {
                at += part;
            } else {
                steps = std::move(fewer);
                less = true;
            }
        }
        if (!less || part > 1) part /= 2;
        if (less && part == 0) part = 1;
    }
    return steps;
}

void check(int cases, const Run& run) {
    const int only = test::seeds("LARDER_MODEL_SEED", 0);
    const auto first = only != 0 ? only : 1;
    const auto last = only != 0 ? only : cases;
    for (int seed = first; seed <= last; ++seed) {
        const auto steps = make_steps(static_cast<std::uint64_t>(seed));
        if (run(steps).wrong.empty()) continue;
        const auto fewest = run(shrink(steps, run));
        FAIL("seed " << seed << "\n" << fewest.log << fewest.wrong);
    }
}

Task<Outcome> play(io::Env& env, std::unique_ptr<Doors> doors, std::vector<Step> steps, bool patient) {
    Play play(env, std::move(doors), patient);
    Outcome out;
    out.wrong = co_await play.run(std::move(steps));
    out.log = play.log();
    co_return out;
}

Task<Outcome> play_in_engine(io::Env& env, engine::Engine& engine, std::string bucket, std::vector<Step> steps) {
    auto doors = co_await engine_doors(engine, std::move(bucket));
    if (!doors) co_return Outcome{"there is no bucket", ""};
    co_return co_await play(env, std::move(doors), std::move(steps), true);
}

TEST_CASE("two mounts and S3 show what the model says, over a store in memory", "[model]") {
    test::World world;
    check(test::seeds("LARDER_MODEL_CASES", 150), [&world](const std::vector<Step>& steps) {
        return world.run(play(world.env(), memory_doors(world.env()), steps, false));
    });
}

TEST_CASE("two mounts and S3 show what the model says, over an engine", "[model]") {
    sim::SimDisk disk(1);  // outlives the pool of the world, which may be at work on it
    test::World world;
    const auto& real = world.env();
    io::Env env{real.executor, real.clock, real.random, disk, real.network, real.blocking};
    base::Metrics metrics;
    engine::Options options;
    options.meta_folder = "/meta";
    options.data_folders = {"/data"};
    options.create = true;
    options.cluster_name = "test";
    auto engine = world.run(engine::make_engine(env, metrics, options));
    REQUIRE(engine);
    int buckets = 0;
    check(test::seeds("LARDER_MODEL_ENGINE_CASES", 20), [&](const std::vector<Step>& steps) {
        return world.run(play_in_engine(env, **engine, "case-" + std::to_string(++buckets), steps));
    });
    REQUIRE(world.run((*engine)->close()));
}

}  // namespace
}  // namespace larder::model_test
