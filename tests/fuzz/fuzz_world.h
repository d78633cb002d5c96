// What targets need of a world to run tasks: no threads, no files, no clock; and a request whose body is a text.
#pragma once

#include "src/http/http.h"
#include "src/io/local_network.h"
#include "src/io/task_group.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/world.h"

#include <algorithm>
#include <optional>
#include <string>

namespace larder::fuzz {

// Runs tasks to their end. Ready work is taken in an order that the seed decides.
class FuzzWorld {
 public:
    explicit FuzzWorld(std::uint64_t seed = 0) : world_(seed) {}

    io::Env& env() { return env_; }

    template <typename T>
    T run(io::Task<T> task) {
        std::optional<T> value;
        io::TaskGroup group(executor_);
        group.spawn(finish(std::move(task), value));
        while (!value && world_.step()) {
        }
        ENSURE(value);
        return std::move(*value);
    }

 private:
    template <typename T>
    static io::Task<void> finish(io::Task<T> task, std::optional<T>& value) {
        value.emplace(co_await std::move(task));
    }

    sim::World world_;
    sim::SimExecutor executor_{world_, 1};
    sim::SimClock clock_{world_, 1};
    sim::SimRandom random_{world_};
    sim::SimDisk disk_{0};
    io::LocalNetwork network_{1};
    sim::SimBlocking blocking_{executor_};
    io::Env env_{executor_, clock_, random_, disk_, network_, blocking_};
};

// Gives the body in reads of at most `step` bytes. Nothing is ever answered.
class TextExchange final : public http::Exchange {
 public:
    TextExchange(http::RequestHead head, std::string_view body, std::size_t step)
        : head_(std::move(head)), body_(body), step_(step) {}

    const http::RequestHead& request() const override { return head_; }
    io::Task<base::Result<std::size_t>> read_some(std::span<std::byte> out) override {
        co_return take(out.first(std::min(out.size(), step_)));
    }
    io::Task<base::Result<std::size_t>> read(std::span<std::byte> out) override { co_return take(out); }
    io::Task<base::Result<void>> respond(http::ResponseHead, std::string) override { return none(); }
    io::Task<base::Result<void>> start(http::ResponseHead, std::optional<std::uint64_t>) override { return none(); }
    io::Task<base::Result<void>> write(base::Buffer) override { return none(); }
    io::Task<base::Result<void>> write(std::string) override { return none(); }
    io::Task<base::Result<void>> finish() override { return none(); }
    void abort() override {}
    bool responded() const override { return false; }
    std::uint64_t body_bytes_read() const override { return 0; }
    std::uint64_t body_bytes_written() const override { return 0; }

 private:
    static io::Task<base::Result<void>> none() { co_return base::Result<void>(); }
    std::size_t take(std::span<std::byte> out) {
        const auto n = std::min(out.size(), body_.size());
        std::copy_n(base::as_bytes(body_).begin(), n, out.begin());
        body_.remove_prefix(n);
        return n;
    }

    http::RequestHead head_;
    std::string_view body_;
    std::size_t step_;
};

// Takes the first line off an input that begins with lines.
inline std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

}  // namespace larder::fuzz
