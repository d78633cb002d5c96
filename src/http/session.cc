#include "src/http/session.h"

#include "src/http/exchange.h"
#include "src/http/response.h"

#include <array>
#include <utility>

namespace larder::http {
namespace {

constexpr std::size_t kHeadRoom = 4096;
constexpr std::size_t kEmptyBytesMax = 8;

}  // namespace

Session::Session(Site site, Peer peer, std::unique_ptr<Readiness> readiness, std::unique_ptr<Stream> stream)
    : site_(site), peer_(std::move(peer)), connection_(site.service.env, std::move(readiness), std::move(stream)) {}

io::Task<void> Session::run() {
    const auto secured = co_await connection_.handshake(site_.service.limits.header);
    if (!secured) co_return;
    for (;;) {
        const auto request = co_await next_request();
        if (!request) break;
        serving_ = true;
        const bool again = co_await serve(*request);
        serving_ = false;
        if (!again) break;
    }
    if (!cut_) co_await close();
}

// A whole request at the front of the input, or nothing yet.
std::expected<std::optional<ParsedRequest>, Refusal> Session::parse_input() {
    if (seen_ == 0) {
        const std::size_t empty = leading_empty_lines(input_.view());
        empty_bytes_ += empty;
        if (empty_bytes_ > kEmptyBytesMax) return std::unexpected(Refusal{400, "Too many empty lines."});
        input_.consume(empty);
    }
    const auto length = find_head_end(input_.view(), seen_);
    if (!length) return std::unexpected(length.error());
    seen_ = input_.size();
    if (*length == 0) return std::nullopt;
    auto request = parse_request_head(input_.view().substr(0, *length));
    if (!request) return std::unexpected(std::move(request).error());
    input_.consume(*length);
    request->head.remote_address = peer_.address;
    request->head.tls = site_.tls;
    request->head.peer_uid = peer_.uid;
    request->head.peer_gid = peer_.gid;
    seen_ = 0;
    empty_bytes_ = 0;
    return std::optional(std::move(*request));
}

io::Task<std::optional<ParsedRequest>> Session::next_request() {
    const auto& limits = site_.service.limits;
    std::optional<base::Instant> header_deadline;
    for (;;) {
        auto parsed = parse_input();
        if (!parsed) {
            site_.service.refused_malformed.add();
            co_await refuse(std::move(parsed).error());
            co_return std::nullopt;
        }
        if (*parsed) co_return std::move(*parsed);

        idle_ = input_.empty();
        if (idle_ && site_.service.draining) co_return std::nullopt;
        auto patience = limits.idle;
        if (!idle_) {
            const auto now = site_.service.env.clock.now();
            if (!header_deadline) header_deadline = now + limits.header;
            patience = *header_deadline - now;
        }
        const auto got = co_await connection_.receive(input_.room(kHeadRoom), {}, patience);
        idle_ = false;
        if (!got && got.error().is(base::Code::timeout) && !input_.empty()) {
            site_.service.refused_slow.add();
            co_await refuse({408, "The request header took too long to arrive."});
            co_return std::nullopt;
        }
        if (!got) cut_ = got.error().is(base::Code::disconnected);
        if (!got || *got == 0) co_return std::nullopt;
        input_.added(*got);
    }
}

io::Task<bool> Session::serve(const ParsedRequest& request) {
    ++served_;
    const bool last = served_ >= site_.service.limits.requests_per_connection;
    ServerExchange exchange({site_.service, connection_, input_, site_.server_name, last}, request);
    co_await site_.handler(exchange);
    const bool again = co_await exchange.settle();
    cut_ = exchange.aborted();
    co_return again;
}

io::Task<void> Session::refuse(Refusal refusal) {
    ResponseHead head{.status = refusal.status};
    head.headers.add("Content-Type", "text/plain; charset=utf-8");
    const std::string body = refusal.reason + "\n";
    const auto text = response_head_text(head, {.content_length = body.size(), .chunked = false, .connection = "close"},
                                         site_.service.date_line(), site_.server_name);
    const auto sent = co_await connection_.send({text, body}, site_.service.limits.discard_time);
    cut_ = !sent;
}

// Reads on for a while after the last response: closing with bytes unread would destroy the response on its way.
io::Task<void> Session::close() {
    connection_.shut();
    const auto& limits = site_.service.limits;
    const auto before = connection_.waited_to_read();
    std::vector<std::byte> sink(16 * 1024);
    for (std::uint64_t dropped = 0; dropped < limits.discard_bytes;) {
        const auto waited = connection_.waited_to_read() - before;
        const auto got = co_await connection_.receive(sink, {}, limits.discard_time - waited);
        if (!got || *got == 0) co_return;
        dropped += *got;
    }
}

}  // namespace larder::http
