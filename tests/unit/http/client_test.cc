#include "tests/unit/http/harness.h"

namespace larder::http {
namespace {

TEST_CASE("the client sends and receives streams") {
    TestServer server(echo);
    Client client("http://" + server.address() + "/");
    std::size_t left = 5'000'000;
    const Client::Source source = [&left](std::span<std::byte> out) -> base::Result<std::size_t> {
        const std::size_t n = std::min(left, out.size());
        std::ranges::fill(out.first(n), std::byte{'s'});
        left -= n;
        return n;
    };
    for (const bool with_length : {true, false}) {
        left = 5'000'000;
        std::string taken;
        Client::Request request{.method = "PUT", .target = "/s"};
        request.source = source;
        if (with_length) request.body_length = left;
        request.sink = [&taken](std::string_view bytes) -> base::Result<void> {
            taken.append(bytes);
            return {};
        };
        const auto reply = client.send(std::move(request));
        REQUIRE(reply.has_value());
        CHECK(reply->status == 200);
        CHECK(reply->headers.get("x-test") == "yes");
        CHECK(reply->body.empty());
        CHECK(taken == "PUT /s 5000000 " + std::string(5'000'000, 's'));
    }
}

TEST_CASE("the client outlives a connection that the server closed") {
    Limits limits;
    limits.idle = std::chrono::milliseconds(20);
    TestServer server(echo, limits);
    Client client("http://" + server.address());
    CHECK(client.send({.method = "GET", .target = "/1"})->body == "GET /1 0 ");
    // Another connection that is idle as long has been closed when this returns.
    RawClient other(server.address());
    (void)other.rest();
    CHECK(client.send({.method = "PUT", .target = "/2", .body = "two"})->body == "PUT /2 3 two");
}

TEST_CASE("the client names what it cannot reach") {
    Client nowhere("unix:/nonexistent/socket");
    const auto reply = nowhere.send({.method = "GET", .target = "/"});
    REQUIRE_FALSE(reply.has_value());
    CHECK(reply.error().message.find("/nonexistent/socket") != std::string::npos);
    CHECK(Client("https://a:1").send({.method = "GET", .target = "/"}).error().is(base::Code::unsupported));
}

}  // namespace
}  // namespace larder::http
