#include "src/rpc/node_door.h"

#include "src/base/log.h"
#include "src/io/tcp_socket.h"

#include <unistd.h>

namespace larder::rpc {
namespace {

using base::Code;

constexpr int kAcceptsPerTurn = 64;
constexpr auto kAcceptPause = std::chrono::milliseconds(200);
constexpr auto kNotePause = std::chrono::seconds(1);

struct Counted {
    std::size_t& count;
    explicit Counted(std::size_t& c) : count(++c) {}
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --count; }
};

}  // namespace

NodeDoor::NodeDoor(io::RealEnv& world, Tls& tls, DoorOptions options)
    : world_(world), tls_(tls), options_(options), tasks_(world.env().executor) {}

NodeDoor::~NodeDoor() {
    stop();
}

void NodeDoor::serve(Purpose purpose, Service service) {
    services_[purpose] = std::move(service);
}

void NodeDoor::stop_serving(Purpose purpose) {
    services_.erase(purpose);
}

base::Result<void> NodeDoor::listen(const std::string& address) {
    TRY(const auto where, io::parse_host_port(address));
    TRY(const auto addresses, io::resolve(where));
    std::size_t opened = 0;
    base::Result<void> outcome;
    for (const auto& one : addresses) {
        const auto descriptor = io::listen_tcp(one);
        if (!descriptor) {
            // A machine without IPv6 still has the other kind.
            outcome = base::fail(descriptor.error());
            continue;
        }
        ++opened;
        auto& socket = *sockets_.emplace_back(std::make_unique<io::Readiness>(world_.loop(), *descriptor));
        tasks_.spawn(accept_all(socket));
    }
    if (opened > 0) return {};
    return outcome;
}

std::vector<std::string> NodeDoor::addresses() const {
    std::vector<std::string> out;
    for (const auto& socket : sockets_) {
        if (const auto address = io::bound_address(socket->descriptor())) out.push_back(address->text());
    }
    return out;
}

void NodeDoor::stop() {
    tasks_.stop();
    sockets_.clear();
}

io::Task<void> NodeDoor::accept_all(io::Readiness& socket) {
    for (;;) {
        co_await socket.wait(io::Readiness::Direction::read);
        for (int i = 0; i < kAcceptsPerTurn; ++i) {
            const auto descriptor = io::accept_tcp(socket.descriptor());
            if (descriptor && shaking_ < options_.handshakes) {
                tasks_.spawn(greet(*descriptor));
                continue;
            }
            if (descriptor) {
                ::close(*descriptor);
                note_refusal({Code::overloaded, base::Subject::node, "too many connections begin at once"}, "");
                continue;
            }
            if (!descriptor.error().is(Code::no_space)) break;
            base::log::warning(descriptor.error().message, {{"socket", "nodes"}});
            co_await world_.env().clock.sleep_for(kAcceptPause);
        }
    }
}

io::Task<void> NodeDoor::greet(int descriptor) {
    const Counted counted(shaking_);
    const auto peer = io::peer_address(descriptor);
    const auto address = peer ? peer->text() : std::string("unknown");
    io::tune_for_calls(descriptor);
    const auto deadline = world_.env().clock.after(options_.patience);
    const Allow allow = [this](Purpose purpose, const base::NodeId& id) { return allows(purpose, id); };
    auto secured = co_await tls_.accept(world_, descriptor, allow, deadline);
    if (!secured) co_return note_refusal(secured.error(), address);
    // The answer may have changed since the handshake asked.
    if (!allows(secured->purpose, secured->peer)) co_return;
    secured->address = address;
    const auto enter = services_.at(secured->purpose).enter;
    enter(std::move(*secured));
}

bool NodeDoor::allows(Purpose purpose, const base::NodeId& id) const {
    const auto service = services_.find(purpose);
    return service != services_.end() && service->second.allow(id);
}

void NodeDoor::note_refusal(const base::Error& error, const std::string& address) {
    const auto now = world_.env().clock.now();
    ++not_noted_;
    if (last_note_ && now - *last_note_ < kNotePause) return;
    last_note_ = now;
    base::log::warning("a connection to the port for nodes was refused",
                       {{"address", address},
                        {"reason", error.message},
                        {"times", static_cast<std::uint64_t>(std::exchange(not_noted_, 0))}});
}

}  // namespace larder::rpc
