// Request and response heads. What is accepted must leave no doubt about host and framing.
#include "src/base/assert.h"
#include "src/http/head.h"

using namespace larder;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    (void)http::parse_response_head(bytes);

    const auto rest = bytes.substr(http::leading_empty_lines(bytes));
    const auto length = http::find_head_end(rest, 0);
    // Seen in two parts, the head ends where it does when seen whole.
    if (length && *length > 0) ENSURE(http::find_head_end(rest, size / 2 < *length ? size / 2 : 0) == *length);
    if (!length || *length == 0) return 0;

    const auto request = http::parse_request_head(rest.substr(0, *length));
    if (!request) {
        ENSURE(request.error().status >= 400 && request.error().status < 600);
        return 0;
    }
    const auto& head = request->head;
    const auto hosts = head.headers.all("host").size();
    ENSURE(hosts == 1 || (hosts == 0 && head.minor_version == 0));
    ENSURE(head.headers.all("transfer-encoding").size() == (head.chunked ? 1u : 0u));
    ENSURE(head.headers.all("content-length").size() == (head.content_length ? 1u : 0u));
    ENSURE(!(head.chunked && head.content_length));
    ENSURE(head.target.starts_with('/') || head.target == "*");
    for (const auto& [name, value] : head.headers.fields()) {
        ENSURE(!name.empty() && value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    }
    return 0;
}
