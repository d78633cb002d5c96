#include "src/base/log.h"
#include "src/http/address.h"
#include "src/http/http.h"
#include "src/http/service.h"
#include "src/http/session.h"
#include "src/http/tls.h"
#include "src/io/task_group.h"
#include "src/io/timeout.h"

#include <sys/socket.h>
#include <unistd.h>

namespace larder::http {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr auto kAcceptPause = std::chrono::milliseconds(200);
constexpr base::Duration kSweepMax = std::chrono::seconds(1);
constexpr base::Duration kSweepMin = std::chrono::milliseconds(10);

// How often to look for waits that have lasted too long.
base::Duration sweep_interval(const Limits& limits) {
    const auto least =
        std::min({limits.idle, limits.header, limits.body_grace, limits.write_stall, limits.discard_time});
    return std::clamp(least / 4, kSweepMin, kSweepMax);
}

constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\nConnection: close\r\n\r\n";

}  // namespace

struct Server::Impl {
    // One address given to listen(), with its sockets.
    struct Listener {
        ListenOptions options;
        Handler handler;
        std::unique_ptr<TlsContext> tls;
        std::string address;
        std::string unix_path;
        std::vector<std::unique_ptr<Readiness>> sockets;
    };

    Impl(io::RealEnv& e, base::Metrics& metrics, const Limits& limits)
        : env(e.env()),
          loop(e.loop()),
          service(env, metrics, limits),
          sessions(env.executor),
          accepting(env.executor) {}
    ~Impl() {
        stop_accepting();
        env.clock.cancel(sweep_timer);
        sessions.stop();
    }

    io::Task<void> accept_from(Listener& listener, Readiness& socket);
    void admit(Listener& listener, Accepted accepted);
    bool has_room_for(const Peer& peer) const;
    io::Task<void> serve(std::unique_ptr<Session> session);
    void sweep();
    void renew_certificates();
    void stop_accepting();
    io::Task<std::size_t> drain(base::Instant deadline);
    io::Task<base::Result<void>> all_ended();

    io::Env& env;
    boost::asio::io_context& loop;
    Service service;
    std::vector<std::unique_ptr<Listener>> listeners;
    std::set<Session*> live;
    std::unordered_map<std::string, std::size_t> per_host;
    io::Clock::Timer sweep_timer = 0;
    io::TaskGroup sessions;
    io::TaskGroup accepting;
};

io::Task<void> Server::Impl::accept_from(Listener& listener, Readiness& socket) {
    for (;;) {
        co_await socket.wait(Readiness::Direction::read);
        for (int i = 0; i < kAcceptsPerTurn; ++i) {
            auto accepted = accept_connection(socket.descriptor());
            if (accepted) {
                admit(listener, std::move(*accepted));
                continue;
            }
            if (!accepted.error().is(base::Code::no_space)) break;
            base::log::warning(accepted.error().message, {{"listener", listener.address}});
            co_await env.clock.sleep_for(kAcceptPause);
        }
    }
}

bool Server::Impl::has_room_for(const Peer& peer) const {
    if (live.size() >= service.limits.connections) return false;
    const auto found = per_host.find(peer.host);
    return peer.host.empty() || found == per_host.end() || found->second < service.limits.connections_per_address;
}

void Server::Impl::admit(Listener& listener, Accepted accepted) {
    auto readiness = std::make_unique<Readiness>(loop, accepted.descriptor);
    if (!has_room_for(accepted.peer)) {
        service.refused_connections.add();
        if (!listener.tls) ::send(accepted.descriptor, kTooMany.data(), kTooMany.size(), MSG_NOSIGNAL);
        return;
    }
    auto stream =
        listener.tls ? listener.tls->make_stream(accepted.descriptor) : make_plain_stream(accepted.descriptor);
    const Session::Site site{service, listener.handler, listener.options.server_name, listener.tls != nullptr};
    sessions.spawn(
        serve(std::make_unique<Session>(site, std::move(accepted.peer), std::move(readiness), std::move(stream))));
}

io::Task<void> Server::Impl::serve(std::unique_ptr<Session> session) {
    // Counts the session for as long as this frame lives, however it ends.
    struct Presence {
        Impl& server;
        Session& session;
        Presence(Impl& s, Session& who) : server(s), session(who) {
            server.live.insert(&session);
            ++server.per_host[session.peer().host];
            server.service.connections.set(static_cast<double>(server.live.size()));
        }
        ~Presence() {
            server.live.erase(&session);
            const auto host = server.per_host.find(session.peer().host);
            if (--host->second == 0) server.per_host.erase(host);
            server.service.connections.set(static_cast<double>(server.live.size()));
        }
    };
    const Presence presence(*this, *session);
    co_await session->run();
}

void Server::Impl::sweep() {
    const auto now = env.clock.now();
    for (auto* session : live) session->connection().expire(now);
    renew_certificates();
    sweep_timer = env.clock.call_at(now + sweep_interval(service.limits), [this] { sweep(); });
}

// New connections get what now stands in the certificate files; while those do not fit together, what was there before.
void Server::Impl::renew_certificates() {
    for (auto& listener : listeners) {
        if (!listener->tls || !listener->tls->files_changed()) continue;
        auto fresh = TlsContext::load(listener->options.certificate_file, listener->options.key_file);
        if (fresh) {
            listener->tls = std::move(*fresh);
            base::log::info("the TLS certificate was renewed", {{"listener", listener->address}});
        } else {
            base::log::warning("the TLS certificate was not renewed: " + fresh.error().message);
        }
    }
}

void Server::Impl::stop_accepting() {
    accepting.stop();
    for (auto& listener : listeners) {
        if (!listener->unix_path.empty() && !listener->sockets.empty()) ::unlink(listener->unix_path.c_str());
        listener->sockets.clear();
    }
}

io::Task<std::size_t> Server::Impl::drain(base::Instant deadline) {
    service.draining = true;
    stop_accepting();
    for (auto* session : live) {
        if (session->idle()) session->connection().interrupt();
    }
    (void)co_await io::with_deadline(env.executor, env.clock, deadline, all_ended());
    const auto cut = std::ranges::count_if(live, [](const Session* s) { return s->serving(); });
    for (auto* session : live) session->connection().abort();
    sessions.stop();
    co_return static_cast<std::size_t>(cut);
}

io::Task<base::Result<void>> Server::Impl::all_ended() {
    co_await sessions.join();
    co_return base::Result<void>();
}

Server::Server(io::RealEnv& env, base::Metrics& metrics, Limits limits)
    : impl_(std::make_unique<Impl>(env, metrics, limits)) {}

Server::~Server() = default;

base::Result<void> Server::listen(ListenOptions options, Handler handler) {
    auto listener = std::make_unique<Impl::Listener>();
    if (!options.certificate_file.empty() || !options.key_file.empty()) {
        TRY(listener->tls, TlsContext::load(options.certificate_file, options.key_file));
    }
    TRY(auto sockets, open_listening_sockets(options.address, options.unix_mode));
    listener->address = sockets.front().address;
    listener->unix_path = sockets.front().unix_path;
    listener->options = std::move(options);
    listener->handler = std::move(handler);
    auto& placed = *impl_->listeners.emplace_back(std::move(listener));
    for (const auto& socket : sockets)
        placed.sockets.push_back(std::make_unique<Readiness>(impl_->loop, socket.descriptor));
    for (auto& socket : placed.sockets) impl_->accepting.spawn(impl_->accept_from(placed, *socket));
    if (impl_->sweep_timer == 0) impl_->sweep();
    return {};
}

std::string Server::address(std::size_t n) const {
    return impl_->listeners.at(n)->address;
}

io::Task<std::size_t> Server::drain(base::Instant deadline) {
    return impl_->drain(deadline);
}

}  // namespace larder::http
