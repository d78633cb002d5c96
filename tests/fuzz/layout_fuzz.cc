// Layouts: what decodes is a layout that keeps its policy, and is written as the very bytes it was read from. Each
// input is also read with a right checksum put behind it, or little would come past that.
#include "replication/layout/layout.h"
#include "src/base/assert.h"
#include "src/base/crc.h"

using namespace larder;

namespace {

void check(std::string_view bytes) {
    const auto layout = layout::decode(bytes);
    if (!layout) return;
    ENSURE(layout::check(*layout));
    ENSURE(layout::encode(*layout) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string bytes(reinterpret_cast<const char*>(data), size);
    check(bytes);
    if (size > 4) bytes.resize(size - 4);
    const std::uint32_t sum = base::crc32c(bytes);
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(sum >> (8 * i)));
    check(bytes);
    return 0;
}
