// A string that is put together from many short pieces: rows, messages, XML. std::string::append is a call for each
// piece; here a piece costs its copy.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace larder::base {

class Appender {
 public:
    void add(char c) {
        *room(1) = c;
        ++size_;
    }
    void add(std::string_view piece) {
        // An empty view may have no address, which memcpy must not be given.
        if (piece.empty()) return;
        std::memcpy(room(piece.size()), piece.data(), piece.size());
        size_ += piece.size();
    }
    // Where the next `bytes` go; they count once used() tells so.
    char* room(std::size_t bytes) {
        if (out_.size() - size_ < bytes) grow(bytes);
        return out_.data() + size_;
    }
    void used(std::size_t bytes) { size_ += bytes; }

    void reserve(std::size_t total) {
        if (total > size_) (void)room(total - size_);
    }
    std::size_t size() const { return size_; }
    std::string_view view() const { return {out_.data(), size_}; }
    std::string take() {
        out_.resize(size_);
        size_ = 0;
        return std::exchange(out_, {});
    }

 private:
    // The first `size_` bytes of `out_` are written, the rest is room.
    void grow(std::size_t bytes) {
        const auto wanted = std::max({out_.capacity(), 2 * out_.size(), size_ + bytes});
        out_.resize_and_overwrite(wanted, [](char*, std::size_t size) { return size; });
    }
    std::string out_;
    std::size_t size_ = 0;
};

}  // namespace larder::base
