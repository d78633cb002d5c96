// Links between nodes: TLS beneath, urgencies, parts, windows, both sides asking.
#include "src/rpc/send_queue.h"
#include "tests/unit/rpc/node_pair.h"

#include <sys/socket.h>

using namespace larder;
using base::Code;
using io::Message;
using io::Task;
using rpc::FrameKind;
using rpc::Link;
using rpc::Urgency;
using test::until;

namespace {

rpc::LinkOptions options_of_nodes() {
    rpc::LinkOptions options;
    options.hello = {"test", 1, 1};
    options.ends = rpc::Ends::nodes;
    return options;
}

Task<Link::Content> echo(Message request) {
    co_return request;
}

struct NodePair {
    explicit NodePair(test::World& w) : world(w) {
        rpc::Tls a(test::key_of('a'));
        rpc::Tls b(test::key_of('b'));
        auto shaken = test::shake(world, a, b, test::only(b.id()), test::only(a.id()));
        auto mine = options_of_nodes();
        mine.hello.words = "from a";
        first = std::make_unique<Link>(w.real(), std::move((*shaken.dialled)->transport), rpc::Side::connected, mine);
        mine.hello.words = "from b";
        second = std::make_unique<Link>(w.real(), std::move((*shaken.accepted)->transport), rpc::Side::accepted, mine);
    }
    void start() {
        first->start();
        second->start();
        REQUIRE(world.run(first->ready()));
    }
    test::World& world;
    std::unique_ptr<Link> first;
    std::unique_ptr<Link> second;
};

// A link over a bare socket whose other end the test holds.
struct Bare {
    explicit Bare(test::World& world, Link::Handler handler = echo) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        link = std::make_unique<Link>(world.real(), ends[0], rpc::Side::accepted, options_of_nodes());
        link->serve(std::move(handler), {});
        link->start();
        fd = ends[1];
        say({FrameKind::hello, 0, {rpc::encode_hello({"test", 1, 1}), {}}});
    }
    ~Bare() { ::close(fd); }
    void say(const rpc::Frame& frame) {
        std::string out;
        rpc::append_front(out, frame);
        for (const auto& bulk : frame.content.bulk) out += bulk.chars();
        REQUIRE(::send(fd, out.data(), out.size(), 0) == ssize_t(out.size()));
    }
    std::unique_ptr<Link> link;
    int fd = -1;
};

// Answers when it is told to.
struct Held {
    explicit Held(io::Executor& e) : executor(e) {}
    io::Executor& executor;
    std::vector<io::Promise<io::Done>> waiting;
    Task<Link::Content> serve(Message request) {
        const io::Promise<io::Done> mine(executor);
        waiting.push_back(mine);
        co_await mine.future();
        co_return request;
    }
    void release() {
        for (auto& one : std::exchange(waiting, {})) one.set(io::Done{});
    }
};

Task<void> call_into(Link& link, Message request, base::Instant deadline, Urgency urgency,
                     std::vector<std::optional<Link::Content>>& out, std::size_t place) {
    out[place].emplace(co_await link.call(std::move(request), deadline, urgency));
}

std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
    return bytes;
}

}  // namespace

TEST_CASE("nodes call each other over TLS, with bulk of every size", "[node_link]") {
    test::World world;
    NodePair pair(world);
    pair.first->serve(echo, {});
    pair.second->serve(echo, {});
    pair.start();
    CHECK(pair.first->their_words() == "from b");
    CHECK(pair.second->their_words() == "from a");
    for (const std::size_t size : {0u, 1u, 4096u, 32'768u, 32'769u, 65'536u, 300'000u, 1u << 20}) {
        const auto bytes = pattern(size);
        for (auto* link : {pair.first.get(), pair.second.get()}) {
            Message request{"body", {}};
            if (size > 0) request.bulk.push_back(base::Buffer::copy_of(bytes));
            const auto back = world.run(link->call(std::move(request), test::soon(world), Urgency::bulk));
            INFO((back ? std::string() : back.error().message));
            REQUIRE(back);
            CHECK(back->body == "body");
            if (size > 0) CHECK((back->bulk.at(0).chars() == bytes));
        }
    }
    const auto long_body = pattern(200'000);
    CHECK((world.run(pair.first->call({long_body, {}}, test::soon(world), Urgency::metadata))->body == long_body));
}

TEST_CASE("many large frames both ways at once", "[node_link]") {
    test::World world;
    NodePair pair(world);
    pair.first->serve(echo, {});
    pair.second->serve(echo, {});
    pair.start();
    constexpr std::size_t kCalls = 70;
    std::vector<std::optional<Link::Content>> answers(2 * kCalls);
    io::TaskGroup group(world.env().executor);
    const auto bytes = pattern(600'000);
    const auto content = base::Buffer::copy_of(bytes);
    for (std::size_t i = 0; i < kCalls; ++i) {
        const auto urgency = i % 8 != 0 ? Urgency::bulk : Urgency::background;
        group.spawn(call_into(*pair.first, {"x", {content}}, test::soon(world), urgency, answers, i));
        group.spawn(call_into(*pair.second, {"y", {content}}, test::soon(world), urgency, answers, kCalls + i));
    }
    REQUIRE(world.run(until(world.env(), [&] { return group.size() == 0; })));
    for (const auto& answer : answers) {
        REQUIRE(*answer);
        CHECK(((*answer)->bulk.at(0).chars() == bytes));
    }
}

TEST_CASE("urgent frames leave before those that wait, and large ones in turns", "[node_link]") {
    rpc::SendQueue queue(rpc::Ends::nodes);
    struct Sink final : rpc::Transport {
        io::Readiness& socket() override { std::abort(); }
        rpc::Moved read(std::span<const iovec>) override { return {}; }
        rpc::Moved write(std::span<const iovec> from) override {
            rpc::Moved moved;
            for (const auto& piece : from) {
                const auto n = std::min(piece.iov_len, room);
                bytes.append(static_cast<const char*>(piece.iov_base), n);
                room -= n;
                moved.bytes += n;
            }
            moved.blocked = room == 0;
            return moved;
        }
        std::size_t room = 0;
        std::string bytes;
    } sink;
    const auto push = [&](std::uint64_t id, std::size_t size, Urgency urgency) {
        queue.push({FrameKind::request, id, {"", {base::Buffer::copy_of(pattern(size))}}, urgency});
    };
    constexpr std::size_t kMore = rpc::SendQueue::kPartBytes * 40;
    push(1, kMore, Urgency::background);
    push(2, kMore, Urgency::bulk);
    push(3, rpc::SendQueue::kPartBytes * 3, Urgency::bulk);
    // The first bytes find their way into the line before the urgent ones come.
    sink.room = 1;
    REQUIRE(queue.send(sink));
    push(4, 100, Urgency::metadata);
    push(5, 100, Urgency::control);
    sink.room = SIZE_MAX;
    REQUIRE(queue.send(sink));
    CHECK(queue.empty());
    std::vector<std::uint64_t> order;
    std::size_t at = 0;
    rpc::FrameReader reader(kMore, rpc::Ends::nodes);
    while (at < sink.bytes.size()) {
        rpc::FrameReader::Rooms storage;
        std::size_t read = 0;
        for (const auto& room : reader.rooms(storage)) {
            const auto n = std::min(room.iov_len, sink.bytes.size() - at - read);
            std::memcpy(room.iov_base, sink.bytes.data() + at + read, n);
            read += n;
        }
        reader.filled(read);
        at += read;
        for (auto frame = reader.next(); frame && *frame; frame = reader.next()) {
            order.push_back((*frame)->id);
            CHECK(((*frame)->content.bulk.at(0).chars() == pattern((*frame)->content.bulk.at(0).size())));
        }
    }
    // The short bulk frame does not wait for the long one before it; the background frame had a turn in between, and
    // is last.
    CHECK(order == std::vector<std::uint64_t>{5, 4, 3, 2, 1});
    CHECK(at < 2 * kMore + rpc::SendQueue::kPartBytes * 3 + 10'000);
}

TEST_CASE("what is not wanted any more is taken back", "[node_link]") {
    test::World world;
    Bare bare(world);
    REQUIRE(world.run(bare.link->ready()));
    // Nobody reads at the other end.
    const auto content = base::Buffer::copy_of(pattern(1u << 20));
    std::vector<std::optional<Link::Content>> answers(30);
    io::TaskGroup group(world.env().executor);
    const auto never = world.env().clock.after(std::chrono::milliseconds(20));
    for (std::size_t i = 0; i < answers.size(); ++i)
        group.spawn(call_into(*bare.link, {"x", {content}}, never, Urgency::bulk, answers, i));
    REQUIRE(world.run(until(world.env(), [&] { return group.size() == 0; })));
    for (const auto& answer : answers) CHECK(answer->error().is(Code::timeout));
    // Of thirty frames some parts of four had begun to leave; what follows them is short.
    std::string got;
    std::string chunk(1u << 16, '\0');
    bool asked = false;
    std::vector<std::optional<Link::Content>> last(1);
    CHECK(world.run(until(world.env(), [&] {
        if (!std::exchange(asked, true))
            group.spawn(call_into(*bare.link, {"the last one", {}}, test::soon(world), Urgency::bulk, last, 0));
        for (ssize_t n = 0; (n = ::recv(bare.fd, chunk.data(), chunk.size(), 0)) > 0;) got.append(chunk, 0, n);
        return got.contains("the last one");
    })));
    CHECK(got.size() < 3u << 20);
    group.stop();
}

TEST_CASE("a reader that takes nothing holds a bounded number of bytes here", "[node_link]") {
    test::World world;
    int begun = 0;
    Bare bare(world, [&begun](Message) -> Task<Link::Content> {
        ++begun;
        co_return Message{"", {base::Buffer::allocate(1u << 20)}};
    });
    for (std::uint64_t id = 1; id <= 200; ++id) bare.say({FrameKind::request, id, {"r", {}}, Urgency::bulk});
    REQUIRE(world.run(until(world.env(), [&] { return begun >= 30; })));
    for (int turn = 0; turn < 300; ++turn) {
        world.run([](io::Env& env) -> Task<bool> {
            co_await env.clock.sleep_for(std::chrono::nanoseconds(1));
            co_return true;
        }(world.env()));
    }
    // 32 MiB, and what the socket took.
    CHECK(begun <= 40);
    // Other urgencies are served all the same, and who takes what was made gets the rest.
    std::size_t got = 0;
    std::string chunk(1u << 20, '\0');
    CHECK(world.run(until(world.env(), [&] {
        for (ssize_t n = 0; (n = ::recv(bare.fd, chunk.data(), chunk.size(), 0)) > 0;) got += std::size_t(n);
        return got >= 200u << 20;
    })));
    CHECK(begun == 200);
}

TEST_CASE("beyond the window is out", "[node_link]") {
    test::World world;
    Held held(world.env().executor);
    Bare bare(world, [&held](Message m) { return held.serve(std::move(m)); });
    const auto ask = [&](std::uint64_t id) {
        bare.say({FrameKind::request, id, {std::string(150'000, 'x'), {}}, Urgency::control});
    };
    SECTION("one too many") {
        for (std::uint64_t id = 1; id <= 6; ++id) {
            ask(id);
            REQUIRE(world.run(until(world.env(), [&] { return held.waiting.size() == id; })));
        }
        CHECK(bare.link->is_open());
        ask(7);
        CHECK(world.run(bare.link->ended()).is(Code::corrupted));
    }
    SECTION("what was answered counts no more") {
        for (std::uint64_t id = 1; id < 20; ++id) {
            ask(id);
            REQUIRE(world.run(until(world.env(), [&] { return held.waiting.size() == 1; })));
            held.release();
            std::string chunk(1u << 20, '\0');
            std::size_t got = 0;
            CHECK(world.run(until(world.env(), [&] {
                for (ssize_t n = 0; (n = ::recv(bare.fd, chunk.data(), chunk.size(), 0)) > 0;) got += std::size_t(n);
                return got >= 150'000;
            })));
        }
        CHECK(bare.link->is_open());
    }
}

TEST_CASE("both sides go when all is answered", "[node_link]") {
    test::World world;
    NodePair pair(world);
    Held held(world.env().executor);
    pair.first->serve([&held](Message m) { return held.serve(std::move(m)); }, {});
    pair.second->serve([&held](Message m) { return held.serve(std::move(m)); }, {});
    pair.start();
    std::vector<std::optional<Link::Content>> answers(2);
    io::TaskGroup group(world.env().executor);
    group.spawn(call_into(*pair.first, {"a", {}}, test::soon(world), Urgency::bulk, answers, 0));
    group.spawn(call_into(*pair.second, {"b", {}}, test::soon(world), Urgency::control, answers, 1));
    REQUIRE(world.run(until(world.env(), [&] { return held.waiting.size() == 2; })));
    pair.first->goodbye();
    CHECK_FALSE(pair.first->is_open());
    CHECK(world.run(pair.first->call({"c", {}}, test::soon(world))).error().is(Code::disconnected));
    held.release();
    REQUIRE(world.run(until(world.env(), [&] { return group.size() == 0; })));
    CHECK((*answers[0])->body == "a");
    CHECK((*answers[1])->body == "b");
    CHECK(world.run(pair.second->ended()).is(Code::disconnected));
    CHECK(world.run(pair.first->ended()).is(Code::disconnected));
}

TEST_CASE("silence is the end", "[node_link]") {
    test::World world;
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    auto options = options_of_nodes();
    options.pulse = {std::chrono::milliseconds(1), std::chrono::milliseconds(20), std::chrono::milliseconds(40)};
    Link link(world.real(), ends[0], rpc::Side::accepted, options);
    link.start();
    std::string hello;
    rpc::append_front(hello, {FrameKind::hello, 0, {rpc::encode_hello({"test", 1, 1}), {}}});
    REQUIRE(::send(ends[1], hello.data(), hello.size(), 0) == ssize_t(hello.size()));
    REQUIRE(world.run(link.ready()));
    const auto never = world.env().clock.after(std::chrono::hours(1));
    CHECK(world.run(link.call({"x", {}}, never)).error().is(Code::disconnected));
    CHECK(world.run(link.ended()).is(Code::timeout, base::Subject::node));
    ::close(ends[1]);
}

TEST_CASE("round trips are measured", "[node_link]") {
    test::World world;
    NodePair pair(world);
    pair.start();
    CHECK(world.run(until(world.env(), [&] { return pair.first->round_trip().has_value(); })));
    CHECK(*pair.first->round_trip() > base::Duration(0));
}

TEST_CASE("patience grows with the round trips and has its bounds", "[node_link]") {
    using std::chrono::milliseconds;
    rpc::Pulse pulse({}, base::Instant{0});
    CHECK_FALSE(pulse.round_trip());
    CHECK(pulse.patience() == std::chrono::seconds(2));
    base::Instant now{0};
    for (int i = 0; i < 100; ++i, now = now + milliseconds(500)) {
        pulse.heard(now);
        pulse.answered(now, now + milliseconds(i % 2 == 0 ? 500 : 700));
    }
    CHECK(*pulse.round_trip() > milliseconds(550));
    CHECK(*pulse.round_trip() < milliseconds(650));
    CHECK(pulse.patience() > std::chrono::seconds(4));
    const auto limit = now + pulse.patience();
    CHECK_FALSE(pulse.is_lost(now));
    CHECK(pulse.is_lost(limit + milliseconds(1)));
    pulse.excuse(std::chrono::seconds(1));
    CHECK_FALSE(pulse.is_lost(limit + milliseconds(1)));
    for (int i = 0; i < 100; ++i) pulse.answered(now, now + std::chrono::seconds(i % 2 == 0 ? 1 : 60));
    CHECK(pulse.patience() == std::chrono::seconds(10));
}
