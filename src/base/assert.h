// ENSURE states what must hold for the program to be right. It is always on: stopping one node beats spreading damage.
#pragma once

namespace larder::base {

// Writes the failed condition and its place to standard error, then aborts. Any thread.
[[noreturn]] void ensure_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace larder::base

#define ENSURE(condition) \
    ((condition) ? static_cast<void>(0) : ::larder::base::ensure_failed(#condition, __FILE__, __LINE__))
