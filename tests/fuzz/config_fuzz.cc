// The configuration file: what is accepted, shown as --show-config does, is accepted again and means the same.
#include "src/base/assert.h"
#include "src/daemon/config.h"

using namespace larder::daemon;

namespace {

const std::string kPath = "larder.toml";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 16 * 1024) return 0;
    Config config;
    const auto applied = apply_toml({reinterpret_cast<const char*>(data), size}, kPath, config);
    if (!applied) {
        // The problem names the place.
        ENSURE(applied.error().code == "bad-config" && applied.error().message.starts_with(kPath + ":"));
        ENSURE(!applied.error().fix.empty());
        return 0;
    }
    const auto shown = to_toml(config);
    Config again;
    ENSURE(apply_toml(shown, kPath, again));
    ENSURE(to_toml(again) == shown);
    ENSURE(again.data == config.data && again.region == config.region && again.s3_address == config.s3_address);
    ENSURE(again.segment_folders() == config.segment_folders() && again.cache_bytes == config.cache_bytes);
    return 0;
}
