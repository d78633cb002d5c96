// The chunked transfer coding, read side (RFC 9112 §7.1). Pure; it sees framing bytes only, so that the data between
// them can be received straight into the caller's memory. Chunk extensions and trailers are checked, bounded and
// dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace larder::http {

class ChunkedDecoder {
 public:
    enum class State {
        framing,  // needs bytes: call advance()
        data,     // the next remaining() bytes are data
        end,      // the body is complete
        bad,      // not the chunked coding
    };

    // Reads framing bytes from the front of `bytes` until data follows, the body ends, or they run out. Returns how
    // many it used.
    std::size_t advance(std::string_view bytes);
    // `n` <= remaining() bytes of data have been taken.
    void took(std::uint64_t n);

    State state() const { return state_; }
    std::uint64_t remaining() const { return state_ == State::data ? remaining_ : 0; }

 private:
    enum class At { size, extension, size_lf, data_cr, data_lf, trailer_start, trailer, trailer_lf, end_lf };
    void step(unsigned char c);
    void size_digit(unsigned char c);
    void expect_lf(unsigned char c, At next);
    void fail() { state_ = State::bad; }

    State state_ = State::framing;
    At at_ = At::size;
    std::uint64_t remaining_ = 0;
    std::size_t digits_ = 0;
    std::size_t extension_bytes_ = 0;
    std::size_t trailer_bytes_ = 0;
};

}  // namespace larder::http
