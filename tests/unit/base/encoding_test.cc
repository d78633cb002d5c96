#include "src/base/encoding.h"

#include <catch2/catch.hpp>

#include <vector>

namespace larder::base {
namespace {

std::string all_bytes() {
    std::string out;
    for (int i = 0; i < 256; ++i) out.push_back(static_cast<char>(i));
    return out;
}

TEST_CASE("hexadecimal is written in lower case and read in both", "[encoding]") {
    CHECK(hex_encode(std::string_view("\x00\x0f\xf0\xab", 4)) == "000ff0ab");
    CHECK(hex_decode("000ff0aB") == std::string("\x00\x0f\xf0\xab", 4));
    CHECK(hex_decode("") == "");
    CHECK(hex_decode(hex_encode(all_bytes())) == all_bytes());
}

TEST_CASE("hexadecimal of odd length or with another character is refused", "[encoding]") {
    for (const char* text : {"0", "000", "0g", "g0", "0 ", " 0", "0x00", "/0", ":0", "@0", "`0", "-1"}) {
        INFO(text);
        CHECK_FALSE(hex_decode(text));
    }
}

TEST_CASE("base64 of RFC 4648's examples, both alphabets", "[encoding]") {
    const std::pair<const char*, const char*> examples[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [plain, text] : examples) {
        CHECK(base64_encode(plain) == text);
        CHECK(base64_decode(text) == plain);
        const std::string unpadded(text, std::string_view(text).find_last_not_of('=') + 1);
        CHECK(base64url_encode(plain) == unpadded);
        CHECK(base64url_decode(unpadded) == plain);
    }
    CHECK(base64_encode("\xfb\xff\xbf") == "+/+/");
    CHECK(base64url_encode("\xfb\xff\xbf") == "-_-_");
    CHECK(base64_decode(base64_encode(all_bytes())) == all_bytes());
    CHECK(base64url_decode(base64url_encode(all_bytes())) == all_bytes());
}

// One value has one text: bits that no byte uses must be zero, or two texts of a signature would be the same.
TEST_CASE("base64 that is not exactly so is refused", "[encoding]") {
    for (const char* text : {"Zg", "Zg=", "Zm8", "Z", "Zm9vY", "Zg==\n", " Zg==", "Zm 9v", "====", "=",
                             "Zg==Zg==", "Zm9=v", "Zm-_", "Zh==", "Zm9=", "Z===", "Zm9v===="}) {
        INFO(text);
        CHECK_FALSE(base64_decode(text));
    }
    for (const char* text : {"Zg==", "Zm8=", "Z", "Zm+/", "Zh", "Zm9", "Zm9v\n", "=Zm9v"}) {
        INFO(text);
        CHECK_FALSE(base64url_decode(text));
    }
}

TEST_CASE("percent-encoding keeps the unreserved characters alone", "[encoding]") {
    const std::string kept = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char c : all_bytes()) {
        static constexpr char kDigits[] = "0123456789ABCDEF";
        const auto b = static_cast<std::uint8_t>(c);
        const std::string escape{'%', kDigits[b / 16], kDigits[b % 16]};
        const std::string one(1, c);
        CHECK(percent_encode(one, false) == (kept.contains(c) ? one : escape));
        CHECK(percent_encode(one, true) == (kept.contains(c) || c == '/' ? one : escape));
    }
    CHECK(percent_encode("a/b c+d", false) == "a%2Fb%20c%2Bd");
    CHECK(percent_encode("a/b c+d", true) == "a/b%20c%2Bd");
    CHECK(percent_decode(percent_encode(all_bytes(), false), true) == all_bytes());
}

TEST_CASE("percent-decoding takes both cases and leaves the plus unless told", "[encoding]") {
    CHECK(percent_decode("%2f%2F", false) == "//");
    CHECK(percent_decode("a+b%2B", false) == "a+b+");
    CHECK(percent_decode("a+b%2B", true) == "a b+");
    CHECK(percent_decode("%00", false) == std::string(1, '\0'));
    CHECK(percent_decode("%2541", false) == "%41");
    CHECK(percent_decode("", false) == "");
    for (const char* text : {"%", "%4", "a%", "%g0", "%0g", "%%41", "%4%31", "%+1", "% 1"}) {
        INFO(text);
        CHECK_FALSE(percent_decode(text, false));
        CHECK_FALSE(percent_decode(text, true));
    }
}

// RFC 3629's table, written out once more.
std::string utf8_of(std::uint32_t point) {
    const auto tail = [](std::uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3f)); };
    if (point < 0x80) return {static_cast<char>(point)};
    if (point < 0x800) return {static_cast<char>(0xc0 | point >> 6), tail(point)};
    if (point < 0x10000) return {static_cast<char>(0xe0 | point >> 12), tail(point >> 6), tail(point)};
    return {static_cast<char>(0xf0 | point >> 18), tail(point >> 12), tail(point >> 6), tail(point)};
}

TEST_CASE("every code point but the surrogates is UTF-8", "[encoding]") {
    std::vector<std::uint32_t> wrong;
    for (std::uint32_t point = 0; point <= 0x110000; ++point) {
        const bool surrogate = point >= 0xd800 && point <= 0xdfff;
        if (is_utf8(utf8_of(point)) == (surrogate || point > 0x10ffff)) wrong.push_back(point);
    }
    CHECK(wrong.empty());
    CHECK(is_utf8(""));
    CHECK(is_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z"));
}

TEST_CASE("broken, cut and overlong UTF-8 is refused", "[encoding]") {
    for (const char* text : {"\x80",
                             "\xbf",
                             "a\x80",
                             "\xc3",
                             "\xc3z",
                             "\xe2\x82",
                             "\xe2\x82z",
                             "\xe2z\x82",
                             "\xf0\x9f\x98",
                             "\xf0\x9f\x98z",
                             "\xc0\x80",
                             "\xc1\xbf",
                             "\xe0\x80\x80",
                             "\xe0\x9f\xbf",
                             "\xf0\x80\x80\x80",
                             "\xf0\x8f\xbf\xbf",
                             "\xf4\x90\x80\x80",
                             "\xf5\x80\x80\x80",
                             "\xf8\x88\x80\x80\x80",
                             "\xfe",
                             "\xff",
                             "\xc3\xa4\xff",
                             "\xed\xa0\x80",
                             "\xed\xbf\xbf",
                             "\xc3\xc3\xa4"}) {
        INFO(base::hex_encode(text));
        CHECK_FALSE(is_utf8(text));
    }
}

TEST_CASE("texts are compared whole", "[encoding]") {
    CHECK(equal_constant_time("", ""));
    CHECK(equal_constant_time("secret", "secret"));
    CHECK_FALSE(equal_constant_time("secret", "secreT"));
    CHECK_FALSE(equal_constant_time("secret", "Secret"));
    CHECK_FALSE(equal_constant_time("secret", "secre"));
    CHECK_FALSE(equal_constant_time("", "s"));
    CHECK_FALSE(equal_constant_time("a", "\xe1"));  // only the highest bit differs
}

TEST_CASE("case and white space are those of ASCII", "[encoding]") {
    CHECK(to_lower("ABZaz@[`{09") == "abzaz@[`{09");
    CHECK(to_lower("\xc3\x84") == "\xc3\x84");
    CHECK(equal_ignoring_case("Content-Type", "cONTENT-tYPE"));
    CHECK_FALSE(equal_ignoring_case("content-type", "content_type"));
    CHECK_FALSE(equal_ignoring_case("a", "ab"));
    CHECK_FALSE(equal_ignoring_case("@", "`"));  // 32 apart, and no letters
    CHECK(trim(" \t\r\n a b \n") == "a b");
    CHECK(trim("").empty());
    CHECK(trim(" \t").empty());
    CHECK(trim("\va\v") == "\va\v");
}

}  // namespace
}  // namespace larder::base
