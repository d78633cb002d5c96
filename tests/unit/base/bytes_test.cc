#include "src/base/bytes.h"

#include <catch2/catch.hpp>

namespace larder::base {
namespace {

TEST_CASE("a buffer has the size asked for and lies on a page", "[bytes]") {
    for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 1u << 20}) {
        const auto buffer = Buffer::allocate(size);
        CHECK(buffer.size() == size);
        CHECK(buffer.empty() == (size == 0));
        CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 4096 == 0);
    }
    CHECK(Buffer().empty());
    CHECK(Buffer().chars().empty());
}

TEST_CASE("copies of a buffer share its bytes", "[bytes]") {
    auto buffer = Buffer::copy_of("0123456789");
    const auto copy = buffer;
    CHECK(copy.data() == buffer.data());
    buffer.truncate(4);
    CHECK(buffer.chars() == "0123");
    CHECK(copy.chars() == "0123456789");
}

TEST_CASE("a slice is the same memory, and outlives the buffer it came from", "[bytes]") {
    Buffer part;
    {
        auto buffer = Buffer::copy_of("0123456789");
        part = buffer.slice(2, 6);
        CHECK(part.data() == buffer.data() + 2);
        CHECK(buffer.slice(10, 0).empty());
    }
    CHECK(part.chars() == "234567");
    CHECK(part.slice(1, 2).chars() == "34");
    part.truncate(0);
    CHECK(part.empty());
}

TEST_CASE("what is written to a buffer is what is read", "[bytes]") {
    auto buffer = Buffer::allocate(3);
    const std::string_view whole("a\0b", 3);
    std::copy(whole.begin(), whole.end(), reinterpret_cast<char*>(buffer.writable().data()));
    CHECK(buffer.chars() == whole);
    CHECK(as_chars(as_bytes(whole)) == whole);
}

}  // namespace
}  // namespace larder::base
