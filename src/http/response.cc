#include "src/http/response.h"

#include "src/base/encoding.h"

#include <algorithm>
#include <charconv>

namespace larder::http {
namespace {

bool is_servers_own(std::string_view name) {
    switch (name.size()) {
        case 4:
            return base::equal_ignoring_case(name, "date");
        case 6:
            return base::equal_ignoring_case(name, "server");
        case 10:
            return base::equal_ignoring_case(name, "connection");
        case 14:
            return base::equal_ignoring_case(name, "content-length");
        case 17:
            return base::equal_ignoring_case(name, "transfer-encoding");
        default:
            return false;
    }
}

void append_number(std::string& out, std::uint64_t value) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ");
    const std::size_t at = out.size();
    out.append(value);
    std::replace_if(
        out.begin() + static_cast<std::ptrdiff_t>(at), out.end(),
        [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
    out.append("\r\n");
}

}  // namespace

std::string_view reason_phrase(int status) {
    static constexpr std::pair<int, std::string_view> kPhrases[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    const auto found = std::ranges::find(kPhrases, status, &std::pair<int, std::string_view>::first);
    return found == std::end(kPhrases) ? "Unknown" : found->second;
}

std::string response_head_text(const ResponseHead& head, const ResponseFraming& framing, std::string_view date_line,
                               std::string_view server_name) {
    std::string out;
    out.reserve(512);
    out.append("HTTP/1.1 ");
    append_number(out, static_cast<std::uint64_t>(head.status));
    out.append(" ").append(reason_phrase(head.status)).append("\r\n").append(date_line);
    append_field(out, "Server", server_name);
    for (const auto& [name, value] : head.headers.fields()) {
        if (!is_servers_own(name)) append_field(out, name, value);
    }
    if (framing.content_length) {
        out.append("Content-Length: ");
        append_number(out, *framing.content_length);
        out.append("\r\n");
    }
    if (framing.chunked) out.append("Transfer-Encoding: chunked\r\n");
    if (!framing.connection.empty()) append_field(out, "Connection", framing.connection);
    out.append("\r\n");
    return out;
}

}  // namespace larder::http
