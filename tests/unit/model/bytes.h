// Bytes of rows in tests: written as hexadecimal, and tried in every broken form.
#pragma once

#include "src/base/encoding.h"
#include "src/base/error.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace larder::model {

inline std::string hex(std::string_view bytes) {
    return base::hex_encode(bytes);
}

// An id of one repeated byte.
template <typename AnyId>
AnyId id_of(std::uint8_t byte) {
    AnyId id;
    id.bytes.fill(byte);
    return id;
}
// The same in hexadecimal.
inline std::string repeated(std::string_view byte, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += byte;
    return out;
}

// The bytes as they are must be read; each cut of them, and more of them, must be refused as damage of a row. So must
// another format in the first byte.
template <typename Decode>
void reads_only_whole(const std::string& bytes, Decode decode) {
    REQUIRE(decode(bytes));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        INFO("cut to " << cut << " of " << hex(bytes));
        const auto got = decode(std::string_view(bytes).substr(0, cut));
        REQUIRE_FALSE(got);
        CHECK(got.error().is(base::Code::corrupted, base::Subject::row));
    }
    CHECK_FALSE(decode(bytes + "x"));
    for (const char format : {'\0', '\2', '\xff'}) {
        auto other = bytes;
        other[0] = format;
        const auto got = decode(other);
        REQUIRE_FALSE(got);
        CHECK(got.error().is(base::Code::corrupted, base::Subject::row));
    }
}

}  // namespace larder::model
