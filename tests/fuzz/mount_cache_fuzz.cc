// Headers and names of files in a mount's cache: whatever stands in them, they decode or fail, and what decodes is
// written as it was. A header of any bytes is tried with the sum that belongs to them too.
#include "replication/read_cache/piece.h"
#include "src/base/crc.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace larder;

void check_header(std::string_view bytes) {
    const auto header = read_cache::decode_header(bytes);
    if (header && read_cache::encode_header(*header) != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_header(bytes);
    if (size == read_cache::kHeaderBytes) {
        std::string summed(bytes.substr(0, size - sizeof(std::uint32_t)));
        const auto sum = base::crc32c(summed);
        for (int i = 0; i < 4; ++i) summed.push_back(static_cast<char>(sum >> (8 * i)));
        check_header(summed);
    }
    const auto kept = read_cache::parse_file_name(bytes);
    if (kept && read_cache::file_name(*kept) != bytes) std::abort();
    return 0;
}
