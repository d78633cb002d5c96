// Bytes that another node, or who pretends to be one, sends over a link: whole frames and frames in parts, the words of
// hello, and the steps of joining. The first byte of the input gives the size of the pieces that come at once.
#include "src/base/assert.h"
#include "src/rpc/errors.h"
#include "src/rpc/frame.h"
#include "src/rpc/hello.h"
#include "src/rpc/join_words.h"

#include <algorithm>
#include <cstring>

using namespace larder;

namespace {

constexpr std::size_t kPayloadMax = 128 * 1024;

void check_frame(const rpc::Frame& frame) {
    ENSURE(rpc::payload_bytes(frame.content) <= kPayloadMax);
    ENSURE(frame.kind != rpc::FrameKind::first_part && frame.kind != rpc::FrameKind::next_part &&
           frame.kind != rpc::FrameKind::dropped);
    const std::string_view bytes = frame.content.body;
    if (const auto hello = rpc::decode_hello(bytes)) {
        const auto again = rpc::decode_hello(rpc::encode_hello(*hello));
        ENSURE(again && again->words == hello->words && hello->words.size() <= rpc::kHelloWordsMax);
    }
    if (const auto step = rpc::decode_join(bytes)) ENSURE(rpc::encode_join(*step) == bytes);
    if (const auto begun = rpc::decode_begun(bytes)) ENSURE(rpc::encode_begun(*begun) == bytes);
    (void)rpc::decode_error(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t step = 1 + data[0];
    std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    rpc::FrameReader reader(kPayloadMax, rpc::Ends::nodes);
    while (!bytes.empty()) {
        rpc::FrameReader::Rooms storage;
        std::size_t given = 0;
        for (const auto& room : reader.rooms(storage)) {
            const auto n = std::min({room.iov_len, bytes.size(), step - given});
            if (n > 0) std::memcpy(room.iov_base, bytes.data(), n);
            bytes.remove_prefix(n);
            given += n;
        }
        ENSURE(given > 0);
        reader.filled(given);
        for (;;) {
            const auto frame = reader.next();
            if (!frame) return 0;
            if (!*frame) break;
            check_frame(**frame);
        }
    }
    return 0;
}
