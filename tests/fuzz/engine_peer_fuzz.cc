// What engines ask each other: whatever decodes is written as bytes that decode to the same. The first byte of the
// input picks the kind.
#include "replication/peer_messages.h"
#include "replication/row_hooks.h"
#include "src/base/assert.h"

using namespace larder;

namespace {

template <typename Decode, typename Encode>
void check(std::string_view bytes, Decode decode, Encode encode) {
    const auto first = decode(bytes);
    if (!first) return;
    const std::string written = encode(*first);
    const auto second = decode(written);
    ENSURE(second);
    ENSURE(encode(*second) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 3) {
        case 0:
            check(bytes, engine::peer::decode_ask, engine::peer::encode);
            break;
        case 1:
            check(bytes, engine::peer::decode_page, engine::peer::encode_page);
            break;
        default:
            check(bytes, engine::decode_garbage, engine::encode_garbage);
    }
    return 0;
}
