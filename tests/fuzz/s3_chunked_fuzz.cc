// Bodies in aws-chunked framing: however the bytes arrive, the content, the trailers and the faults are the same. An
// input is a letter for the mode (s signed, t signed with trailer, u unsigned with trailer), two bytes that choose
// sizes, a line with the decoded length, a line with the announced trailer, and the body. A signature "@" stands for
// the right one, since nobody finds those by chance.
#include "s3/auth/payload.h"
#include "src/base/encoding.h"
#include "src/base/hash.h"
#include "tests/fuzz/fuzz_world.h"
#include "tests/unit/s3/signer.h"

using namespace larder;
using namespace larder::s3;

namespace {

const Signer kSigner;

std::string hmac(std::string_view text) {
    static const std::string key = kSigner.key();
    return base::hex_encode(base::hmac_sha256(key, text));
}

struct Case {
    Authenticated auth;
    http::RequestHead head;
    std::string body;
};

// Puts right signatures where "@" stands. What cannot be read is left as it is: the reader under test must find the
// fault too.
class Signing {
 public:
    explicit Signing(std::string_view body) : rest_(body) {}

    std::string body() {
        while (chunk()) {
        }
        trailer();
        return out_ + std::string(rest_);
    }

 private:
    std::string link(std::string_view kind, std::string_view hashes) {
        std::string text(kind);
        text.append("\n" + kSigner.date + "\n" + kSigner.scope() + "\n" + previous_ + "\n").append(hashes);
        return previous_ = hmac(text);
    }

    // False behind the last chunk.
    bool chunk() {
        const auto end = rest_.find("\r\n");
        const auto head = parse_chunk_head(rest_.substr(0, end));
        if (end == std::string_view::npos || !head || head->signature != "@" || head->size > rest_.size() - end - 2)
            return false;
        const auto content = rest_.substr(end + 2, head->size);
        const auto signature =
            link("AWS4-HMAC-SHA256-PAYLOAD", std::string(kEmptySha256) + "\n" + base::sha256(content).hex());
        out_.append(rest_.substr(0, end - 1)).append(signature).append("\r\n").append(content);
        rest_.remove_prefix(end + 2 + content.size());
        if (content.empty() || !rest_.starts_with("\r\n")) return false;
        out_.append("\r\n");
        rest_.remove_prefix(2);
        return true;
    }

    void trailer() {
        constexpr std::string_view kName = "x-amz-trailer-signature:@";
        const auto at = rest_.find(kName);
        if (at == std::string_view::npos) return;
        auto lines = rest_.substr(0, at);
        if (lines.starts_with("\r\n")) lines.remove_prefix(2);
        const auto line = fuzz::take_line(lines);
        const auto colon = std::min(line.find(':'), line.size());
        const auto said = base::to_lower(base::trim(line.substr(0, colon))) + ":" +
                          std::string(base::trim(line.substr(std::min(colon + 1, line.size())))) + "\n";
        out_.append(rest_.substr(0, at + kName.size() - 1));
        out_.append(link("AWS4-HMAC-SHA256-TRAILER", base::sha256(said).hex()));
        rest_.remove_prefix(at + kName.size());
    }

    std::string_view rest_;
    std::string out_;
    std::string previous_ = std::string(kEmptySha256);
};

std::optional<Case> read_case(char mode, std::string_view input) {
    Case out;
    out.auth.mode = mode == 's'   ? PayloadMode::streaming_signed
                    : mode == 't' ? PayloadMode::streaming_signed_trailer
                                  : PayloadMode::streaming_unsigned_trailer;
    out.auth.seed_signature = kEmptySha256;
    out.auth.scope = kSigner.scope();
    out.auth.amz_date = kSigner.date;
    static const std::string key = kSigner.key();
    out.auth.signing_key = key;
    out.head.headers.add("x-amz-decoded-content-length", std::string(fuzz::take_line(input)));
    if (const auto trailer = fuzz::take_line(input); !trailer.empty())
        out.head.headers.add("x-amz-trailer", std::string(trailer));
    out.body = mode == 'u' ? std::string(input) : Signing(input).body();
    return out;
}

struct Outcome {
    std::string code = "none";
    std::string message;
    std::string content;
    std::vector<std::pair<std::string, std::string>> trailers;
    bool good() const { return code == "none"; }
    bool operator==(const Outcome&) const = default;
};

io::Task<Outcome> read_all(PayloadReader& payload, std::size_t piece) {
    Outcome out;
    for (;;) {
        auto buffer = base::Buffer::allocate(piece);
        const auto got = co_await payload.read(buffer);
        if (!got) {
            out.code = got.error().code;
            out.message = got.error().message;
            // What stays wrong says so again.
            const auto again = co_await payload.read(buffer);
            ENSURE(!again && again.error().code == out.code);
            co_return out;
        }
        if (*got == 0) break;
        out.content.append(buffer.chars().substr(0, *got));
    }
    out.trailers = payload.trailers();
    co_return out;
}

Outcome decode(const Case& given, std::size_t step, std::size_t piece) {
    fuzz::FuzzWorld world;
    fuzz::TextExchange exchange(given.head, given.body, step);
    const auto payload = make_payload(world.env(), exchange, given.auth);
    if (!payload) return {payload.error().code, payload.error().message, {}, {}};
    return world.run(read_all(**payload, piece));
}

// Content that was changed on its way is refused.
void check_forgery(Case given) {
    const auto first = given.body.find("\r\n") + 2;
    given.body.at(first) = static_cast<char>(given.body[first] ^ 1);
    ENSURE(!decode(given, SIZE_MAX, given.body.size()).good());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3 || size > 16 * 1024) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto given = read_case(input[0], input.substr(3));
    if (!given) return 0;
    const std::size_t step = std::size_t{data[1]} + 1;
    const std::size_t piece = 16 + std::size_t{data[2]} * 17;
    const auto whole = decode(*given, SIZE_MAX, piece);
    ENSURE(whole == decode(*given, step, piece));
    // Another fault may be met first in reads of another size, but not none.
    const auto at_once = decode(*given, 3 * step, size + 1);
    ENSURE(at_once.good() == whole.good());
    if (!whole.good()) return 0;
    ENSURE(at_once == whole && whole.content.size() <= given->body.size());
    if (given->auth.mode != PayloadMode::streaming_unsigned_trailer && !whole.content.empty()) check_forgery(*given);
    return 0;
}
