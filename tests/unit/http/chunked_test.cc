#include "src/http/chunked.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace larder::http {
namespace {

// Decodes the pieces in turn; nullopt when the coding is malformed. `left` receives what follows the body.
std::optional<std::string> decode(std::string_view coded, std::size_t piece, std::string* left = nullptr) {
    ChunkedDecoder decoder;
    std::string out;
    std::string pending;
    for (std::size_t at = 0; at < coded.size(); at += piece) {
        pending += coded.substr(at, piece);
        for (bool progress = true; progress && decoder.state() != ChunkedDecoder::State::end;) {
            const std::size_t used = decoder.advance(pending);
            pending.erase(0, used);
            if (decoder.state() == ChunkedDecoder::State::bad) return std::nullopt;
            const auto n = std::min<std::size_t>(pending.size(), decoder.remaining());
            out.append(pending, 0, n);
            pending.erase(0, n);
            if (n > 0) decoder.took(n);
            progress = used > 0 || n > 0;
        }
    }
    if (left != nullptr) *left = pending;
    if (decoder.state() != ChunkedDecoder::State::end) return std::nullopt;
    return out;
}

TEST_CASE("a chunked body is the same however it is split") {
    const std::string coded =
        "5\r\nhello\r\n1;name=value\r\n \r\n00A;q=\"x\"\r\n0123456789\r\n0\r\nTrailer: dropped\r\nOther: "
        "too\r\n\r\nGET /";
    for (std::size_t piece = 1; piece <= coded.size(); ++piece) {
        INFO("in pieces of " << piece);
        std::string left;
        CHECK(decode(coded, piece, &left) == "hello 0123456789");
        CHECK(coded.ends_with(left));
    }
    std::string left;
    decode(coded, coded.size(), &left);
    CHECK(left == "GET /");
}

TEST_CASE("malformed chunked bodies are refused") {
    for (const std::string bad : {
             "\r\n",                                // no size
             "x\r\n",                               // not hexadecimal
             "-1\r\n",                              // a sign
             "+1\r\na\r\n0\r\n\r\n",                // a sign
             "0x1\r\na\r\n0\r\n\r\n",               // a prefix
             " 1\r\na\r\n0\r\n\r\n",                // space before
             "1 \r\na\r\n0\r\n\r\n",                // space behind
             "1\na\n0\n\n",                         // bare line feeds
             "1\r\nab\r\n0\r\n\r\n",                // longer than announced
             "1\r\na0\r\n\r\n",                     // no line end behind the data
             "1\r\na\r\r\n0\r\n\r\n",               // stray carriage return
             "1;a\nb\r\na\r\n0\r\n\r\n",            // line feed in an extension
             "1;a\rb\r\na\r\n0\r\n\r\n",            // carriage return in an extension
             "0\r\nA: b\n\r\n",                     // bare line feed in a trailer
             "10000000000000000\r\n",               // 2^64
             "ffffffffffffffff\r\n",                // overflows when added to
             "0000000000000001\r\na\r\n0\r\n\r\n",  // more digits than any size needs
         }) {
        INFO(bad);
        CHECK_FALSE(decode(bad, 1).has_value());
        CHECK_FALSE(decode(bad, bad.size()).has_value());
    }
}

TEST_CASE("chunk extensions and trailers are bounded") {
    const auto with_extension = [](std::size_t n) { return "1;" + std::string(n, 'e') + "\r\na\r\n0\r\n\r\n"; };
    CHECK(decode(with_extension(256), 7) == "a");
    CHECK_FALSE(decode(with_extension(257), 7).has_value());
    const auto with_trailer = [](std::size_t n) { return "0\r\nT: " + std::string(n, 't') + "\r\n\r\n"; };
    CHECK(decode(with_trailer(8000), 100) == "");
    CHECK_FALSE(decode(with_trailer(9000), 100).has_value());
}

}  // namespace
}  // namespace larder::http
