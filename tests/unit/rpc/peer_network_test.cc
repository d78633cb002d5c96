// Several nodes in one process, linked over loopback.
#include "src/rpc/peer_network.h"

#include "src/rpc/dial.h"
#include "tests/unit/rpc/node_pair.h"

#include <sys/socket.h>

using namespace larder;
using base::Code;
using base::Result;
using io::Message;
using io::NodeNumber;
using io::Task;
using rpc::PeerNetwork;
using test::until;

namespace {

rpc::PeerOptions quick() {
    rpc::PeerOptions options;
    options.first_pause = std::chrono::milliseconds(1);
    options.longest_pause = std::chrono::milliseconds(20);
    return options;
}

rpc::NodeKey key_of(NodeNumber number) {
    return test::key_of(static_cast<char>('a' + number));
}

struct Node {
    Node(test::World& world, NodeNumber n, rpc::PeerOptions options = quick())
        : number(n), key(key_of(n)), network(world.real(), key, n, options) {
        network.on_change([this](NodeNumber peer, bool is_up) { changes.emplace_back(peer, is_up); });
        network.serve("echo", [this](NodeNumber from, Message request) -> Task<Result<Message>> {
            ++served;
            return reply(from, std::move(request));
        });
    }
    static Task<Result<Message>> reply(NodeNumber from, Message request) {
        if (request.body == "bad") co_return base::fail(Code::conflict, base::Subject::row, "as you wish");
        request.body += " from " + std::to_string(from);
        co_return request;
    }
    void listen() { REQUIRE(network.door().listen("127.0.0.1:0")); }
    std::string address() const { return const_cast<Node*>(this)->network.door().addresses().at(0); }
    rpc::PeerInfo info(bool with_address = true) const {
        rpc::PeerInfo out{number, key.id(), {}};
        if (with_address) out.addresses = {address()};
        return out;
    }
    NodeNumber number;
    rpc::NodeKey key;
    PeerNetwork network;
    int served = 0;
    std::vector<std::pair<NodeNumber, bool>> changes;
};

Result<Message> ask(test::World& world, Node& from, NodeNumber to, std::string body = "hello") {
    return world.run(from.network.call(to, "echo", {std::move(body), {}}, test::soon(world)));
}

bool both_up(const Node& a, const Node& b) {
    return a.network.is_up(b.number) && b.network.is_up(a.number);
}

// Passes the bytes between a node and those who dial it on, until it is cut.
struct Wire {
    Wire(test::World& w, const std::string& to) : world(w), target(to), tasks(w.env().executor) {
        listening = *io::listen_tcp(io::resolve({"127.0.0.1", 0})->front());
        address = io::bound_address(listening)->text();
        tasks.spawn(pump());
    }
    ~Wire() {
        cut();
        ::close(listening);
    }
    struct Line {
        int a;
        int b;
    };
    void cut() {
        for (const auto& line : std::exchange(lines, {})) {
            ::close(line.a);
            ::close(line.b);
        }
    }
    static bool copy(int from, int to) {
        char bytes[16384];
        for (;;) {
            const auto n = ::recv(from, bytes, sizeof bytes, MSG_PEEK);
            if (n < 0) return errno == EAGAIN;
            if (n == 0) return false;
            const auto sent = ::send(to, bytes, static_cast<std::size_t>(n), MSG_NOSIGNAL);
            if (sent < 0) return errno == EAGAIN || errno == ENOTCONN;
            if (::recv(from, bytes, static_cast<std::size_t>(sent), 0) != sent) return false;
        }
    }
    Task<void> pump() {
        for (;;) {
            co_await world.env().clock.sleep_for(std::chrono::milliseconds(1));
            if (is_frozen) continue;
            const auto where = io::parse_host_port(target);
            while (const auto fd = io::accept_tcp(listening)) {
                ++connections;
                lines.push_back({*fd, *io::begin_connect(io::resolve(*where)->front())});
            }
            std::erase_if(lines, [](const Line& line) {
                if (copy(line.a, line.b) && copy(line.b, line.a)) return false;
                ::close(line.a);
                ::close(line.b);
                return true;
            });
        }
    }
    test::World& world;
    std::string target;
    std::string address;
    int listening = -1;
    int connections = 0;
    bool is_frozen = false;
    std::vector<Line> lines;
    io::TaskGroup tasks;
};

}  // namespace

TEST_CASE("nodes call each other, themselves, and nobody else", "[peers]") {
    test::World world;
    Node a(world, 1);
    Node b(world, 2);
    a.listen();
    b.listen();
    a.network.set_peers({b.info(), a.info()});
    b.network.set_peers({a.info()});
    // Without waiting for the link.
    CHECK(ask(world, a, 2)->body == "hello from 1");
    CHECK(ask(world, b, 1)->body == "hello from 2");
    CHECK(ask(world, a, 1)->body == "hello from 1");
    CHECK(ask(world, a, 2, "bad").error().is(Code::conflict, base::Subject::row));
    CHECK(ask(world, a, 3).error().is(Code::disconnected, base::Subject::node));
    CHECK(world.run(a.network.call(2, "no such", {}, test::soon(world))).error().is(Code::unsupported));
    const auto content = base::Buffer::copy_of(std::string(1u << 20, 'x'));
    const auto back = world.run(a.network.call(2, "echo", {"b", {content}}, test::soon(world)));
    REQUIRE(back);
    CHECK((back->bulk.at(0).chars() == content.chars()));
    REQUIRE(world.run(until(world.env(), [&] { return a.network.rtt(2) && b.network.rtt(1); })));
    for (int i = 0; i < 10; ++i) REQUIRE(ask(world, a, 2));
    CHECK(a.network.p95(2));
    CHECK_FALSE(a.network.p95(3));
    const auto status = a.network.peers();
    REQUIRE(status.size() == 1);
    CHECK(status[0].is_up);
    CHECK(status[0].info.number == 2);
}

TEST_CASE("two that dial at once keep one link, the same", "[peers]") {
    test::World world;
    for (int round = 0; round < 10; ++round) {
        Node a(world, 1);
        Node b(world, 2);
        a.listen();
        b.listen();
        a.network.set_peers({b.info()});
        b.network.set_peers({a.info()});
        REQUIRE(world.run(until(world.env(), [&] { return both_up(a, b); })));
        CHECK(ask(world, a, 2));
        CHECK(ask(world, b, 1));
        // Whatever was left over is gone, and what stays is one and the same.
        const auto same = [&] {
            const auto of_a = a.network.peers().at(0).address;
            const auto of_b = b.network.peers().at(0).address;
            return both_up(a, b) && (of_a == b.address()) != (of_b == a.address());
        };
        CHECK(world.run(until(world.env(), same)));
        CHECK(ask(world, a, 2));
        CHECK(ask(world, b, 1));
    }
}

TEST_CASE("a node that can only dial out is asked like any other", "[peers]") {
    test::World world;
    Node inside(world, 1);
    Node outside(world, 2);
    outside.listen();
    outside.network.set_peers({inside.info(false)});
    CHECK(ask(world, outside, 1).error().is(Code::disconnected));
    inside.network.set_peers({outside.info()});
    REQUIRE(world.run(until(world.env(), [&] { return both_up(inside, outside); })));
    CHECK(ask(world, outside, 1)->body == "hello from 2");
    CHECK(ask(world, inside, 2)->body == "hello from 1");
}

TEST_CASE("a cut link is made again; calls under way are told", "[peers]") {
    test::World world;
    Node a(world, 1);
    Node b(world, 2);
    b.listen();
    Wire wire(world, b.address());
    auto info = b.info();
    info.addresses = {"127.0.0.1:1", wire.address};
    a.network.set_peers({info});
    b.network.set_peers({a.info(false)});
    REQUIRE(world.run(until(world.env(), [&] { return both_up(a, b); })));
    io::Promise<Result<Message>> held(world.env().executor);
    b.network.serve("held", [&held](NodeNumber, Message) -> Task<Result<Message>> {
        return [](io::Promise<Result<Message>> p) -> Task<Result<Message>> { co_return co_await p.future(); }(held);
    });
    std::optional<Result<Message>> outcome;
    io::TaskGroup group(world.env().executor);
    group.spawn([](Node& node, base::Instant deadline, std::optional<Result<Message>>& out) -> Task<void> {
        out.emplace(co_await node.network.call(2, "held", {}, deadline));
    }(a, test::soon(world), outcome));
    CHECK(ask(world, a, 2));
    wire.cut();
    REQUIRE(world.run(until(world.env(), [&] { return outcome.has_value(); })));
    CHECK(outcome->error().is(Code::disconnected));
    REQUIRE(world.run(until(world.env(), [&] { return wire.connections >= 2 && both_up(a, b); })));
    CHECK(ask(world, a, 2));
    CHECK(ask(world, b, 1));
    using Changes = std::vector<std::pair<NodeNumber, bool>>;
    CHECK(a.changes == Changes{{2, true}, {2, false}, {2, true}});
    wire.tasks.stop();
}

TEST_CASE("a peer that falls silent is lost, and calls to it fail at once", "[peers]") {
    test::World world;
    auto options = quick();
    options.pulse = {std::chrono::milliseconds(5), std::chrono::milliseconds(100), std::chrono::milliseconds(200)};
    options.dial_patience = std::chrono::milliseconds(50);
    Node a(world, 1, options);
    Node b(world, 2, options);
    b.listen();
    Wire wire(world, b.address());
    auto info = b.info();
    info.addresses = {wire.address};
    a.network.set_peers({info});
    b.network.set_peers({a.info(false)});
    REQUIRE(world.run(until(world.env(), [&] { return both_up(a, b); })));
    wire.is_frozen = true;
    // Both sides see it, and a call that is under way gets to know.
    const auto never = world.env().clock.after(std::chrono::hours(1));
    CHECK(world.run(a.network.call(2, "echo", {"x", {}}, never)).error().is(Code::disconnected));
    REQUIRE(world.run(until(world.env(), [&] { return !a.network.is_up(2) && !b.network.is_up(1); })));
    const auto failed = world.run(a.network.call(2, "echo", {"x", {}}, never));
    CHECK(failed.error().is(Code::disconnected, base::Subject::node));
    CHECK(failed.error().message.contains("node 2"));
    wire.is_frozen = false;
    REQUIRE(world.run(until(world.env(), [&] { return both_up(a, b); })));
    CHECK(ask(world, a, 2));
    wire.tasks.stop();
}

TEST_CASE("strangers and former members are refused", "[peers]") {
    test::World world;
    Node a(world, 1);
    Node b(world, 2);
    a.listen();
    b.listen();
    SECTION("a stranger") {
        b.network.set_peers({a.info()});
        CHECK(ask(world, b, 1).error().is(Code::disconnected));
        CHECK(a.served == 0);
        CHECK(a.changes.empty());
    }
}

TEST_CASE("who is not who was meant is refused", "[peers]") {
    test::World world;
    Node a(world, 1);
    Node b(world, 2);
    a.listen();
    b.listen();
    SECTION("another node at the address of a member") {
        Node c(world, 3);
        c.listen();
        auto wrong = b.info();
        wrong.addresses = {c.address()};
        a.network.set_peers({wrong});
        c.network.set_peers({a.info()});
        const auto refused = ask(world, a, 2);
        CHECK(refused.error().is(Code::disconnected));
        CHECK(refused.error().message.contains("not allowed"));
        CHECK(c.served == 0);
    }
    SECTION("a member that is removed") {
        a.network.set_peers({b.info()});
        b.network.set_peers({a.info()});
        REQUIRE(world.run(until(world.env(), [&] { return both_up(a, b); })));
        a.network.set_peers({});
        REQUIRE(world.run(until(world.env(), [&] { return !b.network.is_up(1); })));
        CHECK(ask(world, b, 1).error().is(Code::disconnected));
        CHECK(ask(world, a, 2).error().is(Code::disconnected));
        CHECK(b.served == 0);
    }
    SECTION("a member that is removed by what it said itself") {
        a.network.serve("remove me", [&a](NodeNumber, Message) -> Task<Result<Message>> {
            a.network.set_peers({});
            return Node::reply(1, {});
        });
        a.network.set_peers({b.info()});
        b.network.set_peers({a.info()});
        CHECK(world.run(b.network.call(1, "remove me", {}, test::soon(world))).error().is(Code::disconnected));
    }
    SECTION("a member under another number") {
        auto wrong = b.info();
        wrong.number = 7;
        a.network.set_peers({wrong});
        b.network.set_peers({a.info()});
        const auto refused = ask(world, a, 7);
        CHECK(refused.error().message.contains("takes itself for node 2"));
    }
    SECTION("one who comes to join where nobody may") {
        rpc::Tls stranger(test::key_of('x'));
        const auto anybody = [](rpc::Purpose, const base::NodeId&) { return true; };
        auto secured = world.run(
            rpc::dial(world.real(), stranger, a.address(), rpc::Purpose::join, anybody, std::chrono::seconds(20)));
        REQUIRE(secured);
        iovec room{};
        char byte = 0;
        room = {&byte, 1};
        CHECK(world.run(until(world.env(), [&] { return secured->transport->read({&room, 1}).broken; })));
    }
}

TEST_CASE("addresses of a peer may change", "[peers]") {
    test::World world;
    Node a(world, 1);
    auto b = std::make_unique<Node>(world, 2);
    b->listen();
    a.network.set_peers({b->info()});
    b->network.set_peers({a.info(false)});
    REQUIRE(ask(world, a, 2));
    // It starts anew elsewhere.
    b = std::make_unique<Node>(world, 2);
    b->listen();
    b->network.set_peers({a.info(false)});
    REQUIRE(world.run(until(world.env(), [&] { return !a.network.is_up(2); })));
    a.network.set_peers({b->info()});
    CHECK(ask(world, a, 2)->body == "hello from 1");
}

TEST_CASE("a node leaves when what is under way is answered", "[peers]") {
    test::World world;
    Node a(world, 1);
    Node b(world, 2);
    a.listen();
    b.listen();
    a.network.set_peers({b.info()});
    b.network.set_peers({a.info()});
    REQUIRE(world.run(until(world.env(), [&] { return both_up(a, b); })));
    bool begun = false;
    b.network.serve("slow", [&](NodeNumber, Message) -> Task<Result<Message>> {
        begun = true;
        return [](io::Env& env) -> Task<Result<Message>> {
            co_await env.clock.sleep_for(std::chrono::milliseconds(50));
            co_return Message{"done", {}};
        }(world.env());
    });
    std::optional<Result<Message>> outcome;
    io::TaskGroup group(world.env().executor);
    group.spawn([](Node& node, base::Instant deadline, std::optional<Result<Message>>& out) -> Task<void> {
        out.emplace(co_await node.network.call(2, "slow", {}, deadline));
    }(a, test::soon(world), outcome));
    REQUIRE(world.run(until(world.env(), [&] { return begun; })));
    world.run([](Node& node, base::Instant deadline) -> Task<bool> {
        co_await node.network.leave(deadline);
        co_return true;
    }(b, test::soon(world)));
    REQUIRE(world.run(until(world.env(), [&] { return outcome.has_value(); })));
    REQUIRE(*outcome);
    CHECK((*outcome)->body == "done");
    CHECK(ask(world, b, 1).error().is(Code::disconnected));
    CHECK(ask(world, a, 2).error().is(Code::disconnected));
}

TEST_CASE("methods have urgencies", "[peers]") {
    using rpc::Urgency;
    CHECK(rpc::urgency_of("cluster/history", {}) == Urgency::control);
    CHECK(rpc::urgency_of("table", {}) == Urgency::metadata);
    CHECK(rpc::urgency_of("block", {}) == Urgency::bulk);
    CHECK(rpc::urgency_of("blockade", {}) == Urgency::metadata);
    CHECK(rpc::urgency_of("sync.tree", {}) == Urgency::background);
    CHECK(rpc::urgency_of("table", {std::string(70'000, 'x'), {}}) == Urgency::bulk);
}
