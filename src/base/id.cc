#include "src/base/id.h"

#include "src/base/encoding.h"

namespace larder::base {
namespace {

void put_big_endian(std::string& out, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::uint64_t get_big_endian(std::string_view raw) {
    std::uint64_t value = 0;
    for (char c : raw) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
}

}  // namespace

std::string Tag::encode() const {
    std::string out;
    out.reserve(kSize);
    put_big_endian(out, time, 8);
    put_big_endian(out, node, 4);
    put_big_endian(out, boot, 4);
    return out;
}

std::optional<Tag> Tag::decode(std::string_view raw) {
    if (raw.size() != kSize) return std::nullopt;
    return Tag{get_big_endian(raw.substr(0, 8)), static_cast<std::uint32_t>(get_big_endian(raw.substr(8, 4))),
               static_cast<std::uint32_t>(get_big_endian(raw.substr(12, 4)))};
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
