#include "src/base/bytes.h"

#include "src/base/assert.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace larder::base {

Buffer Buffer::allocate(std::size_t capacity) {
    constexpr std::size_t kAlignment = 4096;
    Buffer buffer;
    const std::size_t rounded = (capacity + kAlignment - 1) / kAlignment * kAlignment;
    void* memory = std::aligned_alloc(kAlignment, rounded == 0 ? kAlignment : rounded);
    if (memory == nullptr) throw std::bad_alloc();
    buffer.data_ = std::shared_ptr<std::byte>(static_cast<std::byte*>(memory), std::free);
    buffer.size_ = capacity;
    return buffer;
}

Buffer Buffer::copy_of(std::string_view bytes) {
    Buffer buffer = allocate(bytes.size());
    if (!bytes.empty()) std::memcpy(buffer.writable().data(), bytes.data(), bytes.size());
    return buffer;
}

void Buffer::truncate(std::size_t size) {
    ENSURE(size <= size_);
    size_ = size;
}

Buffer Buffer::slice(std::size_t offset, std::size_t length) const {
    ENSURE(offset <= size_ && length <= size_ - offset);
    Buffer part = *this;
    part.offset_ += offset;
    part.size_ = length;
    return part;
}

}  // namespace larder::base
