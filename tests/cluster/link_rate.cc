// How fast a link between two nodes is, and how long small calls take beside bulk. Two processes:
//
//   larder_link_rate serve HOST:PORT
//   larder_link_rate ask HOST:PORT SECONDS       prints JSON: MiB/s of blocks put and got, ms of small calls
//
// tests/cluster/link_rate.py runs them over a network of its own.
#include "src/base/assert.h"
#include "src/io/task_group.h"
#include "src/rpc/peer_network.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

using namespace larder;

namespace {

constexpr int kAtOnce = 28;

rpc::NodeKey key_of(char name) {
    return rpc::NodeKey::from_seed(std::string(32, name));
}

io::Task<base::Result<io::Message>> take(io::Message) {
    co_return io::Message{};
}

io::Task<base::Result<io::Message>> give(base::Buffer block) {
    co_return io::Message{"", {block}};
}

class Asker {
 public:
    Asker(io::RealEnv& world, rpc::PeerNetwork& network, base::Duration each)
        : env_(world.env()), world_(world), network_(network), each_(each) {}

    io::Task<void> run() {
        while (!network_.is_up(2)) co_await env_.clock.sleep_for(std::chrono::milliseconds(10));
        const auto alone = co_await measure("", 0);
        const auto put = co_await measure("block/put", kAtOnce);
        const auto got = co_await measure("block/get", kAtOnce);
        std::printf("{\"small_ms\": %.1f, \"put_mib_s\": %.0f, \"small_beside_put_ms\": %.1f, \"get_mib_s\": %.0f, "
                    "\"small_beside_get_ms\": %.1f}\n",
                    alone.small_ms, put.mib_s, put.small_ms, got.mib_s, got.small_ms);
        world_.stop();
    }

 private:
    struct Figures {
        double mib_s = 0;
        double small_ms = 0;  // the median
    };
    io::Task<Figures> measure(std::string method, int at_once) {
        blocks_ = 0;
        small_.clear();
        const auto begin = env_.clock.now();
        until_ = begin + each_;
        io::TaskGroup group(env_.executor);
        for (int i = 0; i < at_once; ++i) group.spawn(move_blocks(method));
        group.spawn(ask_small());
        co_await group.join();
        std::ranges::sort(small_);
        const auto seconds = static_cast<double>((env_.clock.now() - begin).count()) / 1e9;
        const auto median = small_.empty() ? 0 : small_[small_.size() / 2].count();
        co_return Figures{static_cast<double>(blocks_) / seconds, static_cast<double>(median) / 1e6};
    }
    io::Task<void> move_blocks(std::string method) {
        while (env_.clock.now() < until_) {
            io::Message request;
            if (method == "block/put") request.bulk.push_back(block_);
            const auto done =
                co_await network_.call(2, method, std::move(request), env_.clock.after(std::chrono::seconds(60)));
            ENSURE(done);
            ++blocks_;
        }
    }
    io::Task<void> ask_small() {
        while (env_.clock.now() < until_) {
            const auto asked = env_.clock.now();
            const auto done = co_await network_.call(2, "control", {}, env_.clock.after(std::chrono::seconds(60)));
            ENSURE(done);
            small_.push_back(env_.clock.now() - asked);
        }
    }

    io::Env& env_;
    io::RealEnv& world_;
    rpc::PeerNetwork& network_;
    base::Duration each_;
    base::Buffer block_ = base::Buffer::copy_of(std::string(1u << 20, 'x'));
    base::Instant until_;
    std::uint64_t blocks_ = 0;
    std::vector<base::Duration> small_;
};

}  // namespace

int main(int count, char** arguments) {
    const std::string_view what = count > 2 ? arguments[1] : "";
    io::RealEnv world;
    if (what == "serve") {
        rpc::PeerNetwork network(world, key_of('b'), 2);
        const auto block = base::Buffer::copy_of(std::string(1u << 20, 'y'));
        network.serve("block/put", [](io::NodeNumber, io::Message m) { return take(std::move(m)); });
        network.serve("control", [](io::NodeNumber, io::Message m) { return take(std::move(m)); });
        network.serve("block/get", [block](io::NodeNumber, io::Message) { return give(block); });
        network.set_peers({{1, key_of('a').id(), {}}});
        ENSURE(network.door().listen(arguments[2]));
        world.run();
        return 0;
    }
    if (what != "ask" || count != 4) {
        std::fputs("larder_link_rate serve HOST:PORT | ask HOST:PORT SECONDS\n", stderr);
        return 2;
    }
    rpc::PeerNetwork network(world, key_of('a'), 1);
    network.set_peers({{2, key_of('b').id(), {arguments[2]}}});
    Asker asker(world, network, std::chrono::seconds(std::atoi(arguments[3])));
    io::TaskGroup group(world.env().executor);
    group.spawn(asker.run());
    world.run();
    return 0;
}
