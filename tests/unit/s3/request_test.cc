// Targets of requests: what names a bucket, a key and parameters.
#include "s3/request.h"

#include "tests/unit/s3/harness.h"

namespace larder::s3 {

namespace {

S3Result<S3Request> of_target(const std::string& target) {
    return parse_request(head_of("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n"), "");
}

}  // namespace

TEST_CASE("what a request names is text, so that answers can repeat it") {
    const auto good = of_target("/home/%C3%A9%01?prefix=%C3%A9");
    REQUIRE(code_of(good) == "success");
    CHECK(good->key == "\xc3\xa9\x01");
    CHECK(good->parameter("prefix") == "\xc3\xa9");
    for (const auto* target : {"/home/%FF", "/home/a%00", "/%FF", "/%00/a", "/home?prefix=%FF", "/home?prefix=%00",
                               "/home?%FF=1", "/home/%C3?x"}) {
        INFO(target);
        CHECK(code_of(of_target(target)) == "InvalidURI");
    }
}

}  // namespace larder::s3
