// HTTP/1.1 server and client. The only room that sees Beast: its parser reads the header; bodies are read straight into
// the caller's memory. What Beast accepts and should not (docs/decisions, request smuggling) is refused here first.
#pragma once

#include "src/base/bytes.h"
#include "src/base/error.h"
#include "src/base/limits.h"
#include "src/base/metrics.h"
#include "src/base/time.h"
#include "src/io/real_env.h"
#include "src/io/task.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::http {

// In order of arrival, names as sent. Lookup ignores case.
class Headers {
 public:
    void reserve(std::size_t fields) { fields_.reserve(fields); }
    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
    // Replaces all of that name.
    void set(std::string name, std::string value);
    // The first of that name.
    std::optional<std::string_view> get(std::string_view name) const;
    std::vector<std::string_view> all(std::string_view name) const;
    bool has(std::string_view name) const { return get(name).has_value(); }
    const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

struct RequestHead {
    std::string method;  // as sent, upper case
    std::string target;  // as sent, undecoded: "/bucket/a%20b?x=1"
    int minor_version = 1;
    Headers headers;
    std::optional<std::uint64_t> content_length;  // absent with chunked, and when there is no body
    bool chunked = false;
    bool expects_continue = false;
    std::string remote_address;  // "192.0.2.1:5000", or "unix"
    bool tls = false;
    // Of the process at the other end of a Unix socket.
    std::optional<std::uint32_t> peer_uid;
    std::optional<std::uint32_t> peer_gid;

    bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

struct ResponseHead {
    int status = 200;
    Headers headers = {};  // Date, Server, Content-Length and Connection are added by the server
};

// One request and its response. Engine thread. The handler must send exactly one final response: respond(), or start()
// then write()… then finish(). A handler that returns without one makes the server answer 500.
class Exchange {
 public:
    virtual ~Exchange() = default;
    virtual const RequestHead& request() const = 0;

    // Reads body bytes into `out`, transfer coding removed, until it is full or the body ends; returns how many (less
    // than asked only at the end). The first call sends 100 Continue when the client waits for it. Errors: disconnected
    // (also when the body is cut short), timeout (slower than the least rate), invalid_argument (bad framing).
    virtual io::Task<base::Result<std::size_t>> read(std::span<std::byte> out) = 0;
    // Reads whatever is there next (at least 1 byte unless at the end), at most out.size().
    virtual io::Task<base::Result<std::size_t>> read_some(std::span<std::byte> out) = 0;

    // The whole response at once; the server adds Content-Length (unless the status has no body). For HEAD the length
    // is that of `body` unless the headers already carry Content-Length; no body is sent.
    virtual io::Task<base::Result<void>> respond(ResponseHead head, std::string body) = 0;
    // A streamed response. Without `content_length` it is chunked (or ends with the connection for HTTP/1.0).
    virtual io::Task<base::Result<void>> start(ResponseHead head, std::optional<std::uint64_t> content_length) = 0;
    virtual io::Task<base::Result<void>> write(base::Buffer data) = 0;
    virtual io::Task<base::Result<void>> write(std::string data) = 0;
    // Ends a streamed response. If fewer bytes than announced were written the connection is closed.
    virtual io::Task<base::Result<void>> finish() = 0;
    // Cuts the connection: the body cannot be completed.
    virtual void abort() = 0;

    virtual bool responded() const = 0;  // a final status line has been sent
    virtual std::uint64_t body_bytes_read() const = 0;
    virtual std::uint64_t body_bytes_written() const = 0;
};

// Serves one request. The exchange outlives the task.
using Handler = std::function<io::Task<void>(Exchange&)>;

struct ListenOptions {
    // "host:port" ("[::1]:3900", ":3900" for all addresses) or "unix:/run/larder/admin.sock".
    std::string address = {};
    std::string certificate_file = {};  // PEM chain; TLS when given, with its key
    std::string key_file = {};
    std::uint32_t unix_mode = 0660;
    std::string server_name = "Larder";
};

// Bounds that keep one client from harming the others.
struct Limits {
    std::size_t connections = 4096;
    std::size_t connections_per_address = 1024;  // of one IP address; not for Unix sockets
    int requests_per_connection = base::limits::kRequestsPerConnectionMax;
    base::Duration idle = std::chrono::seconds(60);         // between requests
    base::Duration header = std::chrono::seconds(10);       // from the first byte of a request to the end of its header
    base::Duration body_grace = std::chrono::seconds(20);   // waiting for body bytes before the least rate counts
    std::uint64_t least_body_rate = 1024;                   // bytes a second of waiting
    base::Duration write_stall = std::chrono::seconds(60);  // a client that takes nothing of the response
    base::Duration discard_time = std::chrono::seconds(2);  // for a body that nobody wants, after the response
    std::uint64_t discard_bytes = 4 * 1024 * 1024;
};

class Server {
 public:
    // `env` outlives the server. Metrics: http_connections, http_refused_requests_total.
    Server(io::RealEnv& env, base::Metrics& metrics, Limits limits = {});
    ~Server();

    // Binds and starts accepting. Errors: already_exists (address in use), permission_denied, invalid_argument; the
    // message says which address and what to do.
    base::Result<void> listen(ListenOptions options, Handler handler);
    // The bound "host:port" of the n-th listener (with the real port when 0 was asked for).
    std::string address(std::size_t n = 0) const;
    // Stops accepting, closes idle connections, and waits until running requests have ended or `deadline` has come;
    // then cuts those left. Returns how many were cut.
    io::Task<std::size_t> drain(base::Instant deadline);

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// A small blocking client for the command line: one connection, one request at a time. Not for the engine thread.
class Client {
 public:
    struct Response {
        ResponseHead head;
        std::optional<std::uint64_t> content_length;
    };
    // Fills the span with the next bytes of the request body; returns how many, 0 at the end.
    using Source = std::function<base::Result<std::size_t>(std::span<std::byte>)>;
    // Takes the next bytes of the response body.
    using Sink = std::function<base::Result<void>(std::string_view)>;

    // "unix:/path" or "http://host:port". Connects at the first request.
    explicit Client(std::string address);
    ~Client();

    // Sends one request and waits for the whole response. `body_length` empty with a source means chunked. The sink
    // sees the body of a 2xx answer; any other, and all without a sink, is in `body` of the reply (at most 64 MiB).
    struct Request {
        std::string method = {};
        std::string target = {};
        Headers headers = {};
        std::string body = {};  // used when `source` is empty
        Source source = {};
        std::optional<std::uint64_t> body_length = {};
        Sink sink = {};
    };
    struct Reply {
        int status = 0;
        Headers headers = {};
        std::string body = {};
    };
    base::Result<Reply> send(Request request);

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::http
