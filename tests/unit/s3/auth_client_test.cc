// Requests as two versions of boto3 sign and send them (data/make_requests.py).
#include "s3/auth/checksum.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "tests/unit/s3/harness.h"
#include "tests/unit/s3/signer.h"

#include <fstream>
#include <sstream>

namespace larder::s3 {

namespace {

struct Recorded {
    std::string name, head, body;
};

std::vector<Recorded> recorded(const std::string& file) {
    std::ifstream stream(std::string(S3_TEST_DATA) + "/" + file, std::ios::binary);
    std::stringstream all;
    all << stream.rdbuf();
    std::string text = all.str();
    std::vector<Recorded> out;
    for (std::size_t at = 0; at < text.size();) {
        const auto name_end = text.find('\n', at);
        const auto size_end = text.find('\n', name_end + 1);
        const auto head_end = text.find("\r\n\r\n", size_end) + 4;
        const auto size = std::stoul(text.substr(name_end + 1, size_end - name_end - 1));
        out.push_back({text.substr(at, name_end - at), text.substr(size_end + 1, head_end - size_end - 1),
                       text.substr(head_end, size)});
        at = head_end + size + 1;
    }
    return out;
}

const Signer kSigner;
const AuthOptions kNow = {"home", *base::parse_basic("20261103T112804Z")};

std::optional<std::string> secret(std::string_view key_id) {
    return key_id == kSigner.key_id ? std::optional(kSigner.secret) : std::nullopt;
}

// What the whole body amounts to: the payload, its checksum, its digest.
std::string verify_body(const Recorded& request, const Authenticated& known, std::size_t step) {
    test::World world;
    FakeExchange exchange(head_of(request.head), request.body, step);
    auto payload = make_payload(world.env(), exchange, known);
    if (!payload) return payload.error().code;
    const auto asked = checksum_request(exchange.request());
    if (!asked) return asked.error().code;
    const auto text = read_payload(world, **payload);
    if (!text) return text.error().code;
    std::vector<engine::ChecksumAlgorithm> algorithms;
    if (asked->algorithm) algorithms.push_back(*asked->algorithm);
    BodyDigests digests(world.env(), algorithms);
    const auto done = [&]() -> io::Task<bool> {
        co_await digests.update(base::Buffer::copy_of(*text));
        co_return true;
    };
    world.run(done());
    std::vector<engine::Checksum> computed;
    for (const auto algorithm : algorithms) computed.push_back(digests.checksum(algorithm));
    return code_of(check_digests(*asked, (*payload)->trailers(), digests.md5(), computed));
}

}  // namespace

TEST_CASE("what boto3 signs is accepted, and its bodies are verified") {
    const std::string file = GENERATE("boto3-current.txt", "boto3-debian.txt");
    const auto requests = recorded(file);
    REQUIRE(requests.size() >= 24);
    for (const auto& request : requests) {
        INFO(file << ": " << request.name);
        const auto head = head_of(request.head);
        const auto known = authenticate(head, secret, kNow);
        REQUIRE(code_of(known) == "success");
        CHECK(known->key_id == kSigner.key_id);
        for (const std::size_t step : {1u, 7u, 100000u}) CHECK(verify_body(request, *known, step) == "success");
    }
}

TEST_CASE("a changed byte in what boto3 signed is noticed") {
    for (const auto& request : recorded("boto3-current.txt")) {
        INFO(request.name);
        auto head = head_of(request.head);
        head.target.insert(
            head.target.find_first_of("?") == std::string::npos ? head.target.size() : head.target.find('?'), "x");
        CHECK(code_of(authenticate(head, secret, kNow)) == "SignatureDoesNotMatch");
        if (request.body.empty()) continue;
        const auto known = authenticate(head_of(request.head), secret, kNow);
        REQUIRE(code_of(known) == "success");
        auto changed = request;
        // The first byte of content, behind the size line of a framed body.
        const bool framed = known->mode == PayloadMode::streaming_unsigned_trailer;
        changed.body[framed ? changed.body.find('\n') + 1 : 0] ^= 1;
        const auto code = verify_body(changed, *known, 100);
        CHECK((code == "BadDigest" || code == "XAmzContentSHA256Mismatch"));
    }
}

}  // namespace larder::s3
