// An invitation as somebody pasted it. What is read is written as a text that reads the same; and the letters of any
// bytes, with their check letters, are read too, so that the payload is reached.
#include "src/base/assert.h"
#include "src/rpc/bech32.h"
#include "src/rpc/invitation.h"

using namespace larder;

namespace {

void check(std::string_view text) {
    const auto first = rpc::decode_token(text, {0});
    if (!first) {
        ENSURE(first.error().code.starts_with("token-") && !first.error().message.empty());
        return;
    }
    const auto written = rpc::encode_token(*first);
    ENSURE(written);
    const auto second = rpc::decode_token(*written, {0});
    ENSURE(second && second->addresses == first->addresses && second->secret == first->secret &&
           second->expires == first->expires && second->cluster == first->cluster && second->role == first->role);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 512));
    check(input);
    check(rpc::bech32_encode("larder", input));
    return 0;
}
