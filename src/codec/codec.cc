#include "src/codec/codec.h"

namespace larder::codec {

std::string_view Reader::raw(std::size_t n) {
    if (n > in_.size()) {
        spoil();
        return {};
    }
    const auto out = in_.substr(0, n);
    in_.remove_prefix(n);
    return out;
}

std::uint8_t Reader::u8() {
    const auto b = raw(1);
    return b.empty() ? 0 : static_cast<std::uint8_t>(b[0]);
}

std::uint32_t Reader::u32() {
    std::uint32_t v = 0;
    const auto b = raw(4);
    for (std::size_t i = 0; i < b.size(); ++i) v |= std::uint32_t{static_cast<std::uint8_t>(b[i])} << (8 * i);
    return v;
}

std::uint64_t Reader::u64() {
    std::uint64_t v = 0;
    const auto b = raw(8);
    for (std::size_t i = 0; i < b.size(); ++i) v |= std::uint64_t{static_cast<std::uint8_t>(b[i])} << (8 * i);
    return v;
}

std::uint64_t Reader::varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (in_.empty()) break;
        const auto b = static_cast<std::uint8_t>(in_.front());
        in_.remove_prefix(1);
        v |= std::uint64_t{b & 0x7fu} << shift;
        if ((b & 0x80) == 0) {
            if (shift == 63 && b > 1) break;
            return v;
        }
    }
    spoil();
    return 0;
}

std::string_view Reader::bytes() {
    const auto n = varint();
    return n > in_.size() ? (spoil(), std::string_view{}) : raw(static_cast<std::size_t>(n));
}

base::Tag Reader::tag() {
    const auto v = base::Tag::decode(raw(base::Tag::kSize));
    return v ? *v : base::Tag{};
}

std::size_t Reader::count(std::size_t least_bytes) {
    const auto n = varint();
    if (n > in_.size() / (least_bytes == 0 ? 1 : least_bytes)) {
        spoil();
        return 0;
    }
    return static_cast<std::size_t>(n);
}

base::Result<void> Reader::finish(std::string_view what) const {
    if (ok_ && in_.empty()) return {};
    return base::fail(base::Code::corrupted, base::Subject::row, std::string(what) + ": malformed bytes");
}

}  // namespace larder::codec
