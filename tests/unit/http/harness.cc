#include "tests/unit/http/harness.h"

#include "src/http/address.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace larder::http {

TestServer::TestServer(Handler handler, Limits limits, ListenOptions options)
    : env_(std::make_unique<io::RealEnv>()),
      server_(std::make_unique<Server>(*env_, metrics_, limits)),
      tasks_(std::make_unique<io::TaskGroup>(env_->env().executor)) {
    if (options.address.empty()) options.address = "127.0.0.1:0";
    const auto listening = server_->listen(std::move(options), std::move(handler));
    INFO((listening ? "" : listening.error().message));
    REQUIRE(listening.has_value());
    address_ = server_->address();
    thread_ = std::thread([this] { env_->run(); });
}

TestServer::~TestServer() {
    env_->env().executor.post([this] {
        tasks_.reset();
        server_.reset();
        env_->stop();
    });
    thread_.join();
}

io::Task<void> TestServer::run_drain(base::Duration patience, std::promise<std::size_t>& out) {
    out.set_value(co_await server_->drain(env().clock.now() + patience));
}

std::future<std::size_t> TestServer::drain(base::Duration patience) {
    env().executor.post([this, patience] { tasks_->spawn(run_drain(patience, drained_)); });
    return drained_.get_future();
}

RawClient::RawClient(const std::string& address) {
    const auto parsed = parse_address(address);
    REQUIRE(parsed.has_value());
    const auto fd = connect_to(*parsed);
    REQUIRE(fd.has_value());
    fd_ = *fd;
    const timeval patience{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

RawClient::~RawClient() {
    ::close(fd_);
}

bool RawClient::try_send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

void RawClient::send(std::string_view bytes) {
    REQUIRE(try_send(bytes));
}

bool RawClient::receive() {
    char room[65536];
    const auto n = ::recv(fd_, room, sizeof room, 0);
    if (n > 0) received_.append(room, static_cast<std::size_t>(n));
    return n > 0;
}

RawReply RawClient::reply(bool bodiless) {
    std::size_t end = 0;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
        if (!receive()) return {.head = received_, .body = {}};
    }
    RawReply reply{.head = received_.substr(0, end + 2), .body = {}};
    received_.erase(0, end + 4);
    const auto field = reply.head.find("Content-Length: ");
    if (bodiless || field == std::string::npos) return reply;
    const std::size_t length = std::stoull(reply.head.substr(field + 16));
    while (received_.size() < length && receive()) {
    }
    reply.body = received_.substr(0, length);
    received_.erase(0, length);
    return reply;
}

std::string RawClient::rest() {
    errno = 0;
    while (receive()) {
    }
    if (errno == ECONNRESET) received_ += "<reset>";
    return std::exchange(received_, {});
}

void RawClient::half_close() {
    ::shutdown(fd_, SHUT_WR);
}

io::Task<base::Result<std::string>> read_all(Exchange& exchange) {
    std::string all;
    std::string piece(1000, '\0');
    for (;;) {
        CO_TRY(const std::size_t n, co_await exchange.read_some(std::as_writable_bytes(std::span(piece))));
        if (n == 0) co_return all;
        all.append(piece, 0, n);
    }
}

ResponseHead ok_head() {
    ResponseHead head;
    head.headers.add("X-Test", "yes");
    return head;
}

io::Task<void> echo(Exchange& exchange) {
    auto body = co_await read_all(exchange);
    ResponseHead head = ok_head();
    if (!body) head.status = 400;
    const auto text = body ? *body : std::string(base::name_of(body.error().code));
    (void)co_await exchange.respond(head, exchange.request().method + " " + exchange.request().target + " " +
                                              std::to_string(text.size()) + " " + text);
}

}  // namespace larder::http
