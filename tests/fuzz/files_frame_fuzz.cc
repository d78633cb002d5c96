// The file service's first contact with a stranger: bytes in pieces become frames, frames become requests, and what is
// read is written as bytes that read the same. The first byte of the input gives the size of the pieces.
#include "replication/remote/messages.h"
#include "src/base/assert.h"
#include "src/rpc/errors.h"
#include "src/rpc/frame.h"
#include "src/rpc/hello.h"

#include <algorithm>
#include <cstring>

using namespace larder;

namespace {

template <typename Answer>
void check_answer(std::string_view bytes) {
    const auto first = remote::decode_answer<Answer>(bytes);
    if (!first) return;
    const auto written = remote::encode_answer(*first);
    const auto second = remote::decode_answer<Answer>(written);
    ENSURE(second && remote::encode_answer(*second) == written);
}

void check_request(std::string_view bytes) {
    const auto first = remote::decode_request(bytes);
    if (!first) return;
    const auto written = remote::encode(*first);
    const auto second = remote::decode_request(written);
    ENSURE(second && second->index() == first->index() && remote::encode(*second) == written);
}

void check_frame(const rpc::Frame& frame, std::size_t payload_max) {
    ENSURE(rpc::payload_bytes(frame.content) <= payload_max);
    const std::string_view bytes = frame.content.body;
    switch (frame.kind) {
        case rpc::FrameKind::hello:
            if (const auto hello = rpc::decode_hello(bytes)) {
                ENSURE(rpc::decode_hello(rpc::encode_hello(*hello)));
                (void)rpc::agree(*hello, {remote::kService, 1, 1});
            }
            break;
        case rpc::FrameKind::request:
            check_request(bytes);
            break;
        case rpc::FrameKind::failure:
            (void)rpc::decode_error(bytes);
            break;
        default:
            check_answer<engine::FoundPath>(bytes);
            check_answer<engine::DirectoryPage>(bytes);
            check_answer<engine::FileUsage>(bytes);
            check_answer<engine::ChangePage>(bytes);
            check_answer<remote::Session>(bytes);
            check_answer<remote::Opened>(bytes);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2 || size > 64 * 1024) return 0;
    constexpr std::size_t kPayloadMax = 40'000;
    const std::size_t step = data[0] == 0 ? size : data[0];
    std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    rpc::FrameReader reader(kPayloadMax);
    while (!bytes.empty()) {
        rpc::FrameReader::Rooms storage;
        std::size_t given = 0;
        for (const auto& room : reader.rooms(storage)) {
            const auto n = std::min({room.iov_len, bytes.size(), step - given});
            std::memcpy(room.iov_base, bytes.data(), n);
            bytes.remove_prefix(n);
            given += n;
        }
        ENSURE(given > 0);
        reader.filled(given);
        for (;;) {
            const auto frame = reader.next();
            if (!frame) return 0;
            if (!*frame) break;
            check_frame(**frame, kPayloadMax);
        }
    }
    return 0;
}
