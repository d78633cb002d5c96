// Bytes as letters with a checksum that finds typing errors: bech32m (BIP 350), without its limit of 90 letters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::rpc {

constexpr std::size_t kCheckLetters = 6;

std::string bech32_encode(std::string_view prefix, std::string_view bytes);
// The value of a letter in lower case, 0 to 31; nothing when no such text has it.
std::optional<std::uint8_t> bech32_value(char letter);
// Whether the check letters at the end of the values fit the prefix and the values before.
bool bech32_fits(std::string_view prefix, const std::vector<std::uint8_t>& values);
// The bytes that the values before the check letters stand for, as many as are whole. Nothing when more than padding
// is left over.
std::optional<std::string> bech32_bytes(const std::vector<std::uint8_t>& values);
// The only place where another letter makes it fit, if there is one.
std::optional<std::size_t> bech32_wrong_place(std::string_view prefix, std::vector<std::uint8_t> values);

}  // namespace larder::rpc
