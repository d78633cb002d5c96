#include "src/http/chunked.h"

#include "src/base/assert.h"

namespace larder::http {
namespace {

constexpr std::size_t kSizeDigitsMax = 15;  // 60 bits: no overflow however they are added up
constexpr std::size_t kExtensionBytesMax = 256;
constexpr std::size_t kTrailerBytesMax = 8 * 1024;

int hex_value(unsigned char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_control(unsigned char c) {
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

std::size_t ChunkedDecoder::advance(std::string_view bytes) {
    std::size_t used = 0;
    while (state_ == State::framing && used < bytes.size()) step(static_cast<unsigned char>(bytes[used++]));
    return used;
}

void ChunkedDecoder::took(std::uint64_t n) {
    ENSURE(state_ == State::data && n <= remaining_);
    remaining_ -= n;
    if (remaining_ > 0) return;
    state_ = State::framing;
    at_ = At::data_cr;
}

void ChunkedDecoder::size_digit(unsigned char c) {
    if (const int value = hex_value(c); value >= 0) {
        if (++digits_ > kSizeDigitsMax) return fail();
        remaining_ = remaining_ * 16 + static_cast<unsigned>(value);
        return;
    }
    if (digits_ == 0) return fail();
    if (c == ';') {
        at_ = At::extension;
        extension_bytes_ = 0;
    } else if (c == '\r') {
        at_ = At::size_lf;
    } else {
        fail();
    }
}

void ChunkedDecoder::expect_lf(unsigned char c, At next) {
    if (c != '\n') return fail();
    at_ = next;
}

void ChunkedDecoder::step(unsigned char c) {
    switch (at_) {
        case At::size:
            return size_digit(c);
        case At::extension:
            if (c == '\r') {
                at_ = At::size_lf;
            } else if (is_control(c) || ++extension_bytes_ > kExtensionBytesMax) {
                fail();
            }
            return;
        case At::size_lf:
            expect_lf(c, At::trailer_start);
            if (state_ == State::framing && remaining_ > 0) state_ = State::data;
            return;
        case At::data_cr:
            if (c != '\r') return fail();
            at_ = At::data_lf;
            return;
        case At::data_lf:
            digits_ = 0;
            return expect_lf(c, At::size);
        case At::trailer_start:
            if (c == '\r') {
                at_ = At::end_lf;
                return;
            }
            at_ = At::trailer;
            [[fallthrough]];
        case At::trailer:
            if (c == '\r') {
                at_ = At::trailer_lf;
            } else if (is_control(c) || ++trailer_bytes_ > kTrailerBytesMax) {
                fail();
            }
            return;
        case At::trailer_lf:
            return expect_lf(c, At::trailer_start);
        case At::end_lf:
            expect_lf(c, At::end_lf);
            if (state_ == State::framing) state_ = State::end;
            return;
    }
}

}  // namespace larder::http
