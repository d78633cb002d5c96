// The examples that AWS publishes with the description of Signature Version 4 for S3.
#include "s3/auth/checksum.h"
#include "tests/unit/s3/harness.h"
#include "tests/unit/s3/signer.h"

namespace larder::s3 {

namespace {

const AuthOptions kThen = {"us-east-1", {1369353600000}};  // 2013-05-24T00:00:00Z
constexpr std::string_view kDate = "20130524T000000Z";

std::optional<std::string> example_secret(std::string_view key_id) {
    if (key_id != "AKIAIOSFODNN7EXAMPLE") return std::nullopt;
    return "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
}

http::RequestHead example(std::string_view request_line, std::string_view headers, std::string_view signed_headers,
                          std::string_view payload, std::string_view signature) {
    std::string wire(request_line);
    wire += " HTTP/1.1\r\nHost: examplebucket.s3.amazonaws.com\r\n" + std::string(headers);
    wire += "x-amz-date: " + std::string(kDate) + "\r\nx-amz-content-sha256: " + std::string(payload) + "\r\n";
    wire += "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,";
    wire += "SignedHeaders=" + std::string(signed_headers) + ",Signature=" + std::string(signature) + "\r\n\r\n";
    return head_of(wire);
}

}  // namespace

TEST_CASE("AWS's signed requests are accepted") {
    const auto get = example("GET /test.txt", "Range: bytes=0-9\r\n", "host;range;x-amz-content-sha256;x-amz-date",
                             kEmptySha256, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    CHECK(code_of(authenticate(get, example_secret, kThen)) == "success");

    const auto put = example("PUT /test%24file.text",
                             "Date: Fri, 24 May 2013 00:00:00 GMT\r\nx-amz-storage-class: REDUCED_REDUNDANCY\r\n",
                             "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                             "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
                             "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    CHECK(code_of(authenticate(put, example_secret, kThen)) == "success");

    const auto lifecycle = example("GET /?lifecycle", "", "host;x-amz-content-sha256;x-amz-date", kEmptySha256,
                                   "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    CHECK(code_of(authenticate(lifecycle, example_secret, kThen)) == "success");

    const auto list = example("GET /?max-keys=2&prefix=J", "", "host;x-amz-content-sha256;x-amz-date", kEmptySha256,
                              "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    const auto known = authenticate(list, example_secret, kThen);
    REQUIRE(code_of(known) == "success");
    CHECK(known->key_id == "AKIAIOSFODNN7EXAMPLE");
    CHECK(known->scope == "20130524/us-east-1/s3/aws4_request");
    CHECK(known->mode == PayloadMode::signed_hash);
}

TEST_CASE("AWS's presigned request is accepted") {
    const auto head = head_of(
        "GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1\r\n"
        "Host: examplebucket.s3.amazonaws.com\r\n\r\n");
    const auto known = authenticate(head, example_secret, kThen);
    REQUIRE(code_of(known) == "success");
    CHECK(known->presigned);
    CHECK(known->mode == PayloadMode::unsigned_payload);
}

namespace {

// The upload of 65 KiB in chunks of 64 KiB.
http::RequestHead chunked_upload(std::string_view headers, std::string_view signed_headers, std::string_view payload,
                                 std::string_view signature) {
    return head_of(
        "PUT /examplebucket/chunkObject.txt HTTP/1.1\r\nHost: s3.amazonaws.com\r\n"
        "x-amz-storage-class: REDUCED_REDUNDANCY\r\nContent-Encoding: aws-chunked\r\n"
        "x-amz-decoded-content-length: 66560\r\n" +
        std::string(headers) + "x-amz-date: " + std::string(kDate) +
        "\r\nx-amz-content-sha256: " + std::string(payload) +
        "\r\nAuthorization: AWS4-HMAC-SHA256 "
        "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=" +
        std::string(signed_headers) + ",Signature=" + std::string(signature) + "\r\n\r\n");
}

std::string chunk(std::size_t size, std::string_view signature) {
    char line[16];
    std::snprintf(line, sizeof line, "%zx", size);
    return std::string(line) + ";chunk-signature=" + std::string(signature) + "\r\n" + std::string(size, 'a') +
           (size > 0 ? "\r\n" : "");
}

}  // namespace

TEST_CASE("AWS's upload in signed chunks is read") {
    const auto head = chunked_upload(
        "Content-Length: 66824\r\n",
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
        "x-amz-storage-class",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
    const auto known = authenticate(head, example_secret, kThen);
    REQUIRE(code_of(known) == "success");
    const auto body = chunk(65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648") +
                      chunk(1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497") +
                      chunk(0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9") + "\r\n";
    REQUIRE(body.size() == 66824);
    FakeExchange exchange(head, body, 1000);
    test::World world;
    auto payload = make_payload(world.env(), exchange, *known);
    REQUIRE(code_of(payload) == "success");
    CHECK((*payload)->decoded_length() == 66560);
    const auto text = read_payload(world, **payload);
    REQUIRE(code_of(text) == "success");
    CHECK((*text == std::string(66560, 'a')));
}

TEST_CASE("AWS's upload in signed chunks with a signed trailer is read") {
    const auto head = chunked_upload("x-amz-trailer: x-amz-checksum-crc32c\r\nContent-Length: 66946\r\n",
                                     "content-encoding;host;x-amz-content-sha256;x-amz-date;"
                                     "x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
                                     "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                                     "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
    const auto known = authenticate(head, example_secret, kThen);
    REQUIRE(code_of(known) == "success");
    const auto body = chunk(65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2") +
                      chunk(1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7") +
                      chunk(0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992") +
                      "x-amz-checksum-crc32c:sOO8/Q==\r\n"
                      "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n";
    FakeExchange exchange(head, body, 1000);
    test::World world;
    auto payload = make_payload(world.env(), exchange, *known);
    REQUIRE(code_of(payload) == "success");
    const auto text = read_payload(world, **payload);
    REQUIRE(code_of(text) == "success");
    CHECK((*text == std::string(66560, 'a')));
    REQUIRE((*payload)->trailers().size() == 1);
    CHECK((*payload)->trailers()[0].second == "sOO8/Q==");
}

}  // namespace larder::s3
