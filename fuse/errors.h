// Failures of the engine as errno values, by one table.
#pragma once

#include "src/base/error.h"

#include <expected>

namespace larder::fuse {

// A result of the file system: a value or an errno.
template <typename T = void>
using Answer = std::expected<T, int>;

inline std::unexpected<int> refuse(int error) {
    return std::unexpected<int>(error);
}

// The errno of a failure. What has no errno of its own is EIO, and logged.
int errno_of(const base::Error& error);
inline std::unexpected<int> refuse(const base::Error& error) {
    return std::unexpected<int>(errno_of(error));
}

}  // namespace larder::fuse

// ANSWER(auto page, co_await store.list(…)); declares the value of a Result or Answer, or leaves this coroutine with
// its errno.
#define ANSWER_IMPL_(tmp, decl, ...)                                      \
    auto tmp = __VA_ARGS__;                                               \
    if (!tmp) co_return ::larder::fuse::refuse(::std::move(tmp).error()); \
    decl = *::std::move(tmp)
#define ANSWER(decl, ...) ANSWER_IMPL_(LARDER_CONCAT(answer_, __LINE__), decl, __VA_ARGS__)
#define ANSWER_VOID(...) \
    if (auto answer_ = __VA_ARGS__; !answer_) co_return ::larder::fuse::refuse(::std::move(answer_).error())
