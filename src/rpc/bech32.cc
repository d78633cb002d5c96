#include "src/rpc/bech32.h"

namespace larder::rpc {
namespace {

constexpr std::string_view kLetters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::uint32_t kConstant = 0x2bc830a3;

// The remainder of the text, as a polynomial over GF(32), by the code's generator.
class Checksum {
 public:
    explicit Checksum(std::string_view prefix) {
        for (const char c : prefix) add(static_cast<std::uint8_t>(c) >> 5);
        add(0);
        for (const char c : prefix) add(static_cast<std::uint8_t>(c) & 31);
    }
    void add(std::uint8_t value) {
        static constexpr std::uint32_t kGenerator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
        const auto top = state_ >> 25;
        state_ = (state_ & 0x1ffffff) << 5 ^ value;
        for (unsigned i = 0; i < 5; ++i) state_ ^= (top >> i & 1) != 0 ? kGenerator[i] : 0;
    }
    std::uint32_t state() const { return state_; }

 private:
    std::uint32_t state_ = 1;
};

std::vector<std::uint8_t> values_of(std::string_view bytes) {
    std::vector<std::uint8_t> out;
    unsigned held = 0;
    unsigned bits = 0;
    for (const char c : bytes) {
        held = (held << 8 | static_cast<std::uint8_t>(c)) & 0xfff;
        for (bits += 8; bits >= 5; bits -= 5) out.push_back(static_cast<std::uint8_t>(held >> (bits - 5) & 31));
    }
    if (bits > 0) out.push_back(static_cast<std::uint8_t>(held << (5 - bits) & 31));
    return out;
}

}  // namespace

std::string bech32_encode(std::string_view prefix, std::string_view bytes) {
    auto values = values_of(bytes);
    Checksum sum(prefix);
    for (const auto v : values) sum.add(v);
    for (std::size_t i = 0; i < kCheckLetters; ++i) sum.add(0);
    const auto check = sum.state() ^ kConstant;
    for (std::size_t i = 0; i < kCheckLetters; ++i)
        values.push_back(static_cast<std::uint8_t>(check >> 5 * (kCheckLetters - 1 - i) & 31));
    auto out = std::string(prefix) + '1';
    for (const auto v : values) out += kLetters[v];
    return out;
}

std::optional<std::uint8_t> bech32_value(char letter) {
    const auto place = kLetters.find(letter);
    if (place == std::string_view::npos) return std::nullopt;
    return static_cast<std::uint8_t>(place);
}

bool bech32_fits(std::string_view prefix, const std::vector<std::uint8_t>& values) {
    Checksum sum(prefix);
    for (const auto v : values) sum.add(v);
    return values.size() >= kCheckLetters && sum.state() == kConstant;
}

std::optional<std::string> bech32_bytes(const std::vector<std::uint8_t>& values) {
    if (values.size() < kCheckLetters) return std::nullopt;
    std::string out;
    unsigned held = 0;
    unsigned bits = 0;
    for (std::size_t i = 0; i < values.size() - kCheckLetters; ++i) {
        held = (held << 5 | values[i]) & 0xfff;
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        out += static_cast<char>(held >> bits & 0xff);
    }
    if (bits >= 5 || (held & ((1u << bits) - 1)) != 0) return std::nullopt;
    return out;
}

std::optional<std::size_t> bech32_wrong_place(std::string_view prefix, std::vector<std::uint8_t> values) {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto there = values[i];
        for (std::uint8_t other = 0; other < 32; ++other) {
            values[i] = other;
            if (other == there || !bech32_fits(prefix, values)) continue;
            if (found) return std::nullopt;
            found = i;
        }
        values[i] = there;
    }
    return found;
}

}  // namespace larder::rpc
