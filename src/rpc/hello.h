// The first words of a connection: which service is meant and which versions of it are spoken.
#pragma once

#include "src/base/error.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace larder::rpc {

struct Hello {
    std::string service;
    std::uint8_t lowest = 1;  // versions of the service
    std::uint8_t highest = 1;
    std::string words = {};  // of the service, for the other side: at most kHelloWordsMax bytes
};
constexpr std::size_t kHelloWordsMax = 1024;

std::string encode_hello(const Hello& hello);
base::Result<Hello> decode_hello(std::string_view bytes);
// The highest version that both speak. unsupported: another service, or no common version; the message names both.
base::Result<std::uint8_t> agree(const Hello& theirs, const Hello& ours);

}  // namespace larder::rpc
