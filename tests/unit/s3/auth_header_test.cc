// Signatures in the Authorization header: what must be refused, and how (reliability §7.3, S3 protocol edges §5.1).
#include "src/base/encoding.h"
#include "tests/unit/s3/harness.h"
#include "tests/unit/s3/signer.h"

namespace larder::s3 {

namespace {

const Signer kSigner;
const base::WallTime kSigned = *base::parse_basic("20261103T112704Z");
const AuthOptions kNow = {"home", kSigned};

std::optional<std::string> secret(std::string_view key_id) {
    return key_id == kSigner.key_id ? std::optional(kSigner.secret) : std::nullopt;
}
S3Result<Authenticated> judge(const http::RequestHead& head, base::WallTime now = kSigned) {
    return authenticate(head, secret, {"home", now});
}
// With another Authorization header.
http::RequestHead reworded(http::RequestHead head, std::string_view what, std::string_view by) {
    head.headers.set("Authorization", replaced(std::string(*head.headers.get("authorization")), what, by));
    return head;
}

}  // namespace

TEST_CASE("a signed request tells who signed it") {
    const auto known = judge(kSigner.by_header("GET", "/home/key?versionId=null"));
    REQUIRE(code_of(known) == "success");
    CHECK(known->key_id == kSigner.key_id);
    CHECK_FALSE(known->anonymous);
    CHECK_FALSE(known->presigned);
    CHECK(known->scope == kSigner.scope());
    CHECK(known->amz_date == kSigner.date);
    CHECK(known->signing_key == kSigner.key());
    CHECK(known->mode == PayloadMode::signed_hash);
    CHECK(known->payload_hash->hex() == kEmptySha256);
}

TEST_CASE("a request without credentials is anonymous") {
    auto head = kSigner.by_header("GET", "/home/key");
    http::RequestHead bare;
    bare.method = "GET";
    bare.target = "/home/key";
    bare.headers.add("Host", "s3.example.org");
    auto known = judge(bare);
    REQUIRE(known.has_value());
    CHECK(known->anonymous);
    CHECK(known->key_id.empty());

    bare.headers.add("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    known = judge(bare);
    REQUIRE(known.has_value());
    CHECK(known->mode == PayloadMode::streaming_unsigned_trailer);
    bare.headers.set("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    CHECK(code_of(judge(bare)) == "InvalidRequest");
}

TEST_CASE("whatever is signed cannot be changed") {
    const auto good = kSigner.by_header("PUT", "/home/key?tagging", {{"Content-Type", "text/plain"}});
    REQUIRE(code_of(judge(good)) == "success");

    auto changed = good;
    changed.method = "GET";
    CHECK(code_of(judge(changed)) == "SignatureDoesNotMatch");
    for (const auto target :
         {"/home/keys?tagging", "/home/key?acl", "/home/key", "/home/key?tagging&acl", "/home/key?"}) {
        changed = good;
        changed.target = target;
        CHECK(code_of(judge(changed)) == "SignatureDoesNotMatch");
    }
    for (const auto name : {"Host", "Content-Type"}) {
        changed = good;
        changed.headers.set(name, "other");
        CHECK(code_of(judge(changed)) == "SignatureDoesNotMatch");
    }
    changed = good;
    changed.headers.set("x-amz-content-sha256", std::string(kUnsignedPayload));
    CHECK(code_of(judge(changed)) == "SignatureDoesNotMatch");
    changed = good;
    changed.headers.set("x-amz-date", "20261103T112705Z");
    CHECK(code_of(judge(changed)) == "SignatureDoesNotMatch");
}

TEST_CASE("a wrong signature is answered with what was signed here") {
    const auto refused = judge(reworded(kSigner.by_header("GET", "/home/a b", {}), "Signature=", "Signature=0"));
    REQUIRE(code_of(refused) == "SignatureDoesNotMatch");
    CHECK(refused.error().status == 403);
    CHECK(extra(refused.error(), "AWSAccessKeyId") == kSigner.key_id);
    CHECK(extra(refused.error(), "StringToSign").starts_with("AWS4-HMAC-SHA256\n20261103T112704Z\n20261103/home/s3/"));
    CHECK(extra(refused.error(), "CanonicalRequest").starts_with("GET\n/home/a%20b\n\nhost:s3.example.org:3900\n"));
    CHECK(extra(refused.error(), "SignatureProvided").size() == 65);
    for (const auto& [name, value] : refused.error().extra) CHECK(value.find(kSigner.secret) == std::string::npos);
}

TEST_CASE("a signature by another secret, an unknown key, or none") {
    auto other = kSigner;
    other.secret[0] ^= 1;
    CHECK(code_of(judge(other.by_header("GET", "/home/key"))) == "SignatureDoesNotMatch");
    CHECK(code_of(judge(kSigner.by_header("GET", "/home/key"))) == "success");
    other = kSigner;
    other.key_id = "GKunknown";
    const auto unknown = judge(other.by_header("GET", "/home/key"));
    CHECK(code_of(unknown) == "InvalidAccessKeyId");
    CHECK(unknown.error().status == 403);
    const auto good = kSigner.by_header("GET", "/home/key");
    CHECK(code_of(judge(reworded(good, signature_of(good), ""))) == "SignatureDoesNotMatch");
    CHECK(code_of(judge(reworded(good, signature_of(good), std::string(64, '0')))) == "SignatureDoesNotMatch");
}

TEST_CASE("every x-amz-* header and the host must be signed") {
    for (const std::string name : {"x-amz-copy-source", "X-Amz-Acl", "x-amz-meta-a", "x-amz-anything-new"}) {
        const auto head = kSigner.by_header("PUT", "/home/key", {}, std::string(kEmptySha256), {{name, "/home/other"}});
        const auto refused = judge(head);
        CHECK(code_of(refused) == "AccessDenied");
        CHECK(base::equal_ignoring_case(extra(refused.error(), "HeadersNotSigned"), name));
    }
    // Others need not be.
    const auto lax = kSigner.by_header("PUT", "/home/key", {}, std::string(kEmptySha256),
                                       {{"Content-Type", "text/plain"}, {"Content-Length", "0"}, {"If-Match", "*"}});
    CHECK(code_of(judge(lax)) == "success");
    const auto hostless = judge(reworded(kSigner.by_header("GET", "/home/key"), "host;", ""));
    CHECK(code_of(hostless) == "AccessDenied");
    CHECK(extra(hostless.error(), "HeadersNotSigned") == "host");
}

TEST_CASE("a header that is read once may not be given twice") {
    // Signed as "/home/a,b" and sent as two headers: the reader of the first would see another source.
    const auto joined = kSigner.by_header("PUT", "/home/key", {{"x-amz-copy-source", "/home/a,b"}});
    REQUIRE(code_of(judge(joined)) == "success");
    const auto split =
        kSigner.by_header("PUT", "/home/key", {{"x-amz-copy-source", "/home/a"}, {"x-amz-copy-source", "b"}});
    CHECK(code_of(judge(split)) == "InvalidRequest");
    const auto lists = kSigner.by_header("PUT", "/home/key",
                                         {{"x-amz-meta-a", "1"},
                                          {"X-Amz-Meta-A", "2"},
                                          {"x-amz-object-attributes", "ETag"},
                                          {"x-amz-object-attributes", "Checksum"}});
    CHECK(code_of(judge(lists)) == "success");
    auto twice = kSigner.by_header("GET", "/home/key");
    twice.headers.add("Authorization", std::string(*twice.headers.get("authorization")));
    CHECK(code_of(judge(twice)) == "InvalidArgument");
}

TEST_CASE("values are signed trimmed, their spaces made one, repeated ones joined") {
    const auto head = kSigner.by_header(
        "PUT", "/home/key", {{"x-amz-meta-a", "  x   y  z "}, {"x-amz-meta-b", "1"}, {"x-amz-meta-b", " 2"}});
    CHECK(code_of(judge(head)) == "success");
}

TEST_CASE("the clock may differ by fifteen minutes") {
    const auto head = kSigner.by_header("GET", "/home/key");
    for (const auto minutes : {-15, 0, 15}) CHECK(code_of(judge(head, {kSigned.ms + minutes * 60000})) == "success");
    for (const auto ms : {-900001, 900001}) {
        const auto refused = judge(head, {kSigned.ms + ms});
        CHECK(code_of(refused) == "RequestTimeTooSkewed");
        CHECK(refused.error().status == 403);
        CHECK(extra(refused.error(), "RequestTime") == kSigner.date);
        CHECK(extra(refused.error(), "ServerTime").starts_with("2026-11-03T11:"));
        CHECK(extra(refused.error(), "MaxAllowedSkewMilliseconds") == "900000");
    }
}

TEST_CASE("the time of signing comes from x-amz-date, or else from Date") {
    const auto both = kSigner.by_header("GET", "/home/key", {{"Date", "Mon, 01 Jan 2001 00:00:00 GMT"}});
    CHECK(code_of(judge(both)) == "success");
    auto plain = kSigner;
    plain.plain_date = true;
    for (const auto date : {"Tue, 03 Nov 2026 11:27:04 GMT", "20261103T112704Z"}) {
        CHECK(code_of(judge(plain.by_header("GET", "/home/key", {{"Date", date}}))) == "success");
    }
    for (const auto date : {"yesterday", "", "2026-11-03T11:27:04Z"}) {
        CHECK(code_of(judge(plain.by_header("GET", "/home/key", {{"Date", date}}))) == "AccessDenied");
    }
    CHECK(code_of(judge(plain.by_header("GET", "/home/key"))) == "AccessDenied");
    CHECK(code_of(judge(plain.by_header("GET", "/home/key", {{"Date", "Tue, 03 Nov 2026 11:00:00 GMT"}}))) ==
          "RequestTimeTooSkewed");
    auto odd = kSigner.by_header("GET", "/home/key");
    odd.headers.set("x-amz-date", "2026-11-03T11:27:04Z");
    CHECK(code_of(judge(odd)) == "AccessDenied");
}

TEST_CASE("the scope is exact in date and service; two regions are good") {
    auto other = kSigner;
    other.scope_date = "20261102";
    CHECK(code_of(judge(other.by_header("GET", "/home/key"))) == "AuthorizationHeaderMalformed");
    other = kSigner;
    other.service = "sts";
    CHECK(code_of(judge(other.by_header("GET", "/home/key"))) == "AuthorizationHeaderMalformed");
    other = kSigner;
    other.region = "us-east-1";
    CHECK(code_of(judge(other.by_header("GET", "/home/key"))) == "success");
    other.region = "eu-west-3";
    const auto refused = judge(other.by_header("GET", "/home/key"));
    CHECK(code_of(refused) == "AuthorizationHeaderMalformed");
    CHECK(refused.error().status == 400);
    CHECK(extra(refused.error(), "Region") == "home");
}

TEST_CASE("the Authorization header's forms") {
    const auto good = kSigner.by_header("GET", "/home/key");
    const std::string text(*good.headers.get("authorization"));
    auto head = good;
    std::string tight = text;
    while (tight.find(", ") != std::string::npos) tight = replaced(tight, ", ", ",");
    head.headers.set("Authorization", tight);
    CHECK(code_of(judge(head)) == "success");

    const std::pair<std::string_view, std::string_view> bad[] = {
        {"SignedHeaders=host;", "SignedHeaders=x-amz-date;host;"},
        {"SignedHeaders=host;", "SignedHeaders=host;host;"},
        {"SignedHeaders=host;", "SignedHeaders=Host;"},
        {"SignedHeaders=host;", "SignedHeaders=;host;"},
        {"SignedHeaders=", "Signed="},
        {", Signature=", ", Signature=0, Signature="},
        {"/aws4_request", ""},
        {"/aws4_request", "/aws4"},
        {"20261103/", "2026113/"},
        {"Credential=", "Credential"},
        {"AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"},
        {"AWS4-HMAC-SHA256 ", "Bearer "},
    };
    for (const auto& [what, by] : bad) {
        INFO(what << " -> " << by);
        CHECK(code_of(judge(reworded(good, what, by))) == "AuthorizationHeaderMalformed");
    }
    head.headers.set("Authorization", "");
    CHECK(code_of(judge(head)) == "AuthorizationHeaderMalformed");
    head.headers.set("Authorization", "AWS " + kSigner.key_id + ":frJIUN8DYpKDtOLCwo//yllqDzg=");
    CHECK(code_of(judge(head)) == "InvalidRequest");
    head = good;
    head.target = "/home/key?AWSAccessKeyId=" + kSigner.key_id + "&Signature=x&Expires=1";
    CHECK(code_of(judge(head)) == "InvalidRequest");
}

TEST_CASE("a key id may hold slashes") {
    auto signer = kSigner;
    signer.key_id = "team/a/key";
    const auto lookup = [&](std::string_view id) {
        return id == "team/a/key" ? std::optional(signer.secret) : std::nullopt;
    };
    CHECK(code_of(authenticate(signer.by_header("GET", "/home/key"), lookup, kNow)) == "success");
}

TEST_CASE("x-amz-content-sha256 is one of the literals or a hash") {
    const std::pair<std::string, PayloadMode> good[] = {
        {"UNSIGNED-PAYLOAD", PayloadMode::unsigned_payload},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PayloadMode::streaming_signed},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PayloadMode::streaming_signed_trailer},
        {"STREAMING-UNSIGNED-PAYLOAD-TRAILER", PayloadMode::streaming_unsigned_trailer},
        {std::string(64, 'A'), PayloadMode::signed_hash},
    };
    for (const auto& [text, mode] : good) {
        const auto known = judge(kSigner.by_header("PUT", "/home/key", {}, text));
        REQUIRE(code_of(known) == "success");
        CHECK(known->mode == mode);
    }
    for (const std::string text : {"unsigned-payload", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "e3b0", "x"}) {
        CHECK(code_of(judge(kSigner.by_header("PUT", "/home/key", {}, text))) == "InvalidArgument");
    }
    CHECK(code_of(judge(kSigner.by_header("PUT", "/home/key", {}, ""))) == "InvalidRequest");
}

TEST_CASE("security tokens are not issued here, so none is good") {
    CHECK(code_of(judge(kSigner.by_header("GET", "/home/key", {{"x-amz-security-token", "t"}}))) == "InvalidToken");
    CHECK(code_of(judge(kSigner.by_header("GET", "/home/key?X-Amz-Security-Token=t"))) == "InvalidToken");
}

TEST_CASE("paths are decoded once and never tidied up") {
    for (const auto path : {"/home/a//b", "/home/a/../b", "/home/./a/", "/home/%2e%2e/b", "/home/a%2Fb", "/home/%7Ea",
                            "/home/a%20b%2Bc+d", "/home/it's (1)*!:@&=$,;", "/home/%c3%bc", "/"}) {
        INFO(path);
        CHECK(code_of(judge(kSigner.by_header("GET", path))) == "success");
    }
    auto head = kSigner.by_header("GET", "/home/a/../b");
    head.target = "/home/b";
    CHECK(code_of(judge(head)) == "SignatureDoesNotMatch");
    head = kSigner.by_header("GET", "/home/%2541");
    head.target = "/home/%41";
    CHECK(code_of(judge(head)) == "SignatureDoesNotMatch");
    head.target = "/home/%4";
    CHECK(code_of(judge(head)) == "InvalidURI");
}

TEST_CASE("a client may sign the path as it sends it") {
    auto signer = kSigner;
    signer.path = "/home/it's(1)%c3%bc:x";
    CHECK(code_of(judge(signer.by_header("GET", signer.path))) == "success");
    auto head = signer.by_header("GET", signer.path);
    head.target = "/home/it%27s%281%29%C3%BC%3Ax";
    CHECK(code_of(judge(head)) == "SignatureDoesNotMatch");
}

TEST_CASE("queries are sorted by name and value, each encoded once") {
    for (const auto query :
         {"?acl", "?acl=", "?b=2&a=1&a=0", "?prefix=a%20b&delimiter=%2F", "?prefix=a+b", "?x=a;b;c", "?a-b=1&a=2&a.b=3",
          "?x-id=GetObject&versionId=null", "?&a=1&&b", "?=v", "?a==", "?a=%C3%bc"}) {
        INFO(query);
        CHECK(code_of(judge(kSigner.by_header("GET", std::string("/home/key") + query))) == "success");
    }
    auto head = kSigner.by_header("GET", "/home/key?acl");
    head.target = "/home/key?acl=";
    CHECK(code_of(judge(head)) == "success");
    head.target = "/home/key?acl=1";
    CHECK(code_of(judge(head)) == "SignatureDoesNotMatch");
    head.target = "/home/key?a=%zz";
    CHECK(code_of(judge(head)) == "InvalidURI");
}

TEST_CASE("a signing key is kept for its secret, day and region alone") {
    const Credential credential{"k", "20261103/home/s3/aws4_request", "20261103", "home", "s3"};
    const auto key = signing_key(credential, "one");
    CHECK(key.size() == 32);
    CHECK(signing_key(credential, "one") == key);
    CHECK(signing_key(credential, "two") != key);
    auto tomorrow = credential;
    tomorrow.date = "20261104";
    CHECK(signing_key(tomorrow, "one") != key);
    auto elsewhere = credential;
    elsewhere.region = "us-east-1";
    CHECK(signing_key(elsewhere, "one") != key);
    CHECK(signing_key(credential, "one") == key);
}

}  // namespace larder::s3
