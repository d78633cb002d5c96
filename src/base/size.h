// Sizes as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace larder::base {

// "512", "10MB", "1.5 GiB"; nullopt when it is none.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace larder::base
