// The head of a message, from bytes to checked values. Pure: no sockets and no clock, so that the fuzzer can drive it.
//
// Beast's parser reads the fields; it accepts several forms that two servers in a row may read differently (obs-fold,
// lists and repeats of Content-Length, any Transfer-Encoding, missing or repeated Host), and those are refused here.
#pragma once

#include "src/http/http.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace larder::http {

// Why a request is answered by the server itself; the connection is closed afterwards.
struct Refusal {
    int status = 400;
    std::string reason;  // one sentence for the response body
};

// How many bytes of empty lines stand before the message. A few are tolerated (RFC 9112 §2.2).
std::size_t leading_empty_lines(std::string_view bytes);

// Length of the head at the front of `bytes` including its empty line; 0 while that has not arrived. The first `seen`
// bytes were looked at by an earlier call. Refuses what cannot become a request however much follows.
std::expected<std::size_t, Refusal> find_head_end(std::string_view bytes, std::size_t seen);

struct ParsedRequest {
    RequestHead head;
    bool keep_alive = true;
};
// `bytes` is one whole head as measured by find_head_end.
std::expected<ParsedRequest, Refusal> parse_request_head(std::string_view bytes);

struct ParsedResponse {
    int status = 0;
    int minor_version = 1;
    Headers headers;
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    bool keep_alive = true;
};
base::Result<ParsedResponse> parse_response_head(std::string_view bytes);

}  // namespace larder::http
