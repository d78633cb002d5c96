#include "src/codec/codec.h"
#include "src/io/timeout.h"
#include "src/rpc/peer_network_impl.h"

#include <array>

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Subject;
using io::Message;
using io::NodeNumber;
using io::Task;

// What is larger goes with the bulk, whatever it is called.
constexpr std::size_t kLargeBytes = 64 * 1024;

struct Word {
    std::string_view word;
    Urgency urgency;
};
constexpr std::array kWords = {
    Word{"control", Urgency::control},  Word{"cluster", Urgency::control},     Word{"block", Urgency::bulk},
    Word{"sync", Urgency::background},  Word{"transfer", Urgency::background}, Word{"repair", Urgency::background},
    Word{"scrub", Urgency::background},
};

Task<Result<Message>> refuse(base::Error error) {
    co_return fail(std::move(error));
}

base::Error lost(NodeNumber number, const std::string& why) {
    return {Code::disconnected, Subject::node,
            "node " + std::to_string(number) + " cannot be reached" + (why.empty() ? "" : ": " + why)};
}

}  // namespace

Urgency urgency_of(std::string_view method, const Message& request) {
    const auto first = method.substr(0, method.find_first_of("/._-"));
    for (const auto& one : kWords) {
        if (one.word == first) return one.urgency;
    }
    return payload_bytes(request) > kLargeBytes ? Urgency::bulk : Urgency::metadata;
}

PeerNetwork::Impl::Impl(io::RealEnv& w, const NodeKey& key, NodeNumber s, PeerOptions o)
    : world(w),
      env(w.env()),
      options(o),
      tls(key),
      self(s),
      life(env.random.next()),
      door(w, tls, o.door),
      tasks(env.executor) {
    door.serve(Purpose::peer, {[this](const base::NodeId& id) { return !is_leaving && numbers.contains(id); },
                               [this](Secured secured) { let_in(std::move(secured)); }});
}

PeerNetwork::Impl::~Impl() {
    alive.reset();
    tasks.stop();
    door.stop();
    peers.clear();
    buried.clear();
}

Peer* PeerNetwork::Impl::find(NodeNumber number) {
    const auto found = peers.find(number);
    return found == peers.end() ? nullptr : found->second.get();
}

const Peer* PeerNetwork::Impl::find(NodeNumber number) const {
    const auto found = peers.find(number);
    return found == peers.end() ? nullptr : found->second.get();
}

Urgency PeerNetwork::Impl::urgency(const std::string& method, const Message& request) const {
    const auto set = urgencies.find(method);
    return set == urgencies.end() ? urgency_of(method, request) : set->second;
}

Task<Result<Message>> PeerNetwork::Impl::call(NodeNumber to, std::string method, Message request,
                                              base::Instant deadline) {
    for (;;) {
        auto* peer = find(to);
        if (peer == nullptr) co_return fail(lost(to, "it is no member"));
        if (peer->current && peer->current->link->is_open()) break;
        if (!peer->has_hope || is_leaving) co_return fail(lost(to, peer->last_trouble));
        CO_TRY_VOID(co_await io::with_deadline(env.executor, env.clock, deadline, next_change(*peer)));
    }
    auto& link = *find(to)->current->link;
    const auto how = urgency(method, request);
    codec::Writer name;
    request.body.insert(0, name.bytes(method).view());
    const auto asked = env.clock.now();
    auto result = co_await link.call(std::move(request), deadline, how);
    auto* peer = find(to);
    if (result && peer != nullptr && how <= Urgency::metadata) peer->answers.add(env.clock.now() - asked);
    co_return result;
}

Task<Result<Message>> PeerNetwork::Impl::answer(NodeNumber from, Message request) {
    codec::Reader in(request.body);
    const auto method = in.bytes();
    if (!in.ok()) return refuse({Code::corrupted, Subject::request, "a call without a method"});
    const auto handler = handlers.find(method);
    if (handler == handlers.end())
        return refuse({Code::unsupported, Subject::node,
                       "node " + std::to_string(self) + " does not answer " + std::string(method.substr(0, 64))});
    request.body.erase(0, request.body.size() - in.rest().size());
    return handler->second(from, std::move(request));
}

PeerNetwork::PeerNetwork(io::RealEnv& world, const NodeKey& key, NodeNumber self, PeerOptions options)
    : impl_(std::make_unique<Impl>(world, key, self, options)) {}

PeerNetwork::~PeerNetwork() = default;

NodeNumber PeerNetwork::self() const {
    return impl_->self;
}

Task<Result<Message>> PeerNetwork::call(NodeNumber to, std::string method, Message request, base::Instant deadline) {
    if (to != impl_->self) return impl_->call(to, std::move(method), std::move(request), deadline);
    const auto handler = impl_->handlers.find(method);
    if (handler == impl_->handlers.end())
        return refuse({Code::unsupported, Subject::node, "this node does not answer " + method});
    return handler->second(to, std::move(request));
}

void PeerNetwork::serve(std::string method, Handler handler) {
    impl_->handlers[std::move(method)] = std::move(handler);
}

void PeerNetwork::set_urgency(std::string method, Urgency urgency) {
    impl_->urgencies[std::move(method)] = urgency;
}

void PeerNetwork::set_peers(std::vector<PeerInfo> peers) {
    impl_->set_peers(std::move(peers));
}

NodeDoor& PeerNetwork::door() {
    return impl_->door;
}

Tls& PeerNetwork::tls() {
    return impl_->tls;
}

void PeerNetwork::on_change(std::function<void(NodeNumber, bool)> told) {
    impl_->told = std::move(told);
}

bool PeerNetwork::is_up(NodeNumber number) const {
    if (number == impl_->self) return true;
    const auto* peer = std::as_const(*impl_).find(number);
    return peer != nullptr && peer->current.has_value();
}

std::optional<base::Duration> PeerNetwork::rtt(NodeNumber number) const {
    const auto* peer = std::as_const(*impl_).find(number);
    if (peer == nullptr || !peer->current) return std::nullopt;
    return peer->current->link->round_trip();
}

std::optional<base::Duration> PeerNetwork::p95(NodeNumber number) const {
    const auto* peer = std::as_const(*impl_).find(number);
    if (peer == nullptr || !peer->current) return std::nullopt;
    return peer->answers.p95();
}

std::vector<PeerStatus> PeerNetwork::peers() const {
    std::vector<PeerStatus> out;
    for (const auto& [number, peer] : impl_->peers) {
        PeerStatus status{peer->info, peer->current.has_value(), {}, {}, peer->since, peer->last_trouble};
        if (peer->current) {
            status.address = peer->current->address;
            status.round_trip = peer->current->link->round_trip();
        }
        out.push_back(std::move(status));
    }
    return out;
}

}  // namespace larder::rpc
