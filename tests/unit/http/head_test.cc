#include "src/http/head.h"

#include "src/base/limits.h"
#include "src/http/response.h"

#include <catch2/catch.hpp>

namespace larder::http {
namespace {

// 0 when accepted, else the status of the refusal.
int verdict(const std::string& head) {
    const auto length = find_head_end(head, 0);
    if (!length) return length.error().status;
    if (*length != head.size()) return -1;
    const auto parsed = parse_request_head(head);
    return parsed ? 0 : parsed.error().status;
}

std::string get(const std::string& fields) {
    return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

TEST_CASE("a plain request is taken apart") {
    const auto request = parse_request_head(
        "PUT /bucket/a%20b?x=1 HTTP/1.1\r\nhost: s3.example:3900\r\nContent-Length:  12 \r\n"
        "x-amz-meta-name: gr\xc3\xbc\xc3\x9f\xff\r\nExpect: 100-Continue\r\nEmpty:\r\n\r\n");
    REQUIRE(request.has_value());
    const auto& head = request->head;
    CHECK(head.method == "PUT");
    CHECK(head.target == "/bucket/a%20b?x=1");
    CHECK(head.minor_version == 1);
    CHECK(head.headers.get("HOST") == "s3.example:3900");
    CHECK(head.headers.get("X-Amz-Meta-Name") == "gr\xc3\xbc\xc3\x9f\xff");
    CHECK(head.headers.get("empty") == "");
    CHECK(head.content_length == 12u);
    CHECK_FALSE(head.chunked);
    CHECK(head.expects_continue);
    CHECK(request->keep_alive);
}

TEST_CASE("raw bytes that clients send in targets are taken") {
    for (const std::string target :
         {"/b/\xc3\xa4", "/b/a\"b", "/b/<k>", "/b/{x}|y^z`", "/b/a\\b", "/..//./x", "/b/'()*!"}) {
        INFO(target);
        const auto request = parse_request_head("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
        REQUIRE(request.has_value());
        CHECK(request->head.target == target);
    }
}

TEST_CASE("forms that two servers may read differently are refused") {
    CHECK(verdict(get("")) == 0);
    // Which host is meant.
    CHECK(verdict("GET / HTTP/1.1\r\n\r\n") == 400);
    CHECK(verdict(get("Host: b\r\n")) == 400);
    CHECK(verdict(get("host: a\r\n")) == 400);
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == 400);
    CHECK(verdict("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") == 400);
    CHECK(verdict("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n") == 400);
    CHECK(verdict("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    // Where the body ends.
    CHECK(verdict(get("Transfer-Encoding: chunked\r\n")) == 0);
    CHECK(verdict(get("Transfer-Encoding: CHUNKED\r\n")) == 0);
    CHECK(verdict(get("Transfer-Encoding: xchunked\r\n")) == 501);
    CHECK(verdict(get("Transfer-Encoding: chunked, identity\r\n")) == 501);
    CHECK(verdict(get("Transfer-Encoding: gzip, chunked\r\n")) == 501);
    CHECK(verdict(get("Transfer-Encoding: identity\r\n")) == 501);
    CHECK(verdict(get("Transfer-Encoding: \"chunked\"\r\n")) == 501);
    CHECK(verdict(get("Transfer-Encoding:\r\n")) == 501);
    CHECK(verdict(get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) >= 400);
    CHECK(verdict(get("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")) == 501);
    CHECK(verdict(get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")) == 400);
    CHECK(verdict(get("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")) == 400);
    CHECK(verdict(get("Content-Length: 3\r\nTransfer-Encoding: xchunked\r\n")) == 400);
    CHECK(verdict("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400);
    CHECK(verdict(get("Content-Length: 3\r\nContent-Length: 3\r\n")) == 400);
    CHECK(verdict(get("Content-Length: 3\r\nContent-Length: 4\r\n")) == 400);
    CHECK(verdict(get("Content-Length: 3, 3\r\n")) == 400);
    for (const char* length :
         {"", "-1", "+1", "0x10", "1 2", "3;", "1e3", "18446744073709551616", "9223372036854775808"})
        CHECK(verdict(get("Content-Length: " + std::string(length) + "\r\n")) == 400);
    // Where a line ends and what is in it.
    CHECK(verdict(get("A: b\r\n c\r\n")) == 400);
    CHECK(verdict(get("A: b\r\n\tc\r\n")) == 400);
    CHECK(verdict("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == 400);
    CHECK(verdict(get("A: b\nC: d\r\n")) == 400);
    CHECK(verdict(get("A: b\rC: d\r\n")) == 400);
    CHECK(verdict(get(std::string("A: b\0c\r\n", 8))) == 400);
    CHECK(verdict(get("A: b\x01\r\n")) == 400);
    CHECK(verdict(get("A: b\x7f\r\n")) == 400);
    CHECK(verdict(get("Content-Length : 3\r\n")) == 400);
    CHECK(verdict(get(": x\r\n")) == 400);
    CHECK(verdict(get("no colon\r\n")) == 400);
    CHECK(verdict(get("A\xc3\xa4: b\r\n")) == 400);
}

TEST_CASE("request lines are checked") {
    CHECK(verdict("GET / HTTP/1.0\r\n\r\n") == 0);
    CHECK(verdict("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
    CHECK(verdict("GET * HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    CHECK(verdict("GET / HTTP/1.2\r\nHost: a\r\n\r\n") == 505);
    CHECK(verdict("GET / HTTP/2.0\r\nHost: a\r\n\r\n") == 505);
    CHECK(verdict("GET / HTTP/11\r\nHost: a\r\n\r\n") == 400);
    CHECK(verdict("GET  / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    CHECK(verdict("GET / HTTP/1.1 \r\nHost: a\r\n\r\n") == 400);
    CHECK(verdict("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    CHECK(verdict("GET a HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    CHECK(verdict("get / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    CHECK(verdict("G(T / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
    CHECK(verdict("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n") == 400);
    CHECK(verdict("\x16\x03\x01\x02") == 400);

    const auto absolute = parse_request_head("GET HTTP://a:80?x HTTP/1.1\r\nHost: A:80\r\n\r\n");
    REQUIRE(absolute.has_value());
    CHECK(absolute->head.target == "/?x");
}

TEST_CASE("heads are bounded") {
    std::string many;
    for (std::size_t i = 1; i < base::limits::kHeaderCountMax; ++i) many += "A: b\r\n";
    CHECK(verdict(get(many)) == 0);
    CHECK(verdict(get(many + "A: b\r\n")) == 431);
    const std::size_t room = base::limits::kHeaderBytesMax - get("A: \r\n").size();
    CHECK(verdict(get("A: " + std::string(room, 'x') + "\r\n")) == 0);
    CHECK(verdict(get("A: " + std::string(room + 1, 'x') + "\r\n")) == 431);
    const auto target = [](std::size_t n) {
        return "GET /" + std::string(n - 1, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n";
    };
    CHECK(verdict(target(base::limits::kTargetBytesMax)) == 0);
    CHECK(verdict(target(base::limits::kTargetBytesMax + 1)) == 414);
    CHECK(verdict(target(base::limits::kHeaderBytesMax)) == 414);
    CHECK(verdict("GET /" + std::string(base::limits::kHeaderBytesMax, 'x')) == 414);
}

TEST_CASE("the end of a head is found however it arrives") {
    const std::string head = get("A: b\r\n");
    for (std::size_t n = 0; n < head.size(); ++n) {
        CHECK(find_head_end(head.substr(0, n), n / 2) == 0u);
        CHECK(find_head_end(head + "body", n) == head.size());
    }
    CHECK(leading_empty_lines("\r\n\r\nGET") == 4);
    CHECK(leading_empty_lines("\rGET") == 0);
}

TEST_CASE("keeping the connection follows version and wish") {
    const auto keeps = [](const std::string& version, const std::string& field) {
        return parse_request_head("GET / HTTP/" + version + "\r\nHost: a\r\n" + field + "\r\n")->keep_alive;
    };
    CHECK(keeps("1.1", ""));
    CHECK_FALSE(keeps("1.1", "Connection: close\r\n"));
    CHECK_FALSE(keeps("1.1", "Connection: TE, Close\r\n"));
    CHECK_FALSE(keeps("1.0", ""));
    CHECK(keeps("1.0", "Connection: Keep-Alive\r\n"));
}

TEST_CASE("no value of a response can start a field of its own") {
    ResponseHead head{.status = 404};
    head.headers.add("x-amz-meta-a", std::string("b\r\nSet-Cookie: c\0d", 18));
    head.headers.add("Content-Length", "999");
    head.headers.add("transfer-encoding", "gzip");
    const auto text = response_head_text(head, {.content_length = 3, .chunked = false, .connection = "close"},
                                         "Date: now\r\n", "Larder");
    CHECK(text ==
          "HTTP/1.1 404 Not Found\r\nDate: now\r\nServer: Larder\r\nx-amz-meta-a: b  Set-Cookie: c d\r\n"
          "Content-Length: 3\r\nConnection: close\r\n\r\n");
}

}  // namespace
}  // namespace larder::http
