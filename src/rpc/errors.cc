#include "src/rpc/errors.h"

#include "src/codec/codec.h"

#include <algorithm>
#include <array>

namespace larder::rpc {
namespace {

using base::Code;
using base::Subject;

// The number is the place, from 1; new ones come at the end.
constexpr std::array kCodes = {
    Code::invalid_argument,  Code::not_found,     Code::already_exists,     Code::precondition_failed,
    Code::permission_denied, Code::unsupported,   Code::too_large,          Code::timeout,
    Code::disconnected,      Code::overloaded,    Code::quorum_not_reached, Code::conflict,
    Code::unknown_outcome,   Code::corrupted,     Code::no_space,           Code::quota_exceeded,
    Code::io_failure,        Code::shutting_down, Code::internal,
};
constexpr std::array kSubjects = {
    Subject::none,       Subject::bucket, Subject::object, Subject::upload, Subject::part, Subject::version,
    Subject::access_key, Subject::block,  Subject::row,    Subject::node,   Subject::disk, Subject::config,
    Subject::request,    Subject::token,  Subject::clock,  Subject::zone,
};
constexpr std::size_t kTextMax = 4096;

template <typename Value, std::size_t N>
std::uint8_t number_of(const std::array<Value, N>& known, Value value) {
    const auto at = std::ranges::find(known, value);
    return static_cast<std::uint8_t>(at == known.end() ? 0 : at - known.begin() + 1);
}

template <typename Value, std::size_t N>
Value value_of(const std::array<Value, N>& known, std::uint8_t number, Value otherwise) {
    return number >= 1 && number <= N ? known[number - 1] : otherwise;
}

}  // namespace

std::string encode_error(const base::Error& error) {
    codec::Writer out;
    out.u8(number_of(kCodes, error.code)).u8(number_of(kSubjects, error.subject));
    return out.bytes(std::string_view(error.message).substr(0, kTextMax)).take();
}

base::Result<base::Error> decode_error(std::string_view bytes) {
    codec::Reader in(bytes);
    base::Error error;
    error.code = value_of(kCodes, in.u8(), Code::internal);
    error.subject = value_of(kSubjects, in.u8(), Subject::none);
    error.message = in.bytes();
    TRY_VOID(in.finish("an error"));
    return error;
}

}  // namespace larder::rpc
