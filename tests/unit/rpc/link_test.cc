// Two ends of a connection in one process, and a bare socket where an end misbehaves.
#include "src/rpc/link.h"

#include "src/rpc/errors.h"
#include "src/rpc/listener.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace larder;
using base::Code;
using base::fail;
using base::Result;
using io::Message;
using io::Task;
using rpc::FrameKind;
using rpc::Link;

namespace {

const rpc::LinkOptions kOptions{.hello = {"test", 1, 1}};

struct Pair {
    explicit Pair(test::World& w, rpc::LinkOptions options = kOptions) : world(w) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        server = std::make_unique<Link>(w.real(), ends[0], rpc::Side::accepted, options);
        client = std::make_unique<Link>(w.real(), ends[1], rpc::Side::connected, kOptions);
    }
    void start() {
        server->start();
        client->start();
    }
    base::Instant soon() { return world.env().clock.after(std::chrono::seconds(20)); }
    Link::Content call(std::string body, std::vector<base::Buffer> bulk = {}) {
        return world.run(client->call({std::move(body), std::move(bulk)}, soon()));
    }
    test::World& world;
    std::unique_ptr<Link> server;
    std::unique_ptr<Link> client;
};

std::size_t weigh(const Message& request) {
    return 100 + rpc::payload_bytes(request);
}

Task<Link::Content> echo(Message request) {
    if (request.body == "bad") co_return fail(Code::conflict, base::Subject::object, "as you wish");
    co_return request;
}

// A bare socket at the other end.
struct Stranger {
    explicit Stranger(test::World& world, rpc::LinkOptions options = kOptions) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
        link = std::make_unique<Link>(world.real(), ends[0], rpc::Side::accepted, options);
        link->serve(echo, weigh);
        link->start();
        fd = ends[1];
    }
    ~Stranger() { ::close(fd); }
    void say(std::string_view bytes) { REQUIRE(::send(fd, bytes.data(), bytes.size(), 0) == ssize_t(bytes.size())); }
    void say(FrameKind kind, std::uint64_t id, std::string body) {
        std::string out;
        rpc::append_front(out, {kind, id, {std::move(body), {}}});
        say(out);
    }
    std::unique_ptr<Link> link;
    int fd = -1;
};

// Answers nothing before it is told to.
struct Held {
    explicit Held(io::Executor& e) : executor(e) {}
    io::Executor& executor;
    int begun = 0;
    int ended = 0;
    Task<Link::Content> serve(Message request) {
        struct Count {
            int& ended;
            ~Count() { ++ended; }
        } count{ended};
        ++begun;
        if (request.body != "quick") {
            const io::Promise<io::Done> mine(executor);
            waiting.push_back(mine);
            co_await mine.future();
        }
        co_return request;
    }
    std::vector<io::Promise<io::Done>> waiting;
    void release() {
        for (auto& one : std::exchange(waiting, {})) one.set(io::Done{});
    }
};

Task<bool> until(io::Env& env, std::function<bool()> holds) {
    const auto deadline = env.clock.after(std::chrono::seconds(20));
    while (!holds() && env.clock.now() < deadline) co_await env.clock.sleep_for(std::chrono::milliseconds(1));
    co_return holds();
}

}  // namespace

TEST_CASE("calls and answers, with bulk beside", "[rpc]") {
    test::World world;
    Pair pair(world);
    pair.server->serve(echo, weigh);
    pair.start();
    CHECK(pair.call("hello")->body == "hello");
    CHECK(pair.call("bad").error().is(Code::conflict, base::Subject::object));
    for (const std::size_t size : {std::size_t{1}, std::size_t{4096}, std::size_t{4097}, std::size_t{1} << 20}) {
        std::string bytes(size, '\0');
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
        const auto back = pair.call("b", {base::Buffer::copy_of(bytes)});
        REQUIRE(back);
        REQUIRE(back->bulk.size() == 1);
        CHECK((back->bulk[0].chars() == bytes));
    }
    const auto big = base::Buffer::allocate(rpc::kFramePayloadMax);
    CHECK(pair.call("x", {big}).error().is(Code::too_large));
}

TEST_CASE("both sides may ask", "[rpc]") {
    test::World world;
    Pair pair(world);
    pair.client->serve(echo, weigh);
    pair.start();
    CHECK(*world.run(pair.client->ready()) == 1);
    CHECK(world.run(pair.server->call({"up", {}}, pair.soon()))->body == "up");
    CHECK(pair.call("down").error().is(Code::unsupported));
}

TEST_CASE("a slow request holds nobody up; a dropped one is cancelled", "[rpc]") {
    test::World world;
    Pair pair(world);
    Held held(world.env().executor);
    pair.server->serve([&held](Message m) { return held.serve(std::move(m)); }, weigh);
    pair.start();
    auto call = [](Link& link, base::Instant deadline, std::optional<Link::Content>& out) -> Task<void> {
        out.emplace(co_await link.call({"slow", {}}, deadline));
    };
    io::TaskGroup group(world.env().executor);
    std::optional<Link::Content> kept;
    std::optional<Link::Content> dropped;
    group.spawn(call(*pair.client, pair.soon(), kept));
    {
        io::TaskGroup other(world.env().executor);
        other.spawn(call(*pair.client, pair.soon(), dropped));
        CHECK(pair.call("quick")->body == "quick");
        CHECK(held.begun == 3);
    }
    CHECK(pair.call("quick").has_value());
    CHECK(world.run(until(world.env(), [&] { return held.ended == 3; })));
    CHECK_FALSE(kept);
    held.release();
    CHECK(world.run(until(world.env(), [&] { return kept.has_value(); })));
    CHECK((*kept)->body == "slow");
    CHECK_FALSE(dropped);
    const auto late = world.run(pair.client->call({"slow", {}}, world.env().clock.now()));
    CHECK(late.error().is(Code::timeout));
    CHECK(world.run(until(world.env(), [&] { return held.ended == held.begun; })));
}

TEST_CASE("the end of a connection fails every call", "[rpc]") {
    test::World world;
    Pair pair(world);
    Held held(world.env().executor);
    pair.server->serve([&held](Message m) { return held.serve(std::move(m)); }, weigh);
    pair.start();
    auto cut_later = [](Pair& both, Held& work, io::Env& env) -> Task<bool> {
        const bool begun = co_await until(env, [&work] { return work.begun == 1; });
        both.server.reset();
        co_return begun;
    };
    std::optional<bool> begun;
    auto keep = [](Task<bool> task, std::optional<bool>& out) -> Task<void> { out = co_await std::move(task); };
    io::TaskGroup group(world.env().executor);
    group.spawn(keep(cut_later(pair, held, world.env()), begun));
    CHECK(pair.call("slow").error().is(Code::disconnected));
    CHECK(begun == true);
    CHECK(held.ended == 1);
    CHECK(world.run(pair.client->ended()).is(Code::disconnected));
    CHECK(pair.call("quick").error().is(Code::disconnected));
}

TEST_CASE("goodbye: what is under way is answered, then the connection ends", "[rpc]") {
    test::World world;
    Pair pair(world);
    Held held(world.env().executor);
    pair.server->serve([&held](Message m) { return held.serve(std::move(m)); }, weigh);
    pair.start();
    auto part = [](Pair& both, Held& work, io::Env& env) -> Task<void> {
        co_await until(env, [&work] { return work.begun == 1; });
        both.server->goodbye();
        co_await until(env, [&both] { return !both.client->is_open(); });
        work.release();
    };
    io::TaskGroup group(world.env().executor);
    group.spawn(part(pair, held, world.env()));
    CHECK(pair.call("slow")->body == "slow");
    CHECK(world.run(pair.client->ended()).is(Code::disconnected));
    CHECK(world.run(pair.server->ended()).is(Code::disconnected));
}

TEST_CASE("an unknown version is refused with a reason", "[rpc]") {
    test::World world;
    Pair pair(world, {.hello = {"test", 2, 3}});
    pair.start();
    const auto version = world.run(pair.client->ready());
    REQUIRE_FALSE(version);
    CHECK(version.error().is(Code::unsupported));
    CHECK(version.error().message.contains("2 to 3"));
    CHECK(world.run(pair.server->ended()).is(Code::unsupported));
}

TEST_CASE("strangers are shown the door", "[rpc]") {
    test::World world;
    SECTION("no hello") {
        Stranger stranger(world);
        stranger.say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        CHECK(world.run(stranger.link->ended()).is(Code::corrupted));
    }
    SECTION("a request before the hello") {
        Stranger stranger(world);
        stranger.say(FrameKind::request, 1, "x");
        CHECK(world.run(stranger.link->ended()).is(Code::corrupted));
    }
    SECTION("silence") {
        auto options = kOptions;
        options.hello_patience = std::chrono::milliseconds(1);
        Stranger stranger(world, options);
        CHECK(world.run(stranger.link->ended()).is(Code::timeout));
    }
    SECTION("a frame cut off in the middle") {
        Stranger stranger(world);
        stranger.say(FrameKind::hello, 0, encode_hello(kOptions.hello));
        stranger.say(std::string("\x10\0\0\0\3", 5));
        ::shutdown(stranger.fd, SHUT_WR);
        CHECK(world.run(stranger.link->ended()).is(Code::disconnected));
    }
    SECTION("too large") {
        Stranger stranger(world);
        stranger.say(FrameKind::hello, 0, encode_hello(kOptions.hello));
        std::string header;
        rpc::append_front(header, {FrameKind::request, 1, {}});
        header[2] = '\x7f';
        stranger.say(header);
        CHECK(world.run(stranger.link->ended()).is(Code::corrupted));
    }
    SECTION("an answer that nobody asked for") {
        Stranger stranger(world);
        stranger.say(FrameKind::hello, 0, encode_hello(kOptions.hello));
        stranger.say(FrameKind::answer, 1, "x");
        CHECK(world.run(stranger.link->ended()).is(Code::corrupted));
    }
    SECTION("a second hello") {
        Stranger stranger(world);
        stranger.say(FrameKind::hello, 0, encode_hello(kOptions.hello));
        stranger.say(FrameKind::hello, 0, encode_hello(kOptions.hello));
        CHECK(world.run(stranger.link->ended()).is(Code::corrupted));
    }
}

TEST_CASE("a reader that takes no answers is not served beyond its share", "[rpc]") {
    test::World world;
    auto options = kOptions;
    options.request_bytes = 3u << 20;
    Stranger stranger(world, options);
    int begun = 0;
    stranger.link->serve(
        [&begun](Message) -> Task<Link::Content> {
            ++begun;
            co_return Message{"", {base::Buffer::allocate(1u << 20)}};
        },
        [](const Message&) { return std::size_t{1u << 20}; });
    stranger.say(FrameKind::hello, 0, encode_hello(kOptions.hello));
    std::string many;
    for (std::uint64_t id = 1; id <= 100; ++id) rpc::append_front(many, {FrameKind::request, id, {"r", {}}});
    stranger.say(many);
    // Three fit into the share, and a few more into the socket; then nothing happens any more.
    CHECK(world.run(until(world.env(), [&] { return begun >= 3; })));
    for (int turn = 0; turn < 1000; ++turn) {
        world.run([](io::Env& env) -> Task<bool> {
            co_await env.clock.sleep_for(std::chrono::nanoseconds(1));
            co_return true;
        }(world.env()));
    }
    CHECK(begun <= 8);
    // Whoever reads is served again.
    ::fcntl(stranger.fd, F_SETFL, O_NONBLOCK);
    std::vector<char> sink(1u << 20);
    std::size_t got = 0;
    CHECK(world.run(until(world.env(), [&] {
        for (ssize_t n = 0; (n = ::recv(stranger.fd, sink.data(), sink.size(), 0)) > 0;) got += std::size_t(n);
        return got >= 100u << 20;
    })));
    CHECK(begun == 100);
}

TEST_CASE("calls keep their order at a full gate", "[rpc]") {
    test::World world;
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    auto narrow = kOptions;
    narrow.call_bytes = 1000;
    Link server(world.real(), ends[0], rpc::Side::accepted, kOptions);
    Link client(world.real(), ends[1], rpc::Side::connected, narrow);
    std::vector<std::string> order;
    server.serve(
        [&order](Message m) -> Task<Link::Content> {
            order.push_back(m.body.substr(0, 2));
            co_return Message{};
        },
        weigh);
    server.start();
    client.start();
    auto call = [](Link& link, std::string body, base::Instant deadline) -> Task<void> {
        (void)co_await link.call({std::move(body), {}}, deadline);
    };
    io::TaskGroup group(world.env().executor);
    std::vector<std::string> asked;
    for (int i = 10; i < 60; ++i) {
        asked.push_back(std::to_string(i));
        group.spawn(call(client, asked.back() + std::string(i % 3 == 0 ? 900 : 50, 'x'),
                         world.env().clock.after(std::chrono::seconds(20))));
    }
    CHECK(world.run(until(world.env(), [&] { return group.size() == 0; })));
    CHECK(order == asked);
}

TEST_CASE("a socket as a file", "[rpc]") {
    test::World world;
    test::TempFolder folder;
    const auto path = folder.path() + "/s.sock";
    std::vector<std::unique_ptr<Link>> links;
    rpc::Listener listener(world.real());
    const auto accept = [&](int descriptor, io::PeerCredentials peer) {
        CHECK(io::is_trusted(peer, path));
        auto& link =
            *links.emplace_back(std::make_unique<Link>(world.real(), descriptor, rpc::Side::accepted, kOptions));
        link.serve(echo, weigh);
        link.start();
    };
    REQUIRE(listener.listen(path, 0600, accept));
    rpc::Listener second(world.real());
    CHECK(second.listen(path, 0600, accept).error().is(Code::already_exists));
    auto client = world.run(rpc::connect_link(world.real(), path, kOptions));
    REQUIRE(client);
    const auto soon = world.env().clock.after(std::chrono::seconds(20));
    CHECK(world.run((*client)->call({"x", {}}, soon))->body == "x");
    auto other = kOptions;
    other.hello.service = "else";
    CHECK(world.run(rpc::connect_link(world.real(), path, other)).error().is(Code::unsupported));
    listener.stop();
    CHECK(world.run(rpc::connect_link(world.real(), path, kOptions)).error().is(Code::disconnected));
}
