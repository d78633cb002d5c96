// A server on its own engine thread, and a client that speaks in raw bytes.
#pragma once

#include "src/base/metrics.h"
#include "src/http/http.h"
#include "src/io/real_env.h"
#include "src/io/task_group.h"

#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace larder::http {

class TestServer {
 public:
    explicit TestServer(Handler handler, Limits limits = {}, ListenOptions options = {});
    ~TestServer();

    // "127.0.0.1:port" or "unix:/path".
    const std::string& address() const { return address_; }
    std::string metrics_page() const { return metrics_.render(); }
    // Runs drain() on the engine thread; the answer comes when it has ended.
    std::future<std::size_t> drain(base::Duration patience);
    io::Env& env() { return env_->env(); }

 private:
    io::Task<void> run_drain(base::Duration patience, std::promise<std::size_t>& out);

    base::Metrics metrics_;
    std::unique_ptr<io::RealEnv> env_;
    std::unique_ptr<Server> server_;
    std::unique_ptr<io::TaskGroup> tasks_;
    std::promise<std::size_t> drained_;
    std::string address_;
    std::thread thread_;
};

struct RawReply {
    std::string head;  // status line and fields
    std::string body;
    int status() const { return head.size() < 12 ? 0 : std::stoi(head.substr(9, 3)); }
    bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
};

// Blocking; a wait of ten seconds fails the test instead of hanging it.
class RawClient {
 public:
    explicit RawClient(const std::string& address);
    ~RawClient();
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    void send(std::string_view bytes);
    // As send(), but the other side may have closed. Returns whether all was sent.
    bool try_send(std::string_view bytes);
    // One response, framed by Content-Length; `bodiless` for answers to HEAD.
    RawReply reply(bool bodiless = false);
    // Everything until the server closes. An error of the connection ends it with "<reset>".
    std::string rest();
    // Stops sending.
    void half_close();

 private:
    bool receive();

    int fd_;
    std::string received_;
};

// Answers every request with its method, target and body: "PUT /x 5 hello".
io::Task<void> echo(Exchange& exchange);
io::Task<base::Result<std::string>> read_all(Exchange& exchange);
ResponseHead ok_head();

}  // namespace larder::http
