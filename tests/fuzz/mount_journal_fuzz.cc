// Records of a mount's journal: whatever stands in them, they decode or fail, and what decodes is written as it was.
#include "replication/write_behind/records.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace larder;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto unstored = behind::decode_unstored(bytes);
    if (!unstored) return 0;
    const auto again = behind::decode_unstored(behind::encode(*unstored));
    if (!again || again->index() != unstored->index()) std::abort();
    return 0;
}
