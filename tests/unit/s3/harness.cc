#include "tests/unit/s3/harness.h"

#include "src/http/head.h"

namespace larder::s3 {

http::RequestHead head_of(std::string_view wire) {
    auto parsed = http::parse_request_head(wire);
    if (!parsed) FAIL("a request of the test is malformed: " << parsed.error().reason << "\n" << wire);
    return std::move(parsed->head);
}

FakeExchange::FakeExchange(http::RequestHead head, std::string body, std::size_t step, bool cut)
    : head_(std::move(head)), body_(std::move(body)), step_(step), cut_(cut) {}

io::Task<base::Result<std::size_t>> FakeExchange::read_some(std::span<std::byte> out) {
    const auto n = std::min({out.size(), step_, body_.size() - at_});
    if (n == 0 && !out.empty() && cut_) co_return base::fail(base::Code::disconnected, "the connection was lost");
    std::memcpy(out.data(), body_.data() + at_, n);
    at_ += n;
    co_return n;
}

io::Task<base::Result<std::size_t>> FakeExchange::read(std::span<std::byte> out) {
    std::size_t done = 0;
    while (done < out.size()) {
        CO_TRY(const auto got, co_await read_some(out.subspan(done)));
        if (got == 0) break;
        done += got;
    }
    co_return done;
}

io::Task<base::Result<void>> FakeExchange::none() {
    co_return base::Result<void>();
}

namespace {

io::Task<S3Result<std::string>> read_all(PayloadReader& payload, std::size_t piece) {
    std::string text;
    for (;;) {
        auto buffer = base::Buffer::allocate(piece);
        auto got = co_await payload.read(buffer);
        if (!got) co_return std::unexpected(got.error());
        if (*got == 0) co_return text;
        text.append(buffer.chars().substr(0, *got));
    }
}

}  // namespace

S3Result<std::string> read_payload(test::World& world, PayloadReader& payload, std::size_t piece) {
    return world.run(read_all(payload, piece));
}

std::string extra(const S3Error& error, std::string_view name) {
    for (const auto& [given, value] : error.extra) {
        if (given == name) return value;
    }
    return {};
}

}  // namespace larder::s3
