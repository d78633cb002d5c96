// Identities: fixed-size opaque bytes with a type each, so that one cannot be passed for another.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace larder::base {

// N opaque bytes, compared bytewise. `Kind` only makes the types differ.
template <typename Kind, std::size_t N>
struct Id {
    static constexpr std::size_t kSize = N;
    std::array<std::uint8_t, N> bytes{};

    auto operator<=>(const Id&) const = default;
    bool is_zero() const { return *this == Id{}; }
    // The raw bytes, for keys and messages.
    std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), N}; }
    // From exactly N raw bytes; nullopt otherwise.
    static std::optional<Id> from(std::string_view raw) {
        if (raw.size() != N) return std::nullopt;
        Id id;
        std::memcpy(id.bytes.data(), raw.data(), N);
        return id;
    }
    // Lower-case hexadecimal, 2N characters.
    std::string hex() const {
        static constexpr char kDigits[] = "0123456789abcdef";
        std::string out;
        out.reserve(2 * N);
        for (std::uint8_t b : bytes) {
            out.push_back(kDigits[b >> 4]);
            out.push_back(kDigits[b & 15]);
        }
        return out;
    }
};

using NodeId = Id<struct NodeIdKind, 32>;      // Ed25519 public key of a node
using BucketId = Id<struct BucketIdKind, 16>;  // random
using UploadId = Id<struct UploadIdKind, 16>;  // random; names an upload in progress, single PUTs included
using Hash256 = Id<struct Hash256Kind, 32>;    // SHA-256; the name of a block

// (hybrid time, node, boot counter): never reused. The order of versions of a row and the ballot of its conditional
// writes at once (docs/decisions: tagged registers). Compared lexicographically; the zero tag precedes every write.
struct Tag {
    std::uint64_t time = 0;  // hybrid time, time.h
    std::uint32_t node = 0;  // short number of the node, given by the member list
    std::uint32_t boot = 0;  // how often that node had started

    auto operator<=>(const Tag&) const = default;
    bool is_zero() const { return *this == Tag{}; }

    static constexpr std::size_t kSize = 16;
    // 16 bytes, big-endian, so that bytewise order is tag order.
    std::string encode() const;
    static std::optional<Tag> decode(std::string_view raw);
    // The same in place: kSize bytes at `out` and at `raw`.
    void write(char* out) const {
        for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(time >> (56 - 8 * i));
        for (int i = 0; i < 4; ++i) out[8 + i] = static_cast<char>(node >> (24 - 8 * i));
        for (int i = 0; i < 4; ++i) out[12 + i] = static_cast<char>(boot >> (24 - 8 * i));
    }
    static Tag read(const char* raw) {
        const auto byte = [raw](int i) { return static_cast<std::uint8_t>(raw[i]); };
        Tag tag;
        for (int i = 0; i < 8; ++i) tag.time |= std::uint64_t{byte(i)} << (56 - 8 * i);
        for (int i = 0; i < 4; ++i) tag.node |= std::uint32_t{byte(8 + i)} << (24 - 8 * i);
        for (int i = 0; i < 4; ++i) tag.boot |= std::uint32_t{byte(12 + i)} << (24 - 8 * i);
        return tag;
    }
    // 32 hexadecimal characters; the version id that users see.
    std::string hex() const;
    static std::optional<Tag> from_hex(std::string_view text);
};

}  // namespace larder::base

template <typename Kind, std::size_t N>
struct std::hash<larder::base::Id<Kind, N>> {
    std::size_t operator()(const larder::base::Id<Kind, N>& id) const noexcept {
        return std::hash<std::string_view>{}(id.view());
    }
};
