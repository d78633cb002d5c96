// Bytes in three shapes: std::string for rows, keys and messages (small, comparable, owned); std::string_view to look
// at them; Buffer for bulk content that several stages read at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace larder::base {

inline std::span<const std::byte> as_bytes(std::string_view s) {
    return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}
inline std::string_view as_chars(std::span<const std::byte> b) {
    return {reinterpret_cast<const char*>(b.data()), b.size()};
}

// A shared, fixed-capacity piece of memory, 4 KiB aligned (fit for direct I/O). Copies share the bytes. The maker fills
// it through writable() while it is the only holder; after the first copy is handed on nobody writes to it again, so
// that hashing, compressing, storing and sending may read it from any thread at once.
class Buffer {
 public:
    Buffer() = default;

    // Uninitialised bytes; size() starts at `capacity`.
    static Buffer allocate(std::size_t capacity);
    static Buffer copy_of(std::string_view bytes);

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    const std::byte* data() const { return data_.get() + offset_; }
    std::span<const std::byte> bytes() const { return {data(), size_}; }
    std::string_view chars() const { return as_chars(bytes()); }

    // The bytes to fill. Only before the buffer is shared.
    std::span<std::byte> writable() { return {data_.get() + offset_, size_}; }
    // Shortens to the first `size` bytes (size <= size()).
    void truncate(std::size_t size);
    // The same memory seen from `offset`, `length` bytes long. Both must lie within size().
    Buffer slice(std::size_t offset, std::size_t length) const;

 private:
    std::shared_ptr<std::byte> data_;
    std::size_t offset_ = 0;
    std::size_t size_ = 0;
};

}  // namespace larder::base
