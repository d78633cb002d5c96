// Bodies: hashes, signed and unsigned chunks, trailers, and every way in which they can be wrong.
#include "s3/auth/chunked_payload.h"
#include "src/base/hash.h"
#include "tests/unit/s3/harness.h"
#include "tests/unit/s3/signer.h"

namespace larder::s3 {

namespace {

const Signer kSigner;

std::optional<std::string> secret(std::string_view) {
    return kSigner.secret;
}

// How a body is delivered and read.
struct Pace {
    std::size_t step = SIZE_MAX;
    std::size_t piece = 65536;
    bool cut = false;
};

struct Read {
    S3Result<std::string> text;
    std::vector<std::pair<std::string, std::string>> trailers;
    std::optional<base::Hash256> hash;
};

Read read_body(const http::RequestHead& head, const std::string& body, Pace pace = {}) {
    const auto known = authenticate(head, secret, {"home", *base::parse_basic(kSigner.date)});
    if (!known) return {std::unexpected(known.error()), {}, {}};
    test::World world;
    FakeExchange exchange(head, body, pace.step, pace.cut);
    auto payload = make_payload(world.env(), exchange, *known);
    if (!payload) return {std::unexpected(payload.error()), {}, {}};
    auto text = read_payload(world, **payload, pace.piece);
    return {std::move(text), (*payload)->trailers(), (*payload)->payload_hash()};
}

std::string content(std::size_t size) {
    std::string out(size, '\0');
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 7 + i / 251);
    return out;
}

http::RequestHead hashed(const std::string& body) {
    auto head = kSigner.by_header("PUT", "/home/key", {}, base::sha256(body).hex());
    head.content_length = body.size();
    return head;
}

http::RequestHead streamed(std::string mode, std::size_t length, HeaderList headers = {}) {
    headers.emplace_back("x-amz-decoded-content-length", std::to_string(length));
    return kSigner.by_header("PUT", "/home/key", headers, std::move(mode));
}
http::RequestHead signed_stream(std::size_t length) {
    return streamed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", length);
}
http::RequestHead trailed_stream(std::size_t length, bool is_signed) {
    return streamed(is_signed ? "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" : "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                    length, {{"x-amz-trailer", "x-amz-checksum-crc32"}});
}

}  // namespace

TEST_CASE("a body is what its hash says") {
    for (const std::size_t size : {0u, 1u, 65535u, 65536u, 300000u}) {
        const auto body = content(size);
        for (const auto& pace : {Pace{}, Pace{1000, 100000}, Pace{SIZE_MAX, 1 << 20}, Pace{77, 64}}) {
            const auto read = read_body(hashed(body), body, pace);
            REQUIRE(code_of(read.text) == "success");
            CHECK((*read.text == body));
            CHECK(read.hash == base::sha256(body));
        }
    }
}

TEST_CASE("a body that is not what its hash says is refused at its end") {
    for (const std::size_t size : {1u, 300000u}) {
        const auto body = content(size);
        auto other = body;
        other.back() = static_cast<char>(other.back() ^ 1);
        const auto read = read_body(hashed(body), other);
        REQUIRE(code_of(read.text) == "XAmzContentSHA256Mismatch");
        CHECK(read.text.error().status == 400);
        CHECK(extra(read.text.error(), "ClientComputedContentSHA256") == base::sha256(body).hex());
        CHECK(extra(read.text.error(), "S3ComputedContentSHA256") == base::sha256(other).hex());
        CHECK_FALSE(read.hash);
    }
}

TEST_CASE("an unsigned body is taken as it is") {
    const auto body = content(200000);
    auto head = kSigner.by_header("PUT", "/home/key", {}, std::string(kUnsignedPayload));
    head.content_length = body.size();
    const auto read = read_body(head, body, {500, 4096});
    CHECK((read.text == body));
    CHECK_FALSE(read.hash);
}

TEST_CASE("a body that is cut short is incomplete, in every mode") {
    const auto body = content(100);
    CHECK(code_of(read_body(hashed(body), body.substr(0, 50), {.cut = true}).text) == "IncompleteBody");
    auto head = signed_stream(100);
    const auto framed = kSigner.chunks(signature_of(head), body, {100}).body;
    for (std::size_t n = 0; n < framed.size(); ++n) {
        INFO(n);
        CHECK(code_of(read_body(head, framed.substr(0, n), {.cut = true}).text) == "IncompleteBody");
        // A chunked transfer may also end properly, and too early.
        CHECK(code_of(read_body(head, framed.substr(0, n)).text) != "success");
        if (n + 2 == framed.size()) break;  // the last line end may be missing
    }
}

TEST_CASE("signed chunks of any size are read in any rhythm") {
    const std::vector<std::vector<std::size_t>> layouts = {
        {}, {1}, {8192, 8192, 5}, {65536, 65536, 65536, 1000}, {300000}, {10000, 200000, 8192, 8191}};
    for (const auto& sizes : layouts) {
        std::size_t total = 0;
        for (const auto size : sizes) total += size;
        const auto body = content(total);
        const auto head = signed_stream(total);
        const auto framed = kSigner.chunks(signature_of(head), body, sizes).body + "\r\n";
        for (const auto& pace : {Pace{}, Pace{1, 65536}, Pace{1000, 1 << 20}, Pace{SIZE_MAX, 100}, Pace{4097, 65536}}) {
            const auto read = read_body(head, framed, pace);
            REQUIRE(code_of(read.text) == "success");
            CHECK((*read.text == body));
        }
    }
}

TEST_CASE("a change anywhere in signed chunks is noticed") {
    const auto body = content(20000);
    const auto head = signed_stream(body.size());
    const auto framed = kSigner.chunks(signature_of(head), body, {8192, 10000, 1808}).body + "\r\n";
    for (std::size_t at = 0; at + 2 < framed.size(); at += at < 200 ? 1 : 97) {
        auto changed = framed;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        INFO(at);
        CHECK(code_of(read_body(head, changed).text) != "success");
    }
}

TEST_CASE("the chain of signed chunks cannot be cut, reordered or shortened") {
    const auto body = content(3 * 8192);
    const auto head = signed_stream(body.size());
    const auto first = kSigner.chunks(signature_of(head), body.substr(0, 8192), {8192});
    const auto framed = kSigner.chunks(signature_of(head), body, {8192, 8192, 8192}).body;
    const auto one = framed.find("2000;", 10);
    const auto two = framed.find("2000;", one + 10);
    const auto end = framed.rfind("0;");
    const auto a = framed.substr(0, one), b = framed.substr(one, two - one), c = framed.substr(two, end - two);
    const auto last = framed.substr(end);
    CHECK(code_of(read_body(head, a + b + c + last).text) == "success");
    CHECK(code_of(read_body(head, a + c + b + last).text) == "SignatureDoesNotMatch");
    CHECK(code_of(read_body(head, a + a + c + last).text) == "SignatureDoesNotMatch");
    CHECK(code_of(read_body(head, a + b + last).text) != "success");
    CHECK(code_of(read_body(head, a + b + c).text) == "IncompleteBody");
    CHECK(code_of(read_body(head, a + b + c + c + last).text) == "IncompleteBody");
    // A stream that ends where the signer's did not.
    CHECK(code_of(read_body(head, first.body).text) == "IncompleteBody");
    // The request's own signature seeds the chain.
    const auto foreign = kSigner.chunks(std::string(64, '0'), body, {8192, 8192, 8192}).body;
    CHECK(code_of(read_body(head, foreign).text) == "SignatureDoesNotMatch");
}

TEST_CASE("only the last signed chunk may be short") {
    const auto body = content(20000);
    const auto head = signed_stream(body.size());
    const auto framed = kSigner.chunks(signature_of(head), body, {8191, 11809}).body;
    const auto read = read_body(head, framed);
    CHECK(code_of(read.text) == "InvalidChunkSizeError");
    CHECK(read.text.error().status == 400);
}

TEST_CASE("the decoded length is needed, and is what the chunks hold") {
    const auto body = content(10000);
    auto head = kSigner.by_header("PUT", "/home/key", {}, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    CHECK(code_of(read_body(head, "").text) == "MissingContentLength");
    for (const auto* bad : {"", "x", "-1", "1e3", "99999999999999999999"}) {
        head = kSigner.by_header("PUT", "/home/key", {{"x-amz-decoded-content-length", bad}},
                                 "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
        CHECK(code_of(read_body(head, "").text) == "MissingContentLength");
    }
    for (const std::size_t said : {0u, 9999u, 10001u}) {
        head = signed_stream(said);
        const auto framed = kSigner.chunks(signature_of(head), body, {10000}).body;
        CHECK(code_of(read_body(head, framed).text) == "IncompleteBody");
    }
}

TEST_CASE("malformed framing is refused") {
    const auto head = trailed_stream(5, false);
    const std::string trailer = "x-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    CHECK(code_of(read_body(head, "5\r\nhello\r\n0\r\n" + trailer).text) == "success");
    CHECK(code_of(read_body(head, "05\r\nhello\r\n0\r\n" + trailer).text) == "success");
    CHECK(code_of(read_body(head, "2\r\nhe\r\n3\r\nllo\r\n0\r\n" + trailer).text) == "success");
    for (const auto* framing :
         {"x\r\nhello\r\n0\r\n", "-5\r\nhello\r\n0\r\n", "+5\r\nhello\r\n0\r\n", "0x5\r\nhello\r\n0\r\n",
          " 5\r\nhello\r\n0\r\n", "\r\nhello\r\n0\r\n", "5\r\nhelloo\r\n0\r\n", "5\r\nhell\r\n0\r\n",
          "6\r\nhello\r\n0\r\n", "ffffffffffffffffff\r\nhello\r\n0\r\n", "ffffffffffffffff\r\nhello\r\n0\r\n",
          "5;chunk-signature=00\r\nhello\r\n0\r\n", "5;x=y\r\nhello\r\n0\r\n", "5\r\nhello\r\n1\r\nx\r\n0\r\n"}) {
        INFO(framing);
        CHECK(code_of(read_body(head, framing + trailer).text) == "IncompleteBody");
    }
    CHECK(code_of(read_body(head, std::string(5000, '0')).text) == "IncompleteBody");
    const auto strict = signed_stream(5);
    CHECK(code_of(read_body(strict, "5\r\nhello\r\n0\r\n\r\n").text) == "IncompleteBody");
    CHECK(code_of(read_body(strict, "5;chunk-signature=\r\nhello\r\n").text) == "IncompleteBody");
}

TEST_CASE("an unsigned trailer is read, in any rhythm and with either line end") {
    const auto head = trailed_stream(5, false);
    for (const auto* end : {"\r\n\r\n", "\n\n", "\r\n", "", "\r\n\r\n\r\n"}) {
        for (const std::size_t step : {1u, 3u, 1000u}) {
            const auto read =
                read_body(head, std::string("5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: NhCmhg== ") + end, {step});
            REQUIRE(code_of(read.text) == "success");
            REQUIRE(read.trailers.size() == 1);
            CHECK(read.trailers[0] == std::pair<std::string, std::string>("x-amz-checksum-crc32", "NhCmhg=="));
        }
    }
}

TEST_CASE("a trailer is the announced one, once") {
    const auto head = trailed_stream(5, false);
    for (const auto* trailers : {"\r\n", "x-amz-checksum-crc32\r\n\r\n", "x-amz-checksum-sha1:AAAA\r\n\r\n",
                                 ":x\r\n\r\n", "x-amz-checksum-crc32:A\r\nx-amz-checksum-crc32:A\r\n\r\n",
                                 "x-amz-checksum-crc32:A\r\nx-amz-meta-a:1\r\n\r\n",
                                 "x-amz-checksum-crc32:A\r\nx-amz-trailer-signature:0\r\n\r\n"}) {
        INFO(trailers);
        CHECK(code_of(read_body(head, std::string("5\r\nhello\r\n0\r\n") + trailers).text) == "MalformedTrailerError");
    }
    CHECK(code_of(read_body(head, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + std::string(9000, 'A')).text) ==
          "MalformedTrailerError");
    // Without an announcement there is none.
    const auto silent = streamed("STREAMING-UNSIGNED-PAYLOAD-TRAILER", 5);
    CHECK(code_of(read_body(silent, "5\r\nhello\r\n0\r\n\r\n").text) == "success");
    CHECK(code_of(read_body(silent, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:A\r\n\r\n").text) ==
          "MalformedTrailerError");
    const auto plain = signed_stream(0);
    const auto framed = kSigner.chunks(signature_of(plain), "", {}).body;
    CHECK(code_of(read_body(plain, framed + "x-amz-checksum-crc32:A\r\n\r\n").text) == "MalformedTrailerError");
}

TEST_CASE("a signed trailer ends the chain") {
    const auto body = content(70000);
    const auto head = trailed_stream(body.size(), true);
    const auto chunks = kSigner.chunks(signature_of(head), body, {65536, 4464});
    const std::string lines = "x-amz-checksum-crc32:AAAAAA==\n";
    const auto signature = kSigner.trailer_signature(chunks.last_signature, lines);
    const auto trailer = "x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:" + signature + "\r\n\r\n";
    for (const auto& pace : {Pace{}, Pace{1, 65536}, Pace{999, 1 << 20}}) {
        CHECK(code_of(read_body(head, chunks.body + trailer, pace).text) == "success");
    }
    // Some clients write an empty line before it.
    CHECK(code_of(read_body(head, chunks.body + "\r\n" + trailer).text) == "success");
    CHECK(code_of(read_body(head, chunks.body + replaced(trailer, "AAAAAA", "AAAAAB")).text) ==
          "SignatureDoesNotMatch");
    CHECK(code_of(read_body(head, chunks.body + replaced(trailer, signature, std::string(64, '0'))).text) ==
          "SignatureDoesNotMatch");
    CHECK(code_of(read_body(head, chunks.body + replaced(trailer, signature, "")).text) == "MalformedTrailerError");
    CHECK(code_of(read_body(head, chunks.body + "x-amz-checksum-crc32:AAAAAA==\r\n\r\n").text) ==
          "MalformedTrailerError");
    CHECK(code_of(read_body(head, chunks.body + "x-amz-trailer-signature:" + signature + "\r\n\r\n").text) ==
          "MalformedTrailerError");
}

TEST_CASE("nothing may follow the end of a framed body") {
    const auto head = trailed_stream(5, false);
    const std::string good = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    CHECK(code_of(read_body(head, good + "5\r\nhello\r\n").text) == "IncompleteBody");
    CHECK(code_of(read_body(head, good + std::string(3000, '\n')).text) == "IncompleteBody");
}

TEST_CASE("bounds of the framing are the same in any rhythm") {
    const auto head = trailed_stream(5, false);
    const std::string name = "x-amz-checksum-crc32:";
    const auto body = [&](std::size_t digits, std::size_t trailer, std::size_t ends) {
        return std::string(digits - 1, '0') + "5\r\nhello\r\n0\r\n" + name + std::string(trailer - name.size(), 'A') +
               "\r\n\r\n" + std::string(ends, '\n');
    };
    for (const std::size_t step : {1u, 100u, 512u, 100000u}) {
        CHECK(code_of(read_body(head, body(1023, 8191, 1024), {step}).text) == "success");
        CHECK(code_of(read_body(head, body(1024, 8191, 1024), {step}).text) == "IncompleteBody");
        CHECK(code_of(read_body(head, body(1023, 8192, 1024), {step}).text) == "MalformedTrailerError");
        CHECK(code_of(read_body(head, body(1023, 8191, 1025), {step}).text) == "IncompleteBody");
    }
}

TEST_CASE("a failure is final") {
    const auto head = trailed_stream(5, false);
    const auto known = authenticate(head, secret, {"home", *base::parse_basic(kSigner.date)});
    REQUIRE(known.has_value());
    test::World world;
    FakeExchange exchange(head, "5\r\nhello\r\n0\r\nbroken\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n");
    auto payload = make_payload(world.env(), exchange, *known);
    REQUIRE(payload.has_value());
    CHECK(code_of(read_payload(world, **payload)) == "MalformedTrailerError");
    CHECK(code_of(read_payload(world, **payload)) == "MalformedTrailerError");
}

TEST_CASE("chunk headers") {
    CHECK(parse_chunk_head("0")->size == 0);
    CHECK(parse_chunk_head("10000;chunk-signature=ab")->size == 65536);
    CHECK(parse_chunk_head("10000;chunk-signature=ab")->signature == "ab");
    CHECK(parse_chunk_head("7fffffffffffffff")->size == INT64_MAX);
    for (const auto* bad : {"", ";", "g", "1 ", "8000000000000000", "1;", "1;chunk-signature", "1;chunk-signature="}) {
        CHECK_FALSE(parse_chunk_head(bad));
    }
}

}  // namespace larder::s3
