// The server's side of one request and its response.
#pragma once

#include "src/http/body_reader.h"
#include "src/http/connection.h"
#include "src/http/head.h"
#include "src/http/http.h"
#include "src/http/input.h"
#include "src/http/service.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::http {

class ServerExchange final : public Exchange {
 public:
    struct Place {
        Service& service;
        Connection& connection;
        Input& input;
        std::string_view server_name;
        bool last;  // the connection ends with this request
    };
    ServerExchange(Place place, const ParsedRequest& request);

    const RequestHead& request() const override { return request_; }
    io::Task<base::Result<std::size_t>> read(std::span<std::byte> out) override;
    io::Task<base::Result<std::size_t>> read_some(std::span<std::byte> out) override;
    io::Task<base::Result<void>> respond(ResponseHead head, std::string body) override;
    io::Task<base::Result<void>> start(ResponseHead head, std::optional<std::uint64_t> content_length) override;
    io::Task<base::Result<void>> write(base::Buffer data) override;
    io::Task<base::Result<void>> write(std::string data) override;
    io::Task<base::Result<void>> finish() override;
    void abort() override;
    bool responded() const override { return phase_ != Phase::waiting; }
    std::uint64_t body_bytes_read() const override { return body_.bytes_read(); }
    std::uint64_t body_bytes_written() const override { return written_; }

    // After the handler: answers 500 if it did not answer, cuts a response it left unfinished, and reads off the rest
    // of the request's body. Returns whether the connection can take another request.
    io::Task<bool> settle();
    bool aborted() const { return aborted_; }

 private:
    enum class Phase { waiting, streaming, done };

    bool closes(const ResponseHead& head) const;
    base::Result<void> prepare(const ResponseHead& head, std::optional<std::uint64_t> length);
    io::Task<base::Result<void>> permit_body();
    io::Task<base::Result<void>> write_bytes(std::string_view data);
    io::Task<base::Result<void>> send(Connection::Pieces pieces);

    Place place_;
    const RequestHead& request_;
    bool keep_alive_;
    BodyReader body_;
    bool owes_continue_;  // the client waits for 100 Continue before it sends the body

    Phase phase_ = Phase::waiting;
    std::string head_;  // made, and not yet sent
    bool bodiless_ = false;
    bool chunked_ = false;
    std::optional<std::uint64_t> announced_;
    std::uint64_t written_ = 0;
    bool aborted_ = false;
};

}  // namespace larder::http
