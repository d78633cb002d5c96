// Signatures in the query (presigned requests).
#include "src/base/encoding.h"
#include "tests/unit/s3/harness.h"
#include "tests/unit/s3/signer.h"

namespace larder::s3 {

namespace {

const Signer kSigner;
const base::WallTime kSigned = *base::parse_basic("20261103T112704Z");

std::optional<std::string> secret(std::string_view key_id) {
    return key_id == kSigner.key_id ? std::optional(kSigner.secret) : std::nullopt;
}
S3Result<Authenticated> judge(const http::RequestHead& head, std::int64_t seconds_later = 0) {
    return authenticate(head, secret, {"home", {kSigned.ms + seconds_later * 1000}});
}
http::RequestHead with_expiry(std::string expires) {
    auto head = kSigner.presigned("GET", "/home/key");
    head.target = kSigner.presigned_target("GET", "/home/key", std::move(expires));
    return head;
}

}  // namespace

TEST_CASE("a presigned request needs no header") {
    const auto known = judge(kSigner.presigned("GET", "/home/a%20b?response-content-type=text%2Fplain"));
    REQUIRE(code_of(known) == "success");
    CHECK(known->presigned);
    CHECK(known->key_id == kSigner.key_id);
    CHECK(known->mode == PayloadMode::unsigned_payload);
}

TEST_CASE("whatever a presigned request says is signed") {
    const auto good = kSigner.presigned("GET", "/home/key?response-content-type=text%2Fplain");
    auto head = good;
    head.method = "DELETE";
    CHECK(code_of(judge(head)) == "SignatureDoesNotMatch");
    for (const auto& [what, by] : {std::pair("text%2Fplain", "text%2Fhtml"),
                                   {"/key", "/other"},
                                   {"Expires=3600", "Expires=3601"},
                                   {"?response", "?acl&response"}}) {
        head = good;
        head.target = replaced(head.target, what, by);
        CHECK(code_of(judge(head)) == "SignatureDoesNotMatch");
    }
    head = good;
    head.headers.set("Host", "elsewhere.example.org");
    CHECK(code_of(judge(head)) == "SignatureDoesNotMatch");
    head = good;
    head.target += "&acl";
    CHECK(code_of(judge(head)) == "SignatureDoesNotMatch");
}

TEST_CASE("nobody can add an x-amz-* header to a presigned request") {
    for (const auto name : {"x-amz-copy-source", "x-amz-acl", "X-Amz-Meta-A", "x-amz-tagging", "x-amz-unheard-of"}) {
        auto head = kSigner.presigned("PUT", "/home/key");
        head.headers.add(name, "/home/secret");
        const auto refused = judge(head);
        CHECK(code_of(refused) == "AccessDenied");
        CHECK(base::equal_ignoring_case(extra(refused.error(), "HeadersNotSigned"), name));
    }
    CHECK(code_of(judge(kSigner.presigned("PUT", "/home/key", {{"x-amz-acl", "private"}}))) == "success");
    auto changed = kSigner.presigned("PUT", "/home/key", {{"x-amz-acl", "private"}});
    changed.headers.set("x-amz-acl", "public-read");
    CHECK(code_of(judge(changed)) == "SignatureDoesNotMatch");
}

TEST_CASE("a presigned request lives from its date to its expiry") {
    const auto head = kSigner.presigned("GET", "/home/key");
    for (const auto later : {-900, 0, 1, 3599, 3600}) CHECK(code_of(judge(head, later)) == "success");
    auto refused = judge(head, 3601);
    REQUIRE(code_of(refused) == "AccessDenied");
    CHECK(refused.error().message == "Request has expired");
    CHECK(extra(refused.error(), "X-Amz-Expires") == "3600");
    CHECK(extra(refused.error(), "Expires") == "2026-11-03T12:27:04.000Z");
    CHECK(extra(refused.error(), "ServerTime") == "2026-11-03T12:27:05.000Z");
    refused = judge(head, -901);
    REQUIRE(code_of(refused) == "AccessDenied");
    CHECK(refused.error().message == "Request is not valid yet");
}

TEST_CASE("an expiry is a number of seconds up to seven days") {
    for (const auto expires : {"1", "604800"}) CHECK(code_of(judge(with_expiry(expires))) == "success");
    for (const auto expires : {"0", "-1", "604801", "9999999999999999999999"}) {
        INFO(expires);
        const auto refused = judge(with_expiry(expires));
        CHECK(code_of(refused) == "AccessDenied");
        CHECK(refused.error().status == 403);
    }
    for (const auto expires : {"", "1.5", "1h", "%2B5", "5%20", "0x10"}) {
        INFO(expires);
        CHECK(code_of(judge(with_expiry(expires))) == "AuthorizationQueryParametersError");
    }
}

TEST_CASE("every parameter of a presigned request is needed, once") {
    const auto good = kSigner.presigned("GET", "/home/key").target;
    for (const std::string name : {"Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"}) {
        auto head = kSigner.presigned("GET", "/home/key");
        head.target = replaced(good, "X-Amz-" + name + "=", "Y=");
        CHECK(code_of(judge(head)) == "AuthorizationQueryParametersError");
        head.target = good + "&X-Amz-" + name + "=x";
        CHECK(code_of(judge(head)) == "AuthorizationQueryParametersError");
    }
    for (const auto& [what, by] : {std::pair("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
                                   {"aws4_request", "aws4"},
                                   {"SignedHeaders=host", "SignedHeaders=host%3Bhost"},
                                   {"Date=2026", "Date=x026"}}) {
        auto head = kSigner.presigned("GET", "/home/key");
        head.target = replaced(good, what, by);
        CHECK(code_of(judge(head)) == "AuthorizationQueryParametersError");
    }
}

TEST_CASE("a presigned request's scope is judged like a header's, with its own code") {
    auto other = kSigner;
    other.region = "eu-west-3";
    const auto refused = judge(other.presigned("GET", "/home/key"));
    CHECK(code_of(refused) == "AuthorizationQueryParametersError");
    CHECK(extra(refused.error(), "Region") == "home");
    other = kSigner;
    other.scope_date = "20261104";
    CHECK(code_of(judge(other.presigned("GET", "/home/key"))) == "AuthorizationQueryParametersError");
    other = kSigner;
    other.service = "iam";
    CHECK(code_of(judge(other.presigned("GET", "/home/key"))) == "AuthorizationQueryParametersError");
    other = kSigner;
    other.region = "us-east-1";
    CHECK(code_of(judge(other.presigned("GET", "/home/key"))) == "success");
    other = kSigner;
    other.secret = "another";
    CHECK(code_of(judge(other.presigned("GET", "/home/key"))) == "SignatureDoesNotMatch");
    other.key_id = "GKunknown";
    CHECK(code_of(judge(other.presigned("GET", "/home/key"))) == "InvalidAccessKeyId");
}

TEST_CASE("credentials in the query win over a header") {
    auto head = kSigner.presigned("GET", "/home/key");
    head.headers.add("Authorization", "Bearer of-a-proxy");
    CHECK(code_of(judge(head)) == "success");
    // A good header does not make up for a bad query.
    auto both = kSigner.by_header("GET", head.target + "0");
    CHECK(code_of(judge(both)) != "success");
}

TEST_CASE("the body of a presigned request may be bound, and cannot be streamed in signed or trailed chunks") {
    const std::string hash(64, 'a');
    http::RequestHead head;
    head.method = "PUT";
    head.headers.add("Host", "s3.example.org:3900");
    head.target = kSigner.presigned_target("PUT", "/home/key?X-Amz-Content-Sha256=" + hash, "60", {}, hash);
    auto known = judge(head);
    REQUIRE(code_of(known) == "success");
    CHECK(known->mode == PayloadMode::signed_hash);
    CHECK(known->payload_hash->hex() == hash);
    // The header cannot lift the bond.
    head.headers.add("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    CHECK(code_of(judge(head)) == "InvalidRequest");

    auto free = kSigner.presigned("PUT", "/home/key");
    free.headers.add("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    CHECK(code_of(judge(free)) == "success");
    for (const auto mode : {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"}) {
        free.headers.set("x-amz-content-sha256", mode);
        CHECK(code_of(judge(free)) == "InvalidRequest");
    }
    free.headers.set("x-amz-content-sha256", hash);
    CHECK(code_of(judge(free)) == "SignatureDoesNotMatch");
}

}  // namespace larder::s3
