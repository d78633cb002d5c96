// Every bound of the system in one place, with its unit.
#pragma once

#include <cstddef>
#include <cstdint>

namespace larder::base::limits {

// Objects
constexpr std::size_t kKeyBytesMax = 1024;
constexpr std::size_t kInlineBytesMax = 16 * 1024;        // larger bodies become blocks
constexpr std::size_t kBlockBytes = 1024 * 1024;          // content per block
constexpr std::size_t kUserMetadataBytesMax = 2 * 1024;   // names and values together
constexpr std::uint64_t kObjectBytesMax = 5ull << 40;     // 5 TiB
constexpr std::uint64_t kSinglePutBytesMax = 5ull << 30;  // 5 GiB, also one part
constexpr std::uint64_t kPartBytesMin = 5ull << 20;       // all parts but the last
constexpr int kPartsMax = 10'000;
constexpr int kListKeysMax = 1000;
constexpr int kDeleteKeysMax = 1000;
constexpr int kTagsMax = 10;

// HTTP front
constexpr std::size_t kHeaderBytesMax = 32 * 1024;
constexpr std::size_t kHeaderCountMax = 100;
constexpr std::size_t kTargetBytesMax = 8 * 1024;
constexpr std::size_t kXmlBytesMax = 2 * 1024 * 1024;
constexpr int kXmlDepthMax = 16;
constexpr int kRequestsPerConnectionMax = 100'000;

// Memory in flight
constexpr std::size_t kWriteWindowBlocks = 6;  // blocks of one upload between socket and disk
constexpr std::size_t kReadAheadBlocks = 4;    // blocks of one download between disk and socket

}  // namespace larder::base::limits
