#include "src/base/id.h"

#include "src/base/encoding.h"

namespace larder::base {

std::string Tag::encode() const {
    std::string out(kSize, '\0');
    write(out.data());
    return out;
}

std::optional<Tag> Tag::decode(std::string_view raw) {
    if (raw.size() != kSize) return std::nullopt;
    return read(raw.data());
}

std::string Tag::hex() const {
    return hex_encode(encode());
}

std::optional<Tag> Tag::from_hex(std::string_view text) {
    const auto raw = hex_decode(text);
    if (!raw) return std::nullopt;
    return decode(*raw);
}

}  // namespace larder::base
