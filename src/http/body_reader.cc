#include "src/http/body_reader.h"

#include <algorithm>
#include <array>
#include <utility>

namespace larder::http {
namespace {

constexpr std::size_t kFramingRoom = 4096;
constexpr std::size_t kDiscardStep = 64 * 1024;

}  // namespace

BodyReader::BodyReader(Connection& connection, Input& input, const Limits& limits, const RequestHead& head)
    : connection_(connection),
      input_(input),
      limits_(limits),
      chunked_(head.chunked),
      left_(head.content_length.value_or(0)),
      waited_before_(connection.waited_to_read()) {}

// How many bytes of body follow; 0 while framing bytes are missing, or at the end.
base::Result<std::uint64_t> BodyReader::available() {
    if (!chunked_) return left_;
    input_.consume(decoder_.advance(input_.view()));
    if (decoder_.state() == ChunkedDecoder::State::bad)
        return base::fail(base::Code::invalid_argument, base::Subject::request, "the chunked body is malformed");
    return decoder_.remaining();
}

void BodyReader::took(std::size_t n) {
    bytes_read_ += n;
    if (chunked_) {
        decoder_.took(n);
    } else {
        left_ -= n;
    }
}

// A grace, and then as much waiting as the bytes received so far have earned at the least rate.
base::Duration BodyReader::patience() const {
    const auto waited = connection_.waited_to_read() - waited_before_;
    if (discarding_) return limits_.discard_time - waited;
    const auto earned = std::chrono::duration<double>(static_cast<double>(bytes_read_) / limits_.least_body_rate);
    return limits_.body_grace + std::chrono::duration_cast<base::Duration>(earned) - waited;
}

io::Task<base::Result<std::size_t>> BodyReader::read_some(std::span<std::byte> out) {
    if (failure_) co_return base::fail(*failure_);
    auto got = co_await receive_some(out);
    if (!got) failure_ = got.error();
    co_return got;
}

io::Task<base::Result<std::size_t>> BodyReader::receive_some(std::span<std::byte> out) {
    if (out.empty()) co_return 0;
    for (;;) {
        CO_TRY(const std::uint64_t next, available());
        if (at_end()) co_return 0;
        const auto limit = static_cast<std::size_t>(std::min<std::uint64_t>(next, out.size()));
        if (limit > 0 && !input_.empty()) {
            const std::size_t n = input_.take(out.first(limit));
            took(n);
            co_return n;
        }
        // What follows a chunk is framing: it goes to the input by the same system call.
        const bool framing_follows = chunked_ && limit == next;
        const auto room = framing_follows ? input_.room(kFramingRoom) : std::span<std::byte>();
        const auto direct = limit > 0 ? out.first(limit) : room;
        const auto beyond = limit > 0 ? room : std::span<std::byte>();
        CO_TRY(const std::size_t got, co_await connection_.receive(direct, beyond, patience()));
        if (got == 0)
            co_return base::fail(base::Code::disconnected, base::Subject::request,
                                 "the client closed the connection before the body was complete");
        const std::size_t n = std::min(got, limit);
        input_.added(got - n);
        if (n == 0) continue;
        took(n);
        co_return n;
    }
}

io::Task<bool> BodyReader::discard() {
    discarding_ = true;
    waited_before_ = connection_.waited_to_read();
    std::vector<std::byte> sink(at_end() ? 0 : kDiscardStep);
    std::uint64_t allowance = limits_.discard_bytes;
    while (!at_end() && allowance > 0) {
        const auto step =
            std::span(sink).first(static_cast<std::size_t>(std::min<std::uint64_t>(allowance, sink.size())));
        const auto got = co_await read_some(step);
        if (!got) co_return false;
        allowance -= *got;
    }
    co_return at_end();
}

}  // namespace larder::http
