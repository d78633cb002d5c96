// Two nodes of one process with a connection over loopback between them, for tests.
#pragma once

#include "src/io/tcp_socket.h"
#include "src/rpc/link.h"
#include "src/rpc/tls.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <string>

namespace larder::test {

inline rpc::NodeKey key_of(char c) {
    return rpc::NodeKey::from_seed(std::string(32, c));
}

inline base::Instant soon(World& world) {
    return world.env().clock.after(std::chrono::seconds(20));
}

inline io::Task<bool> until(io::Env& env, std::function<bool()> holds) {
    const auto deadline = env.clock.after(std::chrono::seconds(20));
    for (bool late = false; !holds(); late = env.clock.now() >= deadline) {
        if (late) co_return false;
        co_await env.clock.sleep_for(std::chrono::milliseconds(1));
    }
    co_return true;
}

struct Connected {
    int from = -1;
    int to = -1;
};
inline Connected connect_loopback(World& world) {
    const auto addresses = io::resolve({"127.0.0.1", 0});
    REQUIRE(addresses);
    const auto listening = io::listen_tcp(addresses->front());
    REQUIRE(listening);
    const auto bound = io::bound_address(*listening);
    Connected out;
    out.from = *io::begin_connect(*bound);
    const auto accepted = world.run(until(world.env(), [&] {
        const auto fd = io::accept_tcp(*listening);
        if (fd) out.to = *fd;
        return fd.has_value();
    }));
    REQUIRE(accepted);
    ::close(*listening);
    return out;
}

inline rpc::Allow only(base::NodeId id) {
    return [id](rpc::Purpose, const base::NodeId& who) { return who == id; };
}

// Both sides' handshakes at once.
struct Shaken {
    std::optional<base::Result<rpc::Secured>> dialled;
    std::optional<base::Result<rpc::Secured>> accepted;
};
inline io::Task<void> keep(io::Task<base::Result<rpc::Secured>> task, std::optional<base::Result<rpc::Secured>>& out) {
    out.emplace(co_await std::move(task));
}
inline Shaken shake(World& world, rpc::Tls& a, rpc::Tls& b, rpc::Allow a_allows, rpc::Allow b_allows) {
    const auto ends = connect_loopback(world);
    Shaken out;
    io::TaskGroup group(world.env().executor);
    group.spawn(
        keep(a.connect(world.real(), ends.from, rpc::Purpose::peer, std::move(a_allows), soon(world)), out.dialled));
    group.spawn(keep(b.accept(world.real(), ends.to, std::move(b_allows), soon(world)), out.accepted));
    REQUIRE(world.run(until(world.env(), [&] { return out.dialled && out.accepted; })));
    return out;
}

}  // namespace larder::test
