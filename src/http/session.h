// One connection from its acceptance to its end: requests in order, each answered before the next is read.
#pragma once

#include "src/http/address.h"
#include "src/http/connection.h"
#include "src/http/head.h"
#include "src/http/http.h"
#include "src/http/input.h"
#include "src/http/service.h"

#include <memory>
#include <optional>
#include <string>

namespace larder::http {

class Session {
 public:
    struct Site {
        Service& service;
        const Handler& handler;
        std::string_view server_name;
        bool tls;
    };
    // What `site` refers to outlives the session.
    Session(Site site, Peer peer, std::unique_ptr<Readiness> readiness, std::unique_ptr<Stream> stream);

    io::Task<void> run();
    Connection& connection() { return connection_; }
    const Peer& peer() const { return peer_; }
    // Between two requests, with nothing received of the next.
    bool idle() const { return idle_; }
    // Whether a handler is at work.
    bool serving() const { return serving_; }

 private:
    io::Task<std::optional<ParsedRequest>> next_request();
    std::expected<std::optional<ParsedRequest>, Refusal> parse_input();
    io::Task<bool> serve(const ParsedRequest& request);
    io::Task<void> refuse(Refusal refusal);
    io::Task<void> close();

    Site site_;
    Peer peer_;
    Connection connection_;
    Input input_;
    std::size_t seen_ = 0;         // bytes of the input known to hold no end of a head
    std::size_t empty_bytes_ = 0;  // of empty lines before the present request
    int served_ = 0;
    bool idle_ = false;
    bool serving_ = false;
    bool cut_ = false;  // no orderly end
};

}  // namespace larder::http
