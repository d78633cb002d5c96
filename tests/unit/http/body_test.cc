// Bodies in both directions: expectations, early answers, streams, and clients that are too slow.
#include "tests/unit/http/harness.h"

#include <atomic>

namespace larder::http {
namespace {

using namespace std::chrono_literals;

std::string put(const std::string& fields) {
    return "PUT /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

io::Task<void> deny(Exchange& exchange) {
    (void)co_await exchange.respond({.status = 403}, "no");
}

TEST_CASE("100 Continue is sent when the handler starts to read") {
    TestServer server(echo);
    RawClient client(server.address());
    for (int i = 0; i < 2; ++i) {
        client.send(put("Content-Length: 2\r\nExpect: 100-continue\r\n"));
        const auto interim = client.reply();
        CHECK(interim.head == "HTTP/1.1 100 Continue\r\n");
        client.send("hi");
        CHECK(client.reply().body == "PUT /x 2 hi");
    }
    client.send(put("Content-Length: 0\r\nExpect: 100-continue\r\n"));
    CHECK(client.reply().head == "HTTP/1.1 100 Continue\r\n");
    CHECK(client.reply().body == "PUT /x 0 ");
    // Not when the body has begun to arrive, nor for other expectations.
    client.send(put("Content-Length: 2\r\nExpect: 100-continue\r\n") + "hi");
    CHECK(client.reply().status() == 200);
    client.send(put("Content-Length: 2\r\nExpect: 200\r\n"));
    client.send("hi");
    CHECK(client.reply().status() == 200);
}

TEST_CASE("a refusal takes the place of 100 Continue") {
    TestServer server(deny);
    RawClient client(server.address());
    client.send(put("Content-Length: 1000000\r\nExpect: 100-continue\r\n"));
    const auto reply = client.reply();
    CHECK(reply.status() == 403);
    CHECK(reply.has("Connection: close"));
    client.half_close();
    CHECK(client.rest().empty());

    // Although nothing is to be sent: whoever expects 100 may mistake what comes behind a final answer.
    RawClient bodiless(server.address());
    bodiless.send(put("Content-Length: 0\r\nExpect: 100-continue\r\n"));
    CHECK(bodiless.reply().has("Connection: close"));
}

TEST_CASE("an early answer reaches a client that is still sending") {
    TestServer server(deny);
    SECTION("a small rest is read off and the connection stays") {
        RawClient client(server.address());
        for (int i = 0; i < 3; ++i) {
            client.send(put("Content-Length: 300000\r\n") + std::string(300000, 'x'));
            CHECK(client.reply().status() == 403);
            client.send(put("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n");
            CHECK(client.reply().status() == 403);
        }
    }
    SECTION("a large rest ends the connection, after the answer") {
        RawClient client(server.address());
        client.send(put("Content-Length: 100000000\r\n"));
        client.try_send(std::string(3'000'000, 'x'));
        const auto reply = client.reply();
        CHECK(reply.status() == 403);
        CHECK(reply.has("Connection: close"));
        client.half_close();
        CHECK(client.rest().empty());
    }
}

TEST_CASE("a body cut short is an error and not a short body") {
    std::promise<base::Error> seen;
    TestServer server([&seen](Exchange& exchange) -> io::Task<void> {
        return [](Exchange& x, std::promise<base::Error>& out) -> io::Task<void> {
            auto body = co_await read_all(x);
            out.set_value(body ? base::Error{} : body.error());
        }(exchange, seen);
    });
    RawClient client(server.address());
    SECTION("with a length") {
        client.send(put("Content-Length: 10\r\n") + "12345");
    }
    SECTION("chunked") {
        client.send(put("Transfer-Encoding: chunked\r\n") + "5\r\n12345\r\n");
    }
    client.half_close();
    CHECK(seen.get_future().get().is(base::Code::disconnected));
}

// Streams as many bytes as the target says, in uneven pieces.
io::Task<void> stream(Exchange& exchange) {
    const auto& target = exchange.request().target;
    const std::size_t total = std::stoull(target.substr(target.find('=') + 1));
    const auto length = target.starts_with("/length") ? std::optional<std::uint64_t>(total) : std::nullopt;
    if (!co_await exchange.start(ok_head(), length)) co_return;
    for (std::size_t sent = 0; sent < total;) {
        const std::size_t n = std::min<std::size_t>(total - sent, 1 + sent % 300'000);
        const std::string piece(n, static_cast<char>('a' + sent % 26));
        if (!co_await exchange.write(base::Buffer::copy_of(piece))) co_return;
        sent += n;
    }
    (void)co_await exchange.finish();
}

TEST_CASE("a streamed response is complete in every framing") {
    TestServer server(stream);
    const std::size_t total = 20'000'000;
    Client client("http://" + server.address());
    std::string bodies[2];
    for (const bool with_length : {true, false}) {
        const std::string target = (with_length ? "/length=" : "/chunked=") + std::to_string(total);
        auto reply = client.send({.method = "GET", .target = target});
        REQUIRE(reply.has_value());
        CHECK(reply->headers.has("content-length") == with_length);
        CHECK(reply->headers.has("transfer-encoding") != with_length);
        bodies[with_length ? 1 : 0] = std::move(reply->body);
    }
    CHECK(bodies[0].size() == total);
    CHECK(bodies[0] == bodies[1]);

    RawClient old(server.address());
    old.send("GET /chunked=3000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto all = old.rest();
    CHECK(all.find("Transfer-Encoding") == std::string::npos);
    CHECK(all.find("Connection: close") != std::string::npos);
    CHECK(all.size() - all.find("\r\n\r\n") - 4 == 3000);
}

TEST_CASE("an empty stream and one to HEAD are well formed") {
    TestServer server(stream);
    RawClient client(server.address());
    client.send("HEAD /length=5000 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.reply(true).has("Content-Length: 5000\r\n"));
    client.send("HEAD /chunked=5000 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.reply(true).status() == 200);
    client.send("GET /length=0 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.reply().has("Content-Length: 0\r\n"));
    client.send("GET /chunked=0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(client.rest().ends_with("\r\n\r\n0\r\n\r\n"));
}

std::atomic<int> refusals;  // of calls that would have made a wrong response

io::Task<void> misbehave(Exchange& exchange) {
    const auto& target = exchange.request().target;
    if (target == "/silent") co_return;
    (void)co_await exchange.start(ok_head(), 10);
    (void)co_await exchange.write(std::string("12345"));
    if (target == "/short" && !co_await exchange.finish()) ++refusals;
    if (target == "/long" && !co_await exchange.write(std::string("123456"))) ++refusals;
}

TEST_CASE("a handler that errs does not leave the client with a wrong response") {
    TestServer server(misbehave);
    {
        RawClient client(server.address());
        client.send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(client.reply().status() == 500);
    }
    refusals = 0;
    for (const std::string target : {"/short", "/long", "/unfinished"}) {
        INFO(target);
        Client client("http://" + server.address());
        const auto reply = client.send({.method = "GET", .target = target});
        REQUIRE_FALSE(reply.has_value());
        CHECK(reply.error().is(base::Code::disconnected));
    }
    CHECK(refusals == 2);
}

TEST_CASE("statuses without a body have none") {
    TestServer server([](Exchange& exchange) -> io::Task<void> {
        return [](Exchange& x) -> io::Task<void> {
            ResponseHead head{.status = std::stoi(x.request().target.substr(1)), .headers = {}};
            head.headers.add("Content-Length", "77");
            (void)co_await x.respond(std::move(head), "body");
        }(exchange);
    });
    RawClient client(server.address());
    for (const std::string status : {"204", "304"}) {
        client.send("GET /" + status + " HTTP/1.1\r\nHost: a\r\n\r\n");
        const auto reply = client.reply(true);
        CHECK(std::to_string(reply.status()) == status);
        CHECK_FALSE(reply.has("Content-Length"));
    }
    client.send("HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.reply(true).has("Content-Length: 77\r\n"));
    client.send("GET /200 HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.reply().body == "body");
}

TEST_CASE("HTTP/1.0 closes unless asked to stay") {
    TestServer server(echo);
    RawClient client(server.address());
    client.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(client.reply().has("Connection: keep-alive"));
    client.send("GET /2 HTTP/1.0\r\n\r\n");
    CHECK(client.rest().ends_with("GET /2 0 "));
}

TEST_CASE("clients that are too slow are let go") {
    Limits limits;
    limits.idle = limits.header = limits.body_grace = limits.write_stall = limits.discard_time = 40ms;
    TestServer server(echo, limits);
    RawClient idle(server.address());
    CHECK(idle.rest().empty());
    RawClient header(server.address());
    header.send("GET / HTTP/1.1\r\nHo");
    CHECK(header.reply().status() == 408);
    RawClient body(server.address());
    body.send(put("Content-Length: 10\r\n") + "12345");
    CHECK(body.reply().body == "PUT /x 7 timeout");
    CHECK(server.metrics_page().find("larder_http_refused_requests_total{reason=\"slow\"} 2") != std::string::npos);
}

TEST_CASE("a client that takes nothing of the response is let go") {
    Limits limits;
    limits.write_stall = 40ms;
    std::promise<base::Error> seen;
    TestServer server(
        [&seen](Exchange& exchange) -> io::Task<void> {
            return [](Exchange& x, std::promise<base::Error>& out) -> io::Task<void> {
                (void)co_await x.start(ok_head(), std::nullopt);
                const auto piece = base::Buffer::copy_of(std::string(1 << 20, 'x'));
                for (;;) {
                    const auto written = co_await x.write(piece);
                    if (written) continue;
                    out.set_value(written.error());
                    co_return;
                }
            }(exchange, seen);
        },
        limits);
    RawClient client(server.address());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(seen.get_future().get().is(base::Code::timeout));
}

}  // namespace
}  // namespace larder::http
