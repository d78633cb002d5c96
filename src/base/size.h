// Sizes as people read and write them: decimal units, as printed on disks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::base {

// "3.4 MB".
std::string format_size(std::uint64_t bytes);
// "512", "10MB", "1.5 GiB"; nullopt when it is none.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace larder::base
