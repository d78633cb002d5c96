#include "src/codec/codec.h"

namespace larder::codec {

std::uint64_t Reader::long_varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (in_.empty()) break;
        const auto b = u8();
        v |= std::uint64_t{b & 0x7fu} << shift;
        if ((b & 0x80) == 0) {
            if (shift == 63 && b > 1) break;
            return v;
        }
    }
    spoil();
    return 0;
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
