// Expected failures are values. A function that may fail for an expected reason returns Result<T>; a bug ends in ENSURE
// (assert.h); exceptions are left to start-up and to running out of memory.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace larder::base {

// Grouped by what the caller should do about it, so that each edge (S3, errno, exit codes) translates by table.
enum class Code {
    // The caller asked for something wrong.
    invalid_argument,
    not_found,
    already_exists,
    precondition_failed,
    permission_denied,
    unsupported,
    too_large,
    // Trying again may work.
    timeout,
    disconnected,
    overloaded,
    quorum_not_reached,
    conflict,         // lost a race with a concurrent conditional operation
    unknown_outcome,  // the write may or may not have taken effect
    // Needs repair.
    corrupted,
    // Stop.
    no_space,
    quota_exceeded,
    io_failure,
    shutting_down,
    internal,
};

// What the failure is about, so that "not found" of a bucket and of a key differ without comparing texts.
enum class Subject {
    none,
    bucket,
    object,
    upload,
    part,
    version,
    access_key,
    block,
    row,
    node,
    disk,
    config,
    request,
    token,  // an invitation to a cluster
    clock,
    zone,  // a place in which machines stand together
};

struct Error {
    Code code = Code::internal;
    Subject subject = Subject::none;
    std::string message;  // one sentence for a person; no secrets

    bool is(Code c) const { return code == c; }
    bool is(Code c, Subject s) const { return code == c && subject == s; }
};

template <typename T>
using Result = std::expected<T, Error>;

// Makes the failed side of any Result.
inline std::unexpected<Error> fail(Code code, Subject subject, std::string message) {
    return std::unexpected<Error>(Error{code, subject, std::move(message)});
}
inline std::unexpected<Error> fail(Code code, std::string message) {
    return std::unexpected<Error>(Error{code, Subject::none, std::move(message)});
}
inline std::unexpected<Error> fail(Error error) {
    return std::unexpected<Error>(std::move(error));
}

// The snake_case name of a code, as it stands in logs and JSON.
std::string_view name_of(Code code);
std::string_view name_of(Subject subject);

}  // namespace larder::base

#define LARDER_CONCAT_(a, b) a##b
#define LARDER_CONCAT(a, b) LARDER_CONCAT_(a, b)

// TRY(auto row, read(key)); declares `row` from the Result or returns its error from this function.
#define TRY_IMPL_(tmp, ret, decl, ...)                         \
    auto tmp = __VA_ARGS__;                                    \
    if (!tmp) ret ::std::unexpected(::std::move(tmp).error()); \
    decl = *::std::move(tmp)
#define TRY(decl, ...) TRY_IMPL_(LARDER_CONCAT(try_result_, __LINE__), return, decl, __VA_ARGS__)
#define CO_TRY(decl, ...) TRY_IMPL_(LARDER_CONCAT(try_result_, __LINE__), co_return, decl, __VA_ARGS__)

// The same for Result<void>, or to drop the value.
#define TRY_VOID(...) \
    if (auto try_result_ = __VA_ARGS__; !try_result_) return ::std::unexpected(::std::move(try_result_).error())
#define CO_TRY_VOID(...) \
    if (auto try_result_ = __VA_ARGS__; !try_result_) co_return ::std::unexpected(::std::move(try_result_).error())
