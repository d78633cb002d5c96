#include "s3/tags.h"

#include "src/base/encoding.h"

#include <set>

namespace larder::s3 {

namespace {

constexpr std::size_t kNameUnitsMax = 128;
constexpr std::size_t kValueUnitsMax = 256;

// Lengths of tags are counted as UTF-16 has them.
std::size_t utf16_units(std::string_view text) {
    std::size_t units = 0;
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        units += (byte & 0xc0) == 0x80 ? 0 : byte >= 0xf0 ? 2 : 1;
    }
    return units;
}

std::unexpected<S3Error> invalid(std::string message) {
    return std::unexpected(s3_error("InvalidTag", std::move(message)));
}

}  // namespace

S3Result<void> check_tags(const engine::NamedValues& tags, std::size_t most) {
    std::set<std::string_view> names;
    for (const auto& [name, value] : tags) {
        if (name.empty() || utf16_units(name) > kNameUnitsMax || !base::is_text(name))
            return invalid("The TagKey you have provided is invalid");
        if (utf16_units(value) > kValueUnitsMax || !base::is_text(value))
            return invalid("The TagValue you have provided is invalid");
        if (!names.insert(name).second) return invalid("Cannot provide multiple Tags with the same key");
    }
    if (tags.size() > most) return invalid("Tags cannot be greater than " + std::to_string(most));
    return {};
}

}  // namespace larder::s3
