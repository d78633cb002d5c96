#include "src/http/address.h"
#include "src/http/chunked.h"
#include "src/http/head.h"
#include "src/http/http.h"
#include "src/http/input.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>

namespace larder::http {
namespace {

using base::Code;
using base::fail;

constexpr std::size_t kReplyBytesMax = 64 * 1024 * 1024;
constexpr std::size_t kPieceBytes = 64 * 1024;

}  // namespace

struct Client::Impl {
    explicit Impl(std::string a) : address(std::move(a)) {}
    ~Impl() { disconnect(); }

    base::Result<void> connect();
    void disconnect();
    base::Result<Reply> exchange(Request& request);
    std::string head_of(const Request& request) const;
    base::Result<void> send(std::string_view bytes);
    base::Result<void> send_body(Request& request);
    base::Result<bool> receive();
    base::Result<ParsedResponse> receive_head();
    base::Result<void> receive_body(const ParsedResponse& head, const Sink& sink);
    base::Result<void> receive_chunked(const Sink& sink);
    base::Result<void> pass_on(std::uint64_t& left, const Sink& sink);

    std::string address;
    std::string host;
    int descriptor = -1;
    bool heard = false;  // something of the response to the present request has arrived
    Input input;
};

void Client::Impl::disconnect() {
    if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
    input = {};
}

base::Result<void> Client::Impl::connect() {
    if (descriptor >= 0) return {};
    std::string_view where = address;
    if (where.starts_with("https://")) return fail(Code::unsupported, "this client does not speak https");
    if (where.starts_with("http://")) where.remove_prefix(7);
    while (where.ends_with('/') && !where.starts_with("unix:")) where.remove_suffix(1);
    TRY(auto parsed, parse_address(where));
    if (parsed.unix_path.empty() && parsed.host.empty()) parsed.host = "localhost";
    host = parsed.unix_path.empty() ? std::string(where) : "localhost";
    TRY(descriptor, connect_to(parsed));
    return {};
}

std::string Client::Impl::head_of(const Request& request) const {
    std::string head = request.method + " " + request.target + " HTTP/1.1\r\n";
    const auto field = [&](std::string_view name, std::string_view value) {
        head.append(name).append(": ").append(value).append("\r\n");
    };
    if (!request.headers.has("host")) field("Host", host);
    for (const auto& [name, value] : request.headers.fields()) field(name, value);
    const bool chunked = request.source && !request.body_length;
    const auto length = request.source ? request.body_length.value_or(0) : request.body.size();
    if (chunked) {
        field("Transfer-Encoding", "chunked");
    } else if (length > 0 || request.source || request.method == "PUT" || request.method == "POST") {
        field("Content-Length", std::to_string(length));
    }
    return head + "\r\n";
}

base::Result<void> Client::Impl::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(Code::disconnected, address + " closed the connection: " + std::strerror(errno));
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

base::Result<void> Client::Impl::send_body(Request& request) {
    if (!request.source) return send(request.body);
    const bool chunked = !request.body_length;
    std::uint64_t left = request.body_length.value_or(0);
    std::vector<std::byte> piece(kPieceBytes);
    while (chunked || left > 0) {
        const auto wanted =
            chunked ? piece.size() : static_cast<std::size_t>(std::min<std::uint64_t>(left, kPieceBytes));
        TRY(const std::size_t n, request.source(std::span(piece).first(wanted)));
        if (n == 0) break;
        const auto bytes = base::as_chars(std::span(piece).first(n));
        if (chunked) {
            std::array<char, 16> digits;
            const auto end = std::to_chars(digits.begin(), digits.end(), n, 16).ptr;
            TRY_VOID(send(std::string(digits.data(), end) + "\r\n" + std::string(bytes) + "\r\n"));
        } else {
            TRY_VOID(send(bytes));
            left -= n;
        }
    }
    if (chunked) return send("0\r\n\r\n");
    if (left > 0) return fail(Code::invalid_argument, "the request body ended before its announced length");
    return {};
}

// Adds what comes next to the input; false at the end of the connection.
base::Result<bool> Client::Impl::receive() {
    const auto room = input.room(kPieceBytes);
    ssize_t n = 0;
    do n = ::recv(descriptor, room.data(), room.size(), 0);
    while (n < 0 && errno == EINTR);
    if (n < 0) return fail(Code::disconnected, address + " closed the connection: " + std::strerror(errno));
    input.added(static_cast<std::size_t>(n));
    heard |= n > 0;
    return n > 0;
}

base::Result<ParsedResponse> Client::Impl::receive_head() {
    for (;;) {
        const auto end = input.view().find("\r\n\r\n");
        if (end != std::string_view::npos) {
            TRY(auto head, parse_response_head(input.view().substr(0, end + 4)));
            input.consume(end + 4);
            if (head.status >= 200) return head;
            continue;
        }
        if (input.size() > base::limits::kHeaderBytesMax)
            return fail(Code::too_large, "the response header is too long");
        TRY(const bool more, receive());
        if (!more) return fail(Code::disconnected, address + " closed the connection without an answer");
    }
}

// Hands up to `left` bytes of the input to the sink.
base::Result<void> Client::Impl::pass_on(std::uint64_t& left, const Sink& sink) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, input.size()));
    TRY_VOID(sink(input.view().substr(0, n)));
    input.consume(n);
    left -= n;
    return {};
}

base::Result<void> Client::Impl::receive_chunked(const Sink& sink) {
    ChunkedDecoder decoder;
    for (;;) {
        input.consume(decoder.advance(input.view()));
        if (decoder.state() == ChunkedDecoder::State::end) return {};
        if (decoder.state() == ChunkedDecoder::State::bad)
            return fail(Code::invalid_argument, "the response body is malformed");
        if (const auto before = decoder.remaining(); before > 0 && !input.empty()) {
            auto left = before;
            TRY_VOID(pass_on(left, sink));
            decoder.took(before - left);
            continue;
        }
        TRY(const bool more, receive());
        if (!more) return fail(Code::disconnected, address + " closed the connection before the response was complete");
    }
}

base::Result<void> Client::Impl::receive_body(const ParsedResponse& head, const Sink& sink) {
    if (head.chunked) return receive_chunked(sink);
    std::uint64_t left = head.content_length.value_or(UINT64_MAX);
    while (left > 0) {
        if (!input.empty()) {
            TRY_VOID(pass_on(left, sink));
            continue;
        }
        TRY(const bool more, receive());
        if (more) continue;
        if (!head.content_length) return {};
        return fail(Code::disconnected, address + " closed the connection before the response was complete");
    }
    return {};
}

base::Result<Client::Reply> Client::Impl::exchange(Request& request) {
    heard = false;
    TRY_VOID(connect());
    // A server that answers early may stop reading: its answer counts more than the failure to send.
    auto sent = send(head_of(request));
    if (sent) sent = send_body(request);
    if (!sent && !sent.error().is(Code::disconnected)) return fail(sent.error());
    auto head = receive_head();
    if (!head) return fail(sent ? head.error() : sent.error());

    Reply reply{.status = head->status, .headers = std::move(head->headers), .body = {}};
    const Sink collect = [&](std::string_view bytes) -> base::Result<void> {
        if (reply.body.size() + bytes.size() > kReplyBytesMax)
            return fail(Code::too_large, "the response is larger than 64 MiB");
        reply.body.append(bytes);
        return {};
    };
    const bool bodiless = request.method == "HEAD" || head->status == 204 || head->status == 304;
    if (!bodiless) TRY_VOID(receive_body(*head, request.sink && head->status / 100 == 2 ? request.sink : collect));
    const bool until_end = !bodiless && !head->chunked && !head->content_length;
    if (!head->keep_alive || until_end || !sent) disconnect();
    return reply;
}

Client::Client(std::string address) : impl_(std::make_unique<Impl>(std::move(address))) {}
Client::~Client() = default;

base::Result<Client::Reply> Client::send(Request request) {
    const bool reused = impl_->descriptor >= 0;
    auto reply = impl_->exchange(request);
    if (reply) return reply;
    impl_->disconnect();
    // A kept connection may have been closed meanwhile; a request that cannot be sent twice is not tried again.
    const bool repeatable = !request.source && request.method != "POST";
    const bool again = reused && !impl_->heard && repeatable && reply.error().is(Code::disconnected);
    if (again) reply = impl_->exchange(request);
    if (!reply) impl_->disconnect();
    return reply;
}

}  // namespace larder::http
