// Randomness. Real: the system's generator. Simulated: one seed per run.
#pragma once

#include "src/base/id.h"

#include <cstdint>
#include <span>

namespace larder::io {

class Random {
 public:
    virtual ~Random() = default;
    // Cryptographically strong in the real maker. Any thread.
    virtual void fill(std::span<std::uint8_t> out) = 0;

    std::uint64_t next() {
        std::uint64_t value = 0;
        fill({reinterpret_cast<std::uint8_t*>(&value), sizeof(value)});
        return value;
    }
    // Uniform in [0, bound), bound > 0; the bias of the remainder is below 2^-32 for the bounds used here.
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }
    template <typename AnyId>
    AnyId id() {
        AnyId id;
        fill(id.bytes);
        return id;
    }
};

}  // namespace larder::io
