// The head of a response as text. Pure.
#pragma once

#include "src/http/http.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::http {

// "Not Found"; "Unknown" for a status without a registered phrase.
std::string_view reason_phrase(int status);

// Whether a response of this status may carry a body.
constexpr bool status_has_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

struct ResponseFraming {
    std::optional<std::uint64_t> content_length;
    bool chunked = false;
    // Sent as "Connection: …" when not empty.
    std::string_view connection;
};
// Status line, date line ("Date: …\r\n"), Server, the head's own fields, framing, empty line. Fields of the head that
// are the server's to say (Date, Server, Content-Length, Transfer-Encoding, Connection) are left out; line breaks and
// NUL in values become spaces, so that no value can start a field of its own.
std::string response_head_text(const ResponseHead& head, const ResponseFraming& framing, std::string_view date_line,
                               std::string_view server_name);

}  // namespace larder::http
