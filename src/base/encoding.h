// Bytes as text and back: hexadecimal, base64, percent-encoding, UTF-8 checks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace larder::base {

// Lower-case hexadecimal.
std::string hex_encode(std::string_view bytes);
// Accepts both cases; nullopt on an odd length or another character.
std::optional<std::string> hex_decode(std::string_view text);

// Standard alphabet with padding (RFC 4648 §4).
std::string base64_encode(std::string_view bytes);
// Strict: padding required, no white space; nullopt otherwise.
std::optional<std::string> base64_decode(std::string_view text);
// URL-safe alphabet without padding (RFC 4648 §5).
std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64url_decode(std::string_view text);

// Percent-encodes all but A-Z a-z 0-9 - . _ ~ (RFC 3986 unreserved), upper-case hex; '/' is kept when `keep_slash`.
std::string percent_encode(std::string_view bytes, bool keep_slash);
// Decodes %XX; '+' stays a plus unless `plus_is_space`. nullopt on a broken escape.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view bytes);
// UTF-8 without NUL: what a key and a parameter may be, and what can stand in an XML or JSON document.
bool is_text(std::string_view bytes);

// Whether two texts of secret origin are equal, in time that depends on their lengths alone.
bool equal_constant_time(std::string_view a, std::string_view b);

// ASCII only, whatever the locale.
std::string to_lower(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);

}  // namespace larder::base
