// What a raw target becomes: bucket, key and parameters; and which names are none.
#include "s3/request.h"
#include "src/base/limits.h"

#include <catch2/catch.hpp>

namespace larder::s3 {
namespace {

S3Result<S3Request> parsed(std::string target, std::string host = "", std::string root_domain = "") {
    http::RequestHead head;
    head.method = "GET";
    head.target = std::move(target);
    if (!host.empty()) head.headers.add("host", host);
    return parse_request(head, root_domain);
}

// "BUCKET KEY", or the code of the refusal.
std::string shown(std::string target, std::string host = "", std::string root_domain = "") {
    const auto request = parsed(std::move(target), std::move(host), std::move(root_domain));
    return request ? request->bucket + " " + request->key : request.error().code;
}

TEST_CASE("bucket and key in the path are decoded once") {
    CHECK(shown("/") == " ");
    CHECK(shown("/b") == "b ");
    CHECK(shown("/b/") == "b ");
    CHECK(shown("/b/k") == "b k");
    CHECK(shown("/b/a%20b%2Fc%2520+d") == "b a b/c%20+d");
    CHECK(shown("/b//k//") == "b /k//");
    CHECK(shown("/b/../k") == "b ../k");  // keys are no paths
    CHECK(shown("http://host/b/k") == "b k");
    CHECK(shown("http://host") == " ");
}

TEST_CASE("a bucket in the name of the host") {
    CHECK(shown("/k", "b.s3.example.org", "s3.example.org") == "b k");
    CHECK(shown("/k/l", "B.S3.example.ORG:8080", "s3.example.org") == "b k/l");
    CHECK(shown("/k", "my.b.s3.example.org", "s3.example.org") == "my.b k");
    CHECK(shown("/b/k", "s3.example.org", "s3.example.org") == "b k");
    CHECK(shown("/b/k", "xs3.example.org", "s3.example.org") == "b k");
    CHECK(shown("/b/k", "b.s3.example.org", "") == "b k");
}

TEST_CASE("a target that holds no key is refused") {
    for (const char* target :
         {"b/k", "", "/b/%", "/b/%4", "/b/%zz", "/%/k", "/b/k?a=%", "/b/%00", "/b/a%00b", "/b/%ff", "/b/%c0%af", "*"}) {
        INFO(target);
        CHECK(shown(target) == "InvalidURI");
    }
}

TEST_CASE("a key has at most 1024 bytes, counted decoded") {
    const auto longest = base::limits::kKeyBytesMax;
    CHECK(parsed("/b/" + std::string(longest, 'k'))->key.size() == longest);
    CHECK(shown("/b/" + std::string(longest + 1, 'k')) == "KeyTooLongError");
    std::string escaped;
    for (std::size_t i = 0; i < longest; ++i) escaped += "%41";
    CHECK(parsed("/b/" + escaped)->key == std::string(longest, 'A'));
    CHECK(shown("/b/" + escaped + "%41") == "KeyTooLongError");
}

TEST_CASE("parameters keep their order and are decoded once") {
    const auto request = parsed("/b?prefix=a%26b&acl&empty=&x=1&x=2&&p=a+b%2B");
    REQUIRE(request);
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    CHECK(request->query ==
          Pairs{{"prefix", "a&b"}, {"acl", ""}, {"empty", ""}, {"x", "1"}, {"x", "2"}, {"p", "a b+"}});
    CHECK(request->has("acl"));
    CHECK_FALSE(request->has("ACL"));
    CHECK(request->parameter("x") == "1");
    CHECK_FALSE(request->parameter("y"));
}

TEST_CASE("a numeric parameter is a number or refused") {
    const auto number = [](std::string value) { return number_parameter(*parsed("/b?n=" + value), "n"); };
    CHECK(*number("0") == 0u);
    CHECK(*number("1000") == 1000u);
    CHECK(*number("2147483647") == 2147483647u);
    CHECK(*number("") == std::nullopt);
    CHECK(*number_parameter(*parsed("/b"), "n") == std::nullopt);
    for (const char* value : {"-1", "%2B1", "1x", "x", "%201", "1.5", "0x10", "2147483648", "99999999999999999999"}) {
        INFO(value);
        REQUIRE_FALSE(number(value));
        CHECK(number(value).error().code == "InvalidArgument");
    }
}

TEST_CASE("the rules of bucket names") {
    for (const char* name : {"abc", "a-b", "my.bucket", "0ab", "a1.b2-c3", "192.168.5", "192.168.5.4.1", "1.2.3.a"}) {
        INFO(name);
        CHECK(is_valid_bucket_name(name));
    }
    CHECK(is_valid_bucket_name(std::string(63, 'a')));
    CHECK_FALSE(is_valid_bucket_name(std::string(64, 'a')));
    for (const char* name : {"",
                             "a",
                             "ab",
                             "Abc",
                             "aBc",
                             "a_b",
                             "a b",
                             "-ab",
                             "ab-",
                             ".ab",
                             "ab.",
                             "a..b",
                             "a.-b",
                             "a-.b",
                             "a/b",
                             "a%b",
                             "\xc3\xa4"
                             "bc",
                             "192.168.5.4",
                             "xn--abc",
                             "sthree-abc",
                             "amzn-s3-demo-abc",
                             "abc-s3alias",
                             "abc--ol-s3",
                             "abc.mrap",
                             "abc--x-s3"}) {
        INFO(name);
        CHECK_FALSE(is_valid_bucket_name(name));
    }
}

}  // namespace
}  // namespace larder::s3
