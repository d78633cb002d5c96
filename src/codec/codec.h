// Rows and messages as bytes, by hand: little-endian fixed integers, varints, length-prefixed bytes. Encoding by hand
// costs a third of protobuf's and decodes to views (docs/decisions/0003). Every format starts with a version byte; old
// bytes stay readable for ever (docs/formats.md).
#pragma once

#include "src/base/error.h"
#include "src/base/id.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace larder::codec {

// Appends to a string it owns.
class Writer {
 public:
    Writer& u8(std::uint8_t v) {
        out_.push_back(static_cast<char>(v));
        return *this;
    }
    Writer& u32(std::uint32_t v) { return fixed(v); }
    Writer& u64(std::uint64_t v) { return fixed(v); }
    // LEB128.
    Writer& varint(std::uint64_t v) {
        while (v >= 0x80) {
            out_.push_back(static_cast<char>(v | 0x80));
            v >>= 7;
        }
        out_.push_back(static_cast<char>(v));
        return *this;
    }
    // A varint length, then the bytes.
    Writer& bytes(std::string_view v) {
        varint(v.size());
        out_.append(v);
        return *this;
    }
    // The bytes alone.
    Writer& raw(std::string_view v) {
        out_.append(v);
        return *this;
    }
    Writer& boolean(bool v) { return u8(v ? 1 : 0); }
    Writer& tag(const base::Tag& t) { return raw(t.encode()); }

    void reserve(std::size_t n) { out_.reserve(n); }
    std::size_t size() const { return out_.size(); }
    std::string_view view() const { return out_; }
    std::string take() { return std::move(out_); }

 private:
    template <typename T>
    Writer& fixed(T v) {
        for (std::size_t i = 0; i < sizeof(T); ++i) out_.push_back(static_cast<char>(v >> (8 * i)));
        return *this;
    }
    std::string out_;
};

// Takes from a view, which must outlive what it returns. After a read past the end or a malformed value every read
// gives zero and ok() is false: check once at the end.
class Reader {
 public:
    explicit Reader(std::string_view in) : in_(in) {}

    std::uint8_t u8();
    std::uint32_t u32();
    std::uint64_t u64();
    std::uint64_t varint();
    std::string_view bytes();
    std::string_view raw(std::size_t n);
    bool boolean() { return u8() != 0; }
    base::Tag tag();
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
    void spoil() {
        ok_ = false;
        in_ = {};
    }
    std::string_view in_;
    bool ok_ = true;
};

}  // namespace larder::codec
