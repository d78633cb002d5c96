#include "src/base/crc.h"

#include <array>
#include <bit>
#include <cstring>
#include <nmmintrin.h>

namespace larder::base {
namespace {

// A reflected CRC of width 32 or 64: tables for sixteen bytes at a time, and the algebra of concatenation.
template <typename Word, Word kPolynomial>
struct Reflected {
    using Tables = std::array<std::array<Word, 256>, 16>;

    static constexpr Tables make() {
        Tables tables{};
        for (unsigned i = 0; i < 256; ++i) {
            Word value = i;
            for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
            tables[0][i] = value;
        }
        for (unsigned k = 1; k < 16; ++k) {
            for (unsigned i = 0; i < 256; ++i) {
                tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xff];
            }
        }
        return tables;
    }
    static inline const Tables tables = make();

    static Word run(std::string_view bytes, Word seed) {
        Word crc = ~seed;
        const auto* p = reinterpret_cast<const std::uint8_t*>(bytes.data());
        std::size_t left = bytes.size();
        for (; left >= 16; left -= 16, p += 16) {
            std::uint64_t low = 0;
            std::uint64_t high = 0;
            std::memcpy(&low, p, 8);
            std::memcpy(&high, p + 8, 8);
            low ^= crc;
            Word next = 0;
            for (unsigned k = 0; k < 8; ++k) {
                next ^= tables[15 - k][low >> (8 * k) & 0xff] ^ tables[7 - k][high >> (8 * k) & 0xff];
            }
            crc = next;
        }
        for (; left > 0; --left, ++p) crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
        return ~crc;
    }

    // a times b modulo the polynomial, both reflected (the highest bit is x^0).
    static Word multiply(Word a, Word b) {
        Word product = 0;
        for (Word bit = Word{1} << (sizeof(Word) * 8 - 1); bit != 0; bit >>= 1) {
            if ((a & bit) != 0) product ^= b;
            b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);
        }
        return product;
    }

    // The value of A‖B: A's is moved up by the length of B, that is multiplied by x^(8·length).
    static Word combine(Word a, Word b, std::uint64_t length) {
        Word power = Word{1} << (sizeof(Word) * 8 - 1);       // x^0
        Word square = Word{1} << (sizeof(Word) * 8 - 1 - 8);  // x^8
        for (; length != 0; length >>= 1) {
            if ((length & 1) != 0) power = multiply(power, square);
            square = multiply(square, square);
        }
        return multiply(power, a) ^ b;
    }
};

using Ieee = Reflected<std::uint32_t, 0xedb88320u>;
using Castagnoli = Reflected<std::uint32_t, 0x82f63b78u>;
using Nvme = Reflected<std::uint64_t, 0x9a6c9329ac4bc9b5ull>;

std::uint64_t load(const char* p) {
    std::uint64_t value = 0;
    std::memcpy(&value, p, 8);
    return value;
}

// Three independent streams keep the instruction's pipeline full; they are joined by the algebra above.
__attribute__((target("sse4.2"))) std::uint32_t crc32c_hardware(std::string_view bytes, std::uint32_t seed) {
    constexpr std::size_t kStream = 2048;
    static const std::uint32_t by_stream = Castagnoli::combine(1u << 31, 0, kStream);
    const char* p = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t crc = static_cast<std::uint32_t>(~seed);
    for (; left >= 3 * kStream; left -= 3 * kStream, p += 3 * kStream) {
        std::uint64_t second = 0;
        std::uint64_t third = 0;
        for (std::size_t i = 0; i < kStream; i += 8) {
            crc = _mm_crc32_u64(crc, load(p + i));
            second = _mm_crc32_u64(second, load(p + kStream + i));
            third = _mm_crc32_u64(third, load(p + 2 * kStream + i));
        }
        crc = Castagnoli::multiply(by_stream, static_cast<std::uint32_t>(crc)) ^ second;
        crc = Castagnoli::multiply(by_stream, static_cast<std::uint32_t>(crc)) ^ third;
    }
    for (; left >= 8; left -= 8, p += 8) crc = _mm_crc32_u64(crc, load(p));
    // Rows are short, so what is left of eight bytes counts: three steps instead of seven.
    auto sum = static_cast<std::uint32_t>(crc);
    if ((left & 4) != 0) {
        std::uint32_t four = 0;
        std::memcpy(&four, p, 4);
        sum = _mm_crc32_u32(sum, four);
        p += 4;
    }
    if ((left & 2) != 0) {
        std::uint16_t two = 0;
        std::memcpy(&two, p, 2);
        sum = _mm_crc32_u16(sum, two);
        p += 2;
    }
    if ((left & 1) != 0) sum = _mm_crc32_u8(sum, static_cast<std::uint8_t>(*p));
    return ~sum;
}

}  // namespace

std::uint32_t crc32(std::string_view bytes, std::uint32_t seed) {
    return Ieee::run(bytes, seed);
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed) {
    static const bool hardware = __builtin_cpu_supports("sse4.2") != 0;
    return hardware ? crc32c_hardware(bytes, seed) : Castagnoli::run(bytes, seed);
}

std::uint64_t crc64nvme(std::string_view bytes, std::uint64_t seed) {
    return Nvme::run(bytes, seed);
}

std::uint32_t crc32_combine(std::uint32_t a, std::uint32_t b, std::uint64_t length_b) {
    return Ieee::combine(a, b, length_b);
}
std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::uint64_t length_b) {
    return Castagnoli::combine(a, b, length_b);
}
std::uint64_t crc64nvme_combine(std::uint64_t a, std::uint64_t b, std::uint64_t length_b) {
    return Nvme::combine(a, b, length_b);
}

}  // namespace larder::base
