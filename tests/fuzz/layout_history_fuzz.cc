// What keepers tell each other, and their own record: nothing read from strange bytes may be more than was written.
#include "replication/cluster/keeper_messages.h"
#include "replication/cluster/standing.h"
#include "src/base/assert.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace larder::cluster;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const auto standing = decode_standing(bytes)) {
        const auto again = decode_standing(encode(*standing));
        ENSURE(again && *again == *standing);
    }
    if (const auto known = decode_history(bytes)) {
        const auto again = decode_history(encode_history(known->history, known->since, 0));
        ENSURE(again && again->history == known->history);
    }
    if (const auto greeting = decode_greeting(bytes)) ENSURE(decode_greeting(encode(*greeting)).has_value());
    return 0;
}
