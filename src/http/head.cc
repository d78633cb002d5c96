#include "src/http/head.h"

#include "src/base/encoding.h"
#include "src/base/limits.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include <charconv>

namespace larder::http {
namespace {

namespace beast = boost::beast;
using base::equal_ignoring_case;
using Check = std::expected<void, Refusal>;

constexpr std::size_t kEmptyLinesMax = 4;
constexpr std::size_t kMethodBytesMax = 32;

std::unexpected<Refusal> refuse(int status, std::string reason) {
    return std::unexpected(Refusal{status, std::move(reason)});
}

std::string_view view_of(beast::string_view s) {
    return {s.data(), s.size()};
}

// Collects what Beast finds, without its container of fields.
template <bool is_request>
class Collector final : public beast::http::basic_parser<is_request> {
 public:
    std::string method;
    std::string target;
    int status = 0;
    int version = 0;
    Headers headers;

 private:
    using Error = beast::error_code;
    void on_request_impl(beast::http::verb, beast::string_view m, beast::string_view t, int v, Error&) override {
        method = view_of(m);
        target = view_of(t);
        version = v;
    }
    void on_response_impl(int s, beast::string_view, int v, Error&) override {
        status = s;
        version = v;
    }
    void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value, Error&) override {
        headers.add(std::string(view_of(name)), std::string(view_of(value)));
    }
    void on_header_impl(Error&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
    std::size_t on_body_impl(beast::string_view, Error&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t, beast::string_view, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, Error&) override { return 0; }
    void on_finish_impl(Error&) override {}
};

template <bool is_request>
beast::error_code parse_fields(Collector<is_request>& into, std::string_view bytes) {
    into.header_limit(static_cast<std::uint32_t>(base::limits::kHeaderBytesMax + 1));
    into.body_limit(boost::none);
    beast::error_code error;
    into.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (!error && !into.is_header_done()) error = beast::http::error::need_more;
    return error;
}

// Every line ends in CRLF, holds no other control character than a tab, and starts with no white space (obs-fold).
Check check_lines(std::string_view bytes) {
    std::size_t lines = 0;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t end = bytes.find('\n', at);
        if (end == std::string_view::npos || end == at || bytes[end - 1] != '\r')
            return refuse(400, "A header line does not end in CR LF.");
        unsigned bad = 0;
        for (std::size_t i = at; i + 1 < end; ++i) {
            const auto c = static_cast<unsigned char>(bytes[i]);
            bad |= static_cast<unsigned>((c < 0x20) & (c != '\t')) | static_cast<unsigned>(c == 0x7f);
        }
        if (bad != 0) return refuse(400, "The header holds a control character.");
        if (bytes[at] == ' ' || bytes[at] == '\t') return refuse(400, "A header line starts with white space.");
        if (++lines > base::limits::kHeaderCountMax + 2) return refuse(431, "The request has too many headers.");
        at = end + 1;
    }
    return {};
}

// Whether the request line ends in a well-formed version that is neither 1.0 nor 1.1 (Beast refuses those).
bool speaks_another_version(std::string_view bytes) {
    const auto line = bytes.substr(0, bytes.find('\r'));
    const auto version = line.substr(std::min(line.rfind(' '), line.size() - 1) + 1);
    const auto digit = [&](std::size_t i) { return version[i] >= '0' && version[i] <= '9'; };
    return version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' && digit(5) && digit(7) &&
           version != "HTTP/1.1" && version != "HTTP/1.0";
}

bool is_method(std::string_view method) {
    return method.size() <= kMethodBytesMax &&
           std::ranges::all_of(method, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; });
}

bool is_host(std::string_view host) {
    return std::ranges::none_of(host, [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || std::string_view("/\\?#@\"<>^`{|},").contains(c);
    });
}

// Turns "http://host/path" into "/path". The authority must be the one of Host: only one of them can be signed.
Check check_target(ParsedRequest& request) {
    auto& [head, keep_alive] = request;
    if (head.target.size() > base::limits::kTargetBytesMax) return refuse(414, "The request target is too long.");
    if (head.target.starts_with('/') || (head.target == "*" && head.method == "OPTIONS")) return {};
    const std::string_view target = head.target;
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
        const auto rest = target.substr(scheme.size());
        const auto authority = rest.substr(0, rest.find_first_of("/?"));
        if (!equal_ignoring_case(authority, head.headers.get("host").value_or(authority)))
            return refuse(400, "The request target and the Host header name different hosts.");
        std::string path(rest.substr(authority.size()));
        if (!path.starts_with('/')) path.insert(0, 1, '/');
        head.target = std::move(path);
        return {};
    }
    return refuse(400, "The request target is not a path.");
}

// Which of the header fields that decide where a message ends stood in it.
struct Framing {
    std::vector<std::string_view> host, content_length, transfer_encoding;
    bool close = false;
    bool keep_alive = false;
};

void note_connection(Framing& framing, std::string_view value) {
    while (!value.empty()) {
        const auto comma = std::min(value.find(','), value.size());
        const auto token = base::trim(value.substr(0, comma));
        framing.close |= equal_ignoring_case(token, "close");
        framing.keep_alive |= equal_ignoring_case(token, "keep-alive");
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
}

Framing framing_of(const Headers& headers) {
    Framing framing;
    for (const auto& [name, value] : headers.fields()) {
        switch (name.size()) {
            case 4:
                if (equal_ignoring_case(name, "host")) framing.host.push_back(value);
                break;
            case 10:
                if (equal_ignoring_case(name, "connection")) note_connection(framing, value);
                break;
            case 14:
                if (equal_ignoring_case(name, "content-length")) framing.content_length.push_back(value);
                break;
            case 17:
                if (equal_ignoring_case(name, "transfer-encoding")) framing.transfer_encoding.push_back(value);
                break;
            default:
                break;
        }
    }
    return framing;
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (text.empty() || !digits || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (value > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return value;
}

Check check_body_framing(RequestHead& head, const Framing& framing) {
    if (!framing.transfer_encoding.empty()) {
        if (head.minor_version == 0) return refuse(400, "HTTP/1.0 has no Transfer-Encoding.");
        if (!framing.content_length.empty())
            return refuse(400, "The request has both Content-Length and Transfer-Encoding.");
        if (framing.transfer_encoding.size() > 1 || !equal_ignoring_case(framing.transfer_encoding[0], "chunked"))
            return refuse(501, "The only supported Transfer-Encoding is chunked.");
        head.chunked = true;
        return {};
    }
    if (framing.content_length.empty()) return {};
    if (framing.content_length.size() > 1) return refuse(400, "The request has more than one Content-Length.");
    head.content_length = parse_length(framing.content_length[0]);
    if (!head.content_length) return refuse(400, "The Content-Length is not a number.");
    return {};
}

Check check_host(const RequestHead& head, const Framing& framing) {
    if (framing.host.size() > 1) return refuse(400, "The request has more than one Host header.");
    if (framing.host.empty() && head.minor_version == 1) return refuse(400, "The request has no Host header.");
    if (!framing.host.empty() && !is_host(framing.host[0])) return refuse(400, "The Host header is not a host.");
    return {};
}

}  // namespace

std::size_t leading_empty_lines(std::string_view bytes) {
    std::size_t n = 0;
    while (n < 2 * kEmptyLinesMax && bytes.substr(n).starts_with("\r\n")) n += 2;
    return n;
}

std::expected<std::size_t, Refusal> find_head_end(std::string_view bytes, std::size_t seen) {
    const std::size_t end = bytes.find("\r\n\r\n", seen < 3 ? 0 : seen - 3);
    const std::size_t length = end == std::string_view::npos ? bytes.size() : end + 4;
    if (length > base::limits::kHeaderBytesMax) {
        const std::size_t line = std::min(bytes.find('\n'), bytes.size());
        if (line > base::limits::kTargetBytesMax + kMethodBytesMax)
            return refuse(414, "The request target is too long.");
        return refuse(431, "The request header is too long.");
    }
    // A method starts with a letter: whatever else arrives (a TLS greeting, say) need not be waited for.
    const char first = bytes.empty() ? 'A' : bytes[0];
    const bool line_end_begun = first == '\r' && bytes.size() == 1;
    if (!line_end_begun && (first < 'A' || first > 'Z')) return refuse(400, "This is not an HTTP request.");
    return end == std::string_view::npos ? 0 : length;
}

std::expected<ParsedRequest, Refusal> parse_request_head(std::string_view bytes) {
    if (auto ok = check_lines(bytes); !ok) return std::unexpected(std::move(ok).error());
    Collector<true> found;
    const auto error = parse_fields(found, bytes);
    if (error == beast::http::error::bad_version && speaks_another_version(bytes))
        return refuse(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    if (error) return refuse(400, "The request header is malformed: " + error.message() + ".");
    if (!is_method(found.method)) return refuse(400, "The method is malformed.");

    ParsedRequest request;
    auto& head = request.head;
    head.method = std::move(found.method);
    head.target = std::move(found.target);
    head.minor_version = found.version - 10;
    head.headers = std::move(found.headers);
    const Framing framing = framing_of(head.headers);
    for (auto check : {check_host(head, framing), check_body_framing(head, framing), check_target(request)}) {
        if (!check) return std::unexpected(std::move(check).error());
    }
    // Other expectations are ignored, as S3 does and RFC 9110 §10.1.1 allows.
    const auto expect = head.headers.get("expect");
    head.expects_continue = expect && equal_ignoring_case(*expect, "100-continue") && head.minor_version == 1;
    request.keep_alive = head.minor_version == 1 ? !framing.close : framing.keep_alive && !framing.close;
    return request;
}

base::Result<ParsedResponse> parse_response_head(std::string_view bytes) {
    Collector<false> found;
    if (const auto error = parse_fields(found, bytes); error)
        return base::fail(base::Code::invalid_argument, "the response header is malformed: " + error.message());
    ParsedResponse response;
    response.status = found.status;
    response.minor_version = found.version - 10;
    response.headers = std::move(found.headers);
    const Framing framing = framing_of(response.headers);
    response.chunked =
        !framing.transfer_encoding.empty() && equal_ignoring_case(framing.transfer_encoding.back(), "chunked");
    if (!response.chunked && !framing.content_length.empty())
        response.content_length = parse_length(framing.content_length[0]);
    response.keep_alive = response.minor_version == 1 ? !framing.close : framing.keep_alive && !framing.close;
    return response;
}

}  // namespace larder::http
