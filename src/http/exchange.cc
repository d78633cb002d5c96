#include "src/http/exchange.h"

#include "src/base/encoding.h"
#include "src/http/response.h"

#include <array>
#include <charconv>
#include <utility>

namespace larder::http {
namespace {

using base::Code;
using base::fail;
using base::Subject;

base::Result<void> misuse(const char* what) {
    return fail(Code::internal, Subject::request, what);
}

// "1f40\r\n"
std::string_view chunk_size_line(std::array<char, 20>& room, std::size_t size) {
    char* end = std::to_chars(room.data(), room.data() + 16, size, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    return {room.data(), end};
}

// The length a handler gave for a body that is not sent.
std::optional<std::uint64_t> own_length(const ResponseHead& head, std::optional<std::uint64_t> otherwise) {
    const auto own = head.headers.get("content-length");
    std::uint64_t value = 0;
    if (!own || std::from_chars(own->data(), own->data() + own->size(), value).ec != std::errc()) return otherwise;
    return value;
}

}  // namespace

ServerExchange::ServerExchange(Place place, const ParsedRequest& request)
    : place_(place),
      request_(request.head),
      keep_alive_(request.keep_alive && !place.last),
      body_(place.connection, place.input, place.service.limits, request.head),
      // Of an empty body too: clients of botocore that get a final answer at once mistake the next one on the connection.
      owes_continue_(request.head.expects_continue && (request.head.chunked || request.head.content_length)) {}

// Tells a waiting client to go on, at the first wish to read.
io::Task<base::Result<void>> ServerExchange::permit_body() {
    if (!std::exchange(owes_continue_, false) || !place_.input.empty()) co_return base::Result<void>();
    co_return co_await send({"HTTP/1.1 100 Continue\r\n\r\n"});
}

io::Task<base::Result<std::size_t>> ServerExchange::read_some(std::span<std::byte> out) {
    if (owes_continue_) {
        // Once refused, the body is not sent.
        if (responded())
            co_return fail(Code::disconnected, Subject::request, "the client was told not to send its body");
        CO_TRY_VOID(co_await permit_body());
    }
    auto got = co_await body_.read_some(out);
    if (!got && got.error().is(Code::timeout)) place_.service.refused_slow.add();
    co_return got;
}

io::Task<base::Result<std::size_t>> ServerExchange::read(std::span<std::byte> out) {
    std::size_t done = 0;
    while (done < out.size()) {
        CO_TRY(const std::size_t n, co_await read_some(out.subspan(done)));
        if (n == 0) break;
        done += n;
    }
    co_return done;
}

bool ServerExchange::closes(const ResponseHead& head) const {
    if (!keep_alive_ || place_.service.draining || owes_continue_) return true;
    if (body_.failed() || body_.too_long_to_discard()) return true;
    const auto wish = head.headers.get("connection");
    return wish && base::equal_ignoring_case(*wish, "close");
}

// Decides how the response ends and whether the connection stays, and makes the head.
base::Result<void> ServerExchange::prepare(const ResponseHead& head, std::optional<std::uint64_t> length) {
    if (aborted_) return fail(Code::disconnected, "the connection was cut");
    if (responded()) return misuse("the request has been answered already");
    if (head.status < 200 || head.status > 599) return misuse("the status is not that of a final response");

    const bool head_only = request_.method == "HEAD";
    const bool has_body = status_has_body(head.status);
    bodiless_ = head_only || !has_body;
    keep_alive_ = !closes(head);
    ResponseFraming framing;
    if (has_body) framing.content_length = head_only ? own_length(head, length) : length;
    if (!bodiless_ && !length) {
        chunked_ = framing.chunked = request_.minor_version > 0;
        keep_alive_ = keep_alive_ && chunked_;
    }
    if (!keep_alive_) {
        framing.connection = "close";
    } else if (request_.minor_version == 0) {
        framing.connection = "keep-alive";
    }
    head_ = response_head_text(head, framing, place_.service.date_line(), place_.server_name);
    return {};
}

io::Task<base::Result<void>> ServerExchange::send(Connection::Pieces pieces) {
    auto sent = co_await place_.connection.send(pieces, place_.service.limits.write_stall);
    if (!sent) aborted_ = true;
    co_return sent;
}

io::Task<base::Result<void>> ServerExchange::respond(ResponseHead head, std::string body) {
    CO_TRY_VOID(prepare(head, body.size()));
    phase_ = Phase::done;
    if (!bodiless_) written_ = body.size();
    co_return co_await send({head_, bodiless_ ? std::string_view() : std::string_view(body)});
}

io::Task<base::Result<void>> ServerExchange::start(ResponseHead head, std::optional<std::uint64_t> content_length) {
    CO_TRY_VOID(prepare(head, content_length));
    phase_ = Phase::streaming;
    announced_ = content_length;
    co_return base::Result<void>();
}

io::Task<base::Result<void>> ServerExchange::write(base::Buffer data) {
    co_return co_await write_bytes(data.chars());
}

io::Task<base::Result<void>> ServerExchange::write(std::string data) {
    co_return co_await write_bytes(data);
}

io::Task<base::Result<void>> ServerExchange::write_bytes(std::string_view data) {
    if (aborted_) co_return fail(Code::disconnected, "the connection was cut");
    if (phase_ != Phase::streaming) co_return misuse("bytes written outside a streamed response");
    if (announced_ && data.size() > *announced_ - written_) {
        abort();
        co_return misuse("more bytes written than the response announced");
    }
    if (data.empty() && head_.empty()) co_return base::Result<void>();
    written_ += data.size();
    const std::string head = std::exchange(head_, {});
    if (bodiless_) co_return co_await send({head});
    if (!chunked_ || data.empty()) co_return co_await send({head, data});
    std::array<char, 20> size_line;
    co_return co_await send({head, chunk_size_line(size_line, data.size()), data, "\r\n"});
}

io::Task<base::Result<void>> ServerExchange::finish() {
    if (aborted_) co_return fail(Code::disconnected, "the connection was cut");
    if (phase_ != Phase::streaming) co_return misuse("finished outside a streamed response");
    if (!bodiless_ && announced_ && written_ < *announced_) {
        abort();
        co_return misuse("fewer bytes written than the response announced");
    }
    phase_ = Phase::done;
    const std::string head = std::exchange(head_, {});
    const std::string_view end = chunked_ ? "0\r\n\r\n" : "";
    if (head.empty() && end.empty()) co_return base::Result<void>();
    co_return co_await send({head, end});
}

void ServerExchange::abort() {
    aborted_ = true;
    place_.connection.abort();
}

io::Task<bool> ServerExchange::settle() {
    if (phase_ == Phase::streaming && !aborted_) abort();
    if (phase_ == Phase::waiting && !aborted_)
        (void)co_await respond({.status = 500}, "The request was left without an answer.\n");
    if (aborted_ || owes_continue_) co_return false;
    const bool whole = co_await body_.discard();
    co_return whole&& keep_alive_;
}

}  // namespace larder::http
