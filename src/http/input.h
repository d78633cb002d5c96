// Bytes received and not yet used, in one growing piece of memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace larder::http {

class Input {
 public:
    std::string_view view() const { return {reinterpret_cast<const char*>(bytes_.data()) + begin_, end_ - begin_}; }
    std::size_t size() const { return end_ - begin_; }
    bool empty() const { return begin_ == end_; }

    void consume(std::size_t n) {
        begin_ += n;
        if (begin_ == end_) begin_ = end_ = 0;
    }
    // Copies the first bytes out, as many as fit.
    std::size_t take(std::span<std::byte> out) {
        const std::size_t n = std::min(out.size(), size());
        if (n > 0) std::memcpy(out.data(), bytes_.data() + begin_, n);
        consume(n);
        return n;
    }
    // Free memory behind the bytes, at least `least`; valid until the next call of room() or consume().
    std::span<std::byte> room(std::size_t least) {
        if (bytes_.size() - end_ < least && begin_ > 0) {
            std::memmove(bytes_.data(), bytes_.data() + begin_, size());
            end_ -= begin_;
            begin_ = 0;
        }
        if (bytes_.size() - end_ < least) bytes_.resize(std::max(end_ + least, 2 * bytes_.size()));
        return std::span(bytes_).subspan(end_);
    }
    // The first `n` bytes of room() have been filled.
    void added(std::size_t n) { end_ += n; }

 private:
    std::vector<std::byte> bytes_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace larder::http
