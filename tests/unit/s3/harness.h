// Requests without a network: heads made of text, and an exchange whose body is a string.
#pragma once

#include "s3/auth/payload.h"
#include "src/http/http.h"
#include "tests/support/run_task.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace larder::s3 {

// The head of a request as it goes over the wire; it must be well-formed.
http::RequestHead head_of(std::string_view wire);

// Gives the body in reads of at most `step` bytes. A body that is cut ends in a lost connection.
class FakeExchange final : public http::Exchange {
 public:
    FakeExchange(http::RequestHead head, std::string body, std::size_t step = SIZE_MAX, bool cut = false);

    const http::RequestHead& request() const override { return head_; }
    io::Task<base::Result<std::size_t>> read(std::span<std::byte> out) override;
    io::Task<base::Result<std::size_t>> read_some(std::span<std::byte> out) override;
    io::Task<base::Result<void>> respond(http::ResponseHead, std::string) override { return none(); }
    io::Task<base::Result<void>> start(http::ResponseHead, std::optional<std::uint64_t>) override { return none(); }
    io::Task<base::Result<void>> write(base::Buffer) override { return none(); }
    io::Task<base::Result<void>> write(std::string) override { return none(); }
    io::Task<base::Result<void>> finish() override { return none(); }
    void abort() override {}
    bool responded() const override { return false; }
    std::uint64_t body_bytes_read() const override { return at_; }
    std::uint64_t body_bytes_written() const override { return 0; }

 private:
    static io::Task<base::Result<void>> none();

    http::RequestHead head_;
    std::string body_;
    std::size_t at_ = 0;
    std::size_t step_;
    bool cut_;
};

// All of a payload, in buffers of `piece` bytes.
S3Result<std::string> read_payload(test::World& world, PayloadReader& payload, std::size_t piece = 65536);

// The value of an element of the error document; empty when there is none.
std::string extra(const S3Error& error, std::string_view name);

template <typename T>
std::string code_of(const S3Result<T>& result) {
    return result ? "success" : result.error().code;
}

}  // namespace larder::s3
