// The body of one request: the bytes its framing promises, read straight into the caller's memory, first from what was
// received with the header.
#pragma once

#include "src/base/error.h"
#include "src/http/chunked.h"
#include "src/http/connection.h"
#include "src/http/http.h"
#include "src/http/input.h"
#include "src/io/task.h"

#include <cstdint>
#include <optional>
#include <span>

namespace larder::http {

class BodyReader {
 public:
    // All outlive the reader.
    BodyReader(Connection& connection, Input& input, const Limits& limits, const RequestHead& head);

    // At least one byte, or 0 at the end of the body. A failure is final.
    io::Task<base::Result<std::size_t>> read_some(std::span<std::byte> out);
    // Reads the rest and drops it, within the limits for that. Returns whether the end was reached.
    io::Task<bool> discard();

    // Whether all of it has been read; false while the end of a chunked body has not been seen.
    bool at_end() const { return chunked_ ? decoder_.state() == ChunkedDecoder::State::end : left_ == 0; }
    bool failed() const { return failure_.has_value(); }
    // Whether the rest is known to be more than discard() would read.
    bool too_long_to_discard() const { return !chunked_ && left_ > limits_.discard_bytes; }
    std::uint64_t bytes_read() const { return bytes_read_; }

 private:
    io::Task<base::Result<std::size_t>> receive_some(std::span<std::byte> out);
    base::Result<std::uint64_t> available();
    void took(std::size_t n);
    base::Duration patience() const;

    Connection& connection_;
    Input& input_;
    const Limits& limits_;
    bool chunked_;
    std::uint64_t left_;  // with Content-Length
    ChunkedDecoder decoder_;
    std::uint64_t bytes_read_ = 0;
    base::Duration waited_before_;
    bool discarding_ = false;
    std::optional<base::Error> failure_;
};

}  // namespace larder::http
