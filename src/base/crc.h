// Cyclic redundancy checks, with the processor's instructions where it has them. All values are the usual finalised
// ones: crc("123456789") is 0xcbf43926, 0xe3069283 and 0xae8b14860a799888.
#pragma once

#include <cstdint>
#include <string_view>

namespace larder::base {

// Each continues from `seed`, the value of the bytes before (0 at the start).
std::uint32_t crc32(std::string_view bytes, std::uint32_t seed = 0);      // IEEE 802.3, as in zip
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);     // Castagnoli, RFC 3720
std::uint64_t crc64nvme(std::string_view bytes, std::uint64_t seed = 0);  // NVM Express, as S3's CRC64NVME

// The value of A followed by B, from the values of both and the length of B in bytes. O(log length).
std::uint32_t crc32_combine(std::uint32_t a, std::uint32_t b, std::uint64_t length_b);
std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::uint64_t length_b);
std::uint64_t crc64nvme_combine(std::uint64_t a, std::uint64_t b, std::uint64_t length_b);

}  // namespace larder::base
