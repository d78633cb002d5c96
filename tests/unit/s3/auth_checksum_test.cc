// Checksums asked for and given, by header and trailer, and those of uploads in parts.
#include "s3/auth/checksum.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "tests/unit/s3/harness.h"

namespace larder::s3 {

namespace {

using engine::ChecksumAlgorithm;

constexpr ChecksumAlgorithm kAll[] = {ChecksumAlgorithm::crc32, ChecksumAlgorithm::crc32c, ChecksumAlgorithm::crc64nvme,
                                      ChecksumAlgorithm::sha1, ChecksumAlgorithm::sha256};

S3Result<ChecksumRequest> asked(std::initializer_list<std::pair<std::string, std::string>> headers) {
    http::RequestHead head;
    for (const auto& [name, value] : headers) head.headers.add(name, value);
    return checksum_request(head);
}

io::Task<bool> feed(BodyDigests& digests, std::vector<std::string> pieces) {
    for (const auto& piece : pieces) co_await digests.update(base::Buffer::copy_of(piece));
    co_return true;
}

engine::Checksum checksum_of(ChecksumAlgorithm algorithm, const std::vector<std::string>& pieces) {
    test::World world;
    BodyDigests digests(world.env(), {algorithm}, false);
    world.run(feed(digests, pieces));
    return digests.checksum(algorithm);
}

}  // namespace

TEST_CASE("checksums of a known text") {
    const std::pair<ChecksumAlgorithm, std::string> known[] = {
        {ChecksumAlgorithm::crc32, "y/Q5Jg=="},
        {ChecksumAlgorithm::crc32c, "4waSgw=="},
        {ChecksumAlgorithm::crc64nvme, "rosUhgp5mIg="},
        {ChecksumAlgorithm::sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="},
        {ChecksumAlgorithm::sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
    };
    for (const auto& [algorithm, text] : known) {
        CHECK(checksum_text(checksum_of(algorithm, {"123456789"}), 0) == text);
        CHECK(checksum_text(checksum_of(algorithm, {"1234", "", "56789"}), 0) == text);
    }
}

TEST_CASE("large pieces are hashed on the pool, in order") {
    const std::string large(300000, 'x');
    for (const auto algorithm : kAll) {
        CHECK(checksum_of(algorithm, {large, "y", large}).value == checksum_of(algorithm, {large + "y" + large}).value);
    }
    test::World world;
    BodyDigests digests(world.env(), {});
    world.run(feed(digests, {large, "y"}));
    CHECK(digests.md5() == base::md5(large + "y"));
}

TEST_CASE("names of algorithms") {
    for (const auto algorithm : kAll) {
        CHECK(algorithm_from(algorithm_name(algorithm)) == algorithm);
        CHECK(algorithm_from(base::to_lower(algorithm_name(algorithm))) == algorithm);
        CHECK(header_name(algorithm) == "x-amz-checksum-" + base::to_lower(algorithm_name(algorithm)));
        CHECK(xml_name(algorithm) == "Checksum" + algorithm_name(algorithm));
    }
    CHECK_FALSE(algorithm_from("CRC16"));
    CHECK(checksum_text({ChecksumAlgorithm::crc32, true, std::string(4, '\0')}, 7) == "AAAAAA==-7");
}

TEST_CASE("a request may give one checksum") {
    const auto request = asked({{"X-Amz-Checksum-Crc32", " y/Q5Jg== "}, {"x-amz-checksum-mode", "ENABLED"}});
    REQUIRE(code_of(request) == "success");
    CHECK(request->algorithm == ChecksumAlgorithm::crc32);
    CHECK(request->expected_raw == "\xcb\xf4\x39\x26");
    CHECK_FALSE(asked({{"x-amz-checksum-type", "COMPOSITE"}, {"x-amz-checksum-algorithm", "CRC32"}})->algorithm);
    CHECK(code_of(asked({{"x-amz-checksum-crc32", "y/Q5Jg=="},
                         {"x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="}})) == "InvalidRequest");
    CHECK(code_of(asked({{"x-amz-checksum-crc32", "y/Q5Jg=="}, {"x-amz-trailer", "x-amz-checksum-crc32"}})) ==
          "InvalidRequest");
    for (const auto* bad : {"", "y/Q5Jg", "y/Q5Jg==AA", "AAAAAAA=", "????"}) {
        CHECK(code_of(asked({{"x-amz-checksum-crc32", bad}})) == "BadDigest");
    }
}

TEST_CASE("a checksum that cannot be checked is never taken silently") {
    for (const auto* other : {"md5", "sha512", "xxhash64", "xxhash3", "xxhash128"}) {
        const auto refused = asked({{"x-amz-checksum-" + std::string(other), "AAAA"}});
        REQUIRE(code_of(refused) == "NotImplemented");
        CHECK(extra(refused.error(), "Header") == "x-amz-checksum-" + std::string(other));
        CHECK(code_of(asked({{"x-amz-trailer", "x-amz-checksum-" + std::string(other)}})) == "NotImplemented");
    }
    CHECK(code_of(asked({{"x-amz-checksum-crc16", "AAA="}})) == "InvalidRequest");
    CHECK(code_of(asked({{"x-amz-trailer", "x-amz-meta-a"}})) == "InvalidRequest");
    CHECK(code_of(asked({{"x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1"}})) == "InvalidRequest");
}

TEST_CASE("what an SDK announces must come") {
    CHECK(code_of(asked({{"x-amz-sdk-checksum-algorithm", "CRC32"}, {"x-amz-checksum-crc32", "y/Q5Jg=="}})) ==
          "success");
    CHECK(code_of(asked({{"x-amz-sdk-checksum-algorithm", "crc32"}, {"x-amz-trailer", "x-amz-checksum-crc32"}})) ==
          "success");
    CHECK(code_of(asked({{"x-amz-sdk-checksum-algorithm", "CRC32"}})) == "InvalidRequest");
    CHECK(code_of(asked({{"x-amz-sdk-checksum-algorithm", "SHA1"}, {"x-amz-checksum-crc32", "y/Q5Jg=="}})) ==
          "InvalidRequest");
    CHECK(code_of(asked({{"x-amz-sdk-checksum-algorithm", "type"}, {"x-amz-checksum-crc32", "y/Q5Jg=="}})) ==
          "InvalidRequest");
    CHECK(code_of(asked({{"x-amz-sdk-checksum-algorithm", "SHA512"}})) == "NotImplemented");
}

TEST_CASE("Content-MD5 is 16 bytes in base64") {
    const auto request = asked({{"Content-MD5", base::base64_encode(base::md5("x"))}});
    REQUIRE(code_of(request) == "success");
    CHECK(request->content_md5_raw == base::md5("x"));
    for (const auto* bad : {"", "YWJyYWNhZGFicmE=", "9dd4e461268c8034f5c8564e155c67a6", "x"}) {
        CHECK(code_of(asked({{"Content-MD5", bad}})) == "InvalidDigest");
    }
    CHECK(code_of(checksum_of_fields({{"content-md5", "nd1kYSaMgDT1yFZOFVxnpg=="},
                                      {"content-md5", "nd1kYSaMgDT1yFZOFVxnpg=="}})) == "InvalidDigest");
}

TEST_CASE("what was computed is compared with what was given") {
    const auto md5 = base::md5("123456789");
    const std::vector computed = {checksum_of(ChecksumAlgorithm::crc32, {"123456789"})};
    CHECK(code_of(check_digests(*asked({}), {}, md5, {})) == "success");
    CHECK(code_of(check_digests(*asked({{"x-amz-checksum-crc32", "y/Q5Jg=="}}), {}, md5, computed)) == "success");
    CHECK(code_of(check_digests(*asked({{"x-amz-checksum-crc32", "AAAAAA=="}}), {}, md5, computed)) == "BadDigest");
    // Not computed is not equal.
    CHECK(code_of(check_digests(*asked({{"x-amz-checksum-crc32", "y/Q5Jg=="}}), {}, md5, {})) == "BadDigest");
    CHECK(code_of(check_digests(*asked({{"Content-MD5", base::base64_encode(md5)}}), {}, md5, {})) == "success");
    CHECK(code_of(check_digests(*asked({{"Content-MD5", base::base64_encode(base::md5(""))}}), {}, md5, {})) ==
          "BadDigest");
}

TEST_CASE("a trailer's value counts like a header's") {
    const auto request = *asked({{"x-amz-trailer", "X-Amz-Checksum-CRC32"}});
    const std::vector computed = {checksum_of(ChecksumAlgorithm::crc32, {"123456789"})};
    const auto judge = [&](std::vector<std::pair<std::string, std::string>> trailers) {
        return code_of(check_digests(request, trailers, base::md5(""), computed));
    };
    CHECK(judge({{"x-amz-checksum-crc32", " y/Q5Jg=="}}) == "success");
    CHECK(judge({{"x-amz-checksum-crc32", "AAAAAA=="}}) == "BadDigest");
    CHECK(judge({{"x-amz-checksum-crc32", "AAAA"}}) == "InvalidRequest");
    CHECK(judge({{"x-amz-checksum-crc32", "?"}}) == "InvalidRequest");
    CHECK(judge({}) == "MalformedTrailerError");
}

TEST_CASE("the checksum of a whole comes from those of its parts") {
    const std::vector<std::string> texts = {"first part, ", "second part, ", "", "last"};
    for (const auto algorithm : kAll) {
        std::vector<engine::PartInfo> parts;
        std::string all, raw;
        for (const auto& text : texts) {
            engine::PartInfo part;
            part.size = text.size();
            part.checksums = {checksum_of(algorithm, {text})};
            all += text;
            raw += part.checksums[0].value;
            parts.push_back(part);
        }
        const auto composite = combine(algorithm, true, parts);
        REQUIRE(code_of(composite) == "success");
        CHECK(composite->composite);
        CHECK(composite->value == checksum_of(algorithm, {raw}).value);
        if (algorithm <= ChecksumAlgorithm::crc64nvme) {
            const auto whole = combine(algorithm, false, parts);
            REQUIRE(code_of(whole) == "success");
            CHECK_FALSE(whole->composite);
            CHECK(whole->value == checksum_of(algorithm, {all}).value);
        } else {
            CHECK(code_of(combine(algorithm, false, parts)) == "InvalidRequest");
        }
        parts[1].checksums.clear();
        CHECK(code_of(combine(algorithm, true, parts)) == "InvalidRequest");
    }
}

}  // namespace larder::s3
