#include "tests/unit/engine/shuffled.h"

#include <catch2/catch.hpp>

namespace larder::engine {

void ShuffledExecutor::post(io::Work work) {
    {
        const std::lock_guard hold(mutex_);
        ready_.push_back(std::move(work));
    }
    loop_.post([this] { run_one(); });
}

void ShuffledExecutor::run_one() {
    io::Work work;
    {
        const std::lock_guard hold(mutex_);
        auto& chosen = ready_[dice_.below(ready_.size())];
        std::swap(chosen, ready_.back());
        work = std::move(ready_.back());
        ready_.pop_back();
    }
    work();
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
    const std::lock_guard hold(mutex_);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(dice_.next());
}

ShuffledNode::ShuffledNode(std::uint64_t seed)
    : disk(seed),
      executor(world.env().executor, seed),
      blocking(executor),
      random(seed),
      env{executor, world.env().clock, random, disk, world.env().network, blocking} {
    Options options;
    options.meta_folder = "/node/meta";
    options.data_folders = {"/node/data"};
    options.create = true;
    options.cluster_name = "test";
    auto opened = run(make_engine(env, metrics, options));
    if (!opened) FAIL(opened.error().message);
    engine = std::move(*opened);
}

void ShuffledNode::close() {
    const auto closed = run(engine->close());
    if (!closed) FAIL(closed.error().message);
    engine.reset();
}

}  // namespace larder::engine
