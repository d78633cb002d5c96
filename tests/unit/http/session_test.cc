#include "tests/unit/http/harness.h"

namespace larder::http {
namespace {

using namespace std::chrono_literals;

TEST_CASE("requests on one connection are answered in order") {
    TestServer server(echo);
    RawClient client(server.address());
    client.send("PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    const auto first = client.reply();
    CHECK(first.status() == 200);
    CHECK(first.body == "PUT /1 5 hello");
    CHECK(first.has("\r\nDate: "));
    CHECK(first.has("\r\nServer: Larder\r\n"));
    CHECK(first.has("\r\nX-Test: yes\r\n"));
    CHECK_FALSE(first.has("Connection"));

    std::string pipelined;
    for (int i = 0; i < 50; ++i) {
        pipelined += "\r\nPUT /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        pipelined += "3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: v\r\n\r\n";
    }
    client.send(pipelined);
    for (int i = 0; i < 50; ++i) CHECK(client.reply().body == "PUT /" + std::to_string(i) + " 5 abcde");
}

TEST_CASE("a request may arrive byte by byte") {
    TestServer server(echo);
    RawClient client(server.address());
    for (const char c :
         std::string("\r\nPUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"))
        client.send({&c, 1});
    CHECK(client.reply().body == "PUT /x 2 hi");
}

TEST_CASE("a refused request is answered once and the connection closed") {
    TestServer server(echo);
    for (const auto& [status, request] : std::vector<std::pair<int, std::string>>{
             {400, "GET / HTTP/1.1\r\n\r\n"},
             {400, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"},
             {501, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"},
             {501, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n"},
             {400, "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n folded\r\n\r\n"},
             {400, "\r\n\r\n\r\n\r\n\r\n\r\n"},
         }) {
        INFO(request);
        RawClient client(server.address());
        client.send(request + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        const auto reply = client.reply();
        CHECK(reply.status() == status);
        CHECK(reply.has("Connection: close"));
        client.half_close();
        CHECK(client.rest().empty());
    }
    CHECK(server.metrics_page().find("larder_http_refused_requests_total{reason=\"malformed\"} 6") !=
          std::string::npos);
}

TEST_CASE("a malformed chunked body fails the read and ends the connection") {
    TestServer server(echo);
    RawClient client(server.address());
    client.send(
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcGET /smuggled HTTP/1.1\r\nHost: "
        "a\r\n\r\n");
    const auto reply = client.reply();
    CHECK(reply.status() == 400);
    CHECK(reply.body == "PUT / 16 invalid_argument");
    CHECK(reply.has("Connection: close"));
    client.half_close();
    CHECK(client.rest().empty());
}

}  // namespace
}  // namespace larder::http
