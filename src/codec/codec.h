// Rows and messages as bytes, by hand: little-endian fixed integers, varints, length-prefixed bytes. Encoding by hand
// costs a third of protobuf's and decodes to views (docs/decisions/0003). Every format starts with a version byte; old
// bytes stay readable for ever (docs/formats.md).
#pragma once

#include "src/base/appender.h"
#include "src/base/error.h"
#include "src/base/id.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace larder::codec {

constexpr std::size_t varint_bytes(std::uint64_t v) {
    std::size_t bytes = 1;
    for (; v >= 0x80; v >>= 7) ++bytes;
    return bytes;
}

// Appends to a string it owns.
class Writer {
 public:
    Writer& u8(std::uint8_t v) {
        out_.add(static_cast<char>(v));
        return *this;
    }
    Writer& u32(std::uint32_t v) { return fixed(v); }
    Writer& u64(std::uint64_t v) { return fixed(v); }
    // LEB128.
    Writer& varint(std::uint64_t v) {
        char* const begin = out_.room(kVarintBytesMax);
        char* end = begin;
        for (; v >= 0x80; v >>= 7) *end++ = static_cast<char>(v | 0x80);
        *end++ = static_cast<char>(v);
        out_.used(static_cast<std::size_t>(end - begin));
        return *this;
    }
    // A varint length, then the bytes.
    Writer& bytes(std::string_view v) {
        varint(v.size());
        out_.add(v);
        return *this;
    }
    // The bytes alone.
    Writer& raw(std::string_view v) {
        out_.add(v);
        return *this;
    }
    Writer& boolean(bool v) { return u8(v ? 1 : 0); }
    Writer& tag(const base::Tag& t) {
        t.write(out_.room(base::Tag::kSize));
        out_.used(base::Tag::kSize);
        return *this;
    }

    void reserve(std::size_t n) { out_.reserve(n); }
    std::size_t size() const { return out_.size(); }
    std::string_view view() const { return out_.view(); }
    std::string take() { return out_.take(); }

    static constexpr std::size_t kVarintBytesMax = 10;

 private:
    template <typename T>
    Writer& fixed(T v) {
        // Little-endian, whatever this machine is.
        char* const place = out_.room(sizeof(T));
        for (std::size_t i = 0; i < sizeof(T); ++i) place[i] = static_cast<char>(v >> (8 * i));
        out_.used(sizeof(T));
        return *this;
    }
    base::Appender out_;
};

// Takes from a view, which must outlive what it returns. After a read past the end or a malformed value every read
// gives zero and ok() is false: check once at the end.
class Reader {
 public:
    explicit Reader(std::string_view in) : in_(in) {}

    std::uint8_t u8() {
        if (in_.empty()) return spoil(), std::uint8_t{0};
        const auto v = static_cast<std::uint8_t>(in_.front());
        in_.remove_prefix(1);
        return v;
    }
    std::uint32_t u32() { return fixed<std::uint32_t>(); }
    std::uint64_t u64() { return fixed<std::uint64_t>(); }
    std::uint64_t varint() {
        // Most are short.
        if (!in_.empty() && (in_.front() & 0x80) == 0) return u8();
        return long_varint();
    }
    std::string_view bytes() {
        const auto n = varint();
        return n > in_.size() ? (spoil(), std::string_view{}) : raw(static_cast<std::size_t>(n));
    }
    std::string_view raw(std::size_t n) {
        if (n > in_.size()) return spoil(), std::string_view{};
        const auto out = in_.substr(0, n);
        in_.remove_prefix(n);
        return out;
    }
    bool boolean() { return u8() != 0; }
    base::Tag tag() {
        const auto b = raw(base::Tag::kSize);
        return b.empty() ? base::Tag{} : base::Tag::read(b.data());
    }
    template <typename AnyId>
    AnyId id() {
        const auto v = AnyId::from(raw(AnyId::kSize));
        return v ? *v : AnyId{};
    }
    // A count that precedes items of at least `least_bytes` each: more than could fit is malformed, so that nothing is
    // reserved on a stranger's word.
    std::size_t count(std::size_t least_bytes = 1);

    bool ok() const { return ok_; }
    bool at_end() const { return in_.empty(); }
    std::string_view rest() const { return in_; }
    // Fails with corrupted unless every read was good and nothing is left.
    base::Result<void> finish(std::string_view what) const;

 private:
    template <typename T>
    T fixed() {
        T v = 0;
        const auto b = raw(sizeof(T));
        for (std::size_t i = 0; i < b.size(); ++i) v |= T{static_cast<std::uint8_t>(b[i])} << (8 * i);
        return v;
    }
    std::uint64_t long_varint();
    void spoil() {
        ok_ = false;
        in_ = {};
    }
    std::string_view in_;
    bool ok_ = true;
};

}  // namespace larder::codec
