#include "src/base/log.h"
#include "src/codec/codec.h"
#include "src/io/timeout.h"
#include "src/rpc/dial.h"
#include "src/rpc/peer_network_impl.h"

#include <algorithm>

namespace larder::rpc {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Subject;
using io::NodeNumber;
using io::Task;

constexpr auto kService = "node";

std::string words_of(std::uint64_t life, NodeNumber self) {
    codec::Writer out;
    return out.u64(life).u32(self).take();
}

}  // namespace

void PeerNetwork::Impl::set_peers(std::vector<PeerInfo> wanted) {
    std::erase_if(wanted, [this](const PeerInfo& one) { return one.number == self || one.id == tls.id(); });
    std::vector<NodeNumber> gone;
    for (const auto& [number, peer] : peers) {
        const auto same = [&peer](const PeerInfo& one) {
            return one.number == peer->info.number && one.id == peer->info.id;
        };
        if (std::ranges::none_of(wanted, same)) gone.push_back(number);
    }
    for (const auto number : gone) remove(number, "it is no member any more");
    for (auto& one : wanted) {
        auto* peer = find(one.number);
        if (peer == nullptr) {
            add(std::move(one));
        } else if (peer->info.addresses != one.addresses) {
            peer->info.addresses = std::move(one.addresses);
            if (!peer->current) peer->has_hope = true;
            changed(*peer);
        }
    }
}

void PeerNetwork::Impl::add(PeerInfo info) {
    numbers[info.id] = info.number;
    const auto number = info.number;
    auto& peer = *(peers[number] = std::make_unique<Peer>(env.executor, std::move(info)));
    peer.since = env.clock.now();
    peer.dialling.spawn(keep_linked(peer));
}

void PeerNetwork::Impl::remove(NodeNumber number, const std::string& why) {
    auto node = peers.extract(number);
    auto& peer = *node.mapped();
    numbers.erase(peer.info.id);
    if (peer.current) peer.current->link->cut(gone(why));
    for (auto& old : peer.retiring) old.link->cut(gone(why));
    for (const auto& one : std::exchange(peer.waiting, {})) one.set(io::Done{});
    bury(std::move(node.mapped()));
}

// This may run in work of the peer: in the handler of a call that came over its link.
void PeerNetwork::Impl::bury(std::unique_ptr<Peer> peer) {
    buried.push_back(std::move(peer));
    env.executor.post([weak = std::weak_ptr(alive)] {
        const auto self = weak.lock();
        if (self) std::exchange((*self)->buried, {}).clear();
    });
}

// Dials whenever there is no link, with growing pauses.
Task<void> PeerNetwork::Impl::keep_linked(Peer& peer) {
    auto pause = options.first_pause;
    for (;;) {
        if (peer.current || is_leaving) {
            pause = options.first_pause;
            (void)co_await woken(peer);
            continue;
        }
        const auto tried = peer.info.addresses;
        if (co_await dial_round(peer)) continue;
        if (tried != peer.info.addresses) continue;
        if (std::exchange(peer.has_hope, false)) {
            base::log::info("a node cannot be reached", {{"node", peer.info.number}, {"reason", peer.last_trouble}});
            for (const auto& one : std::exchange(peer.waiting, {})) one.set(io::Done{});
        }
        // Half of it by chance, so that nodes that lost each other at once do not meet at once for ever.
        const auto half = static_cast<std::uint64_t>(pause.count()) / 2 + 1;
        const auto wait = base::Duration(static_cast<std::int64_t>(half + env.random.below(half)));
        (void)co_await io::with_deadline(env.executor, env.clock, env.clock.after(wait), woken(peer));
        pause = std::min(2 * pause, options.longest_pause);
    }
}

// Tries every address, that of the last good link first. True: there is a link.
Task<bool> PeerNetwork::Impl::dial_round(Peer& peer) {
    auto addresses = peer.info.addresses;
    const auto good = std::ranges::find(addresses, peer.good_address);
    if (good != addresses.end()) std::rotate(addresses.begin(), good, good + 1);
    if (addresses.empty() && peer.last_trouble.empty()) peer.last_trouble = "it has no address here and has not come";
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const auto address = addresses[i];
        const auto dialled = co_await dial_one(peer, address);
        if (peer.current) co_return true;
        if (!dialled) peer.last_trouble = dialled.error().message;
    }
    co_return false;
}

Task<Result<void>> PeerNetwork::Impl::dial_one(Peer& peer, std::string address) {
    const auto id = peer.info.id;
    const Allow only = [id](Purpose, const base::NodeId& theirs) { return theirs == id; };
    CO_TRY(auto secured, co_await dial(world, tls, address, Purpose::peer, only, options.dial_patience));
    const auto serial = ++last_serial;
    auto link = make_link(peer.info.number, serial, secured, Side::connected);
    link->start();
    const auto version = co_await link->ready();
    if (!version) {
        auto error = version.error();
        if (error.is(Code::disconnected)) error.message += ": does it know this node?";
        co_return fail(error.code, error.subject, address + ": " + error.message);
    }
    CO_TRY(const auto life_there, their_life(peer, *link));
    peer.good_address = address;
    adopt(peer, {serial, std::move(link), Side::connected, address, life_there});
    co_return Result<void>();
}

void PeerNetwork::Impl::let_in(Secured secured) {
    const auto number = numbers.find(secured.peer);
    if (number != numbers.end()) tasks.spawn(welcome(number->second, std::move(secured)));
}

Task<void> PeerNetwork::Impl::welcome(NodeNumber number, Secured secured) {
    const auto serial = ++last_serial;
    const auto address = secured.address;
    const auto id = secured.peer;
    auto link = make_link(number, serial, secured, Side::accepted);
    link->start();
    const auto version = co_await link->ready();
    auto* peer = find(number);
    // It may have been removed meanwhile, or be another one.
    if (peer == nullptr || peer->info.id != id) co_return;
    auto life_there = version ? their_life(*peer, *link) : Result<std::uint64_t>(fail(version.error()));
    if (!life_there) {
        base::log::warning("a link from another node came to nothing",
                           {{"node", number}, {"address", address}, {"reason", life_there.error().message}});
        co_return;
    }
    adopt(*peer, {serial, std::move(link), Side::accepted, address, *life_there});
}

std::unique_ptr<Link> PeerNetwork::Impl::make_link(NodeNumber number, std::uint64_t serial, Secured& secured,
                                                   Side side) {
    LinkOptions link_options;
    link_options.hello = {kService, 1, 1, words_of(life, self)};
    link_options.ends = Ends::nodes;
    link_options.pulse = options.pulse;
    link_options.hello_patience = options.dial_patience;
    auto link = std::make_unique<Link>(world, std::move(secured.transport), side, link_options);
    link->serve([this, number](io::Message request) { return answer(number, std::move(request)); }, {});
    link->on_goodbye([this, number, serial] { said_goodbye(number, serial); });
    return link;
}

Result<std::uint64_t> PeerNetwork::Impl::their_life(const Peer& peer, const Link& link) const {
    codec::Reader in(link.their_words());
    const auto life_there = in.u64();
    const auto number = in.u32();
    if (in.ok() && number == peer.info.number) return life_there;
    return fail(Code::corrupted, Subject::node,
                "node " + std::to_string(peer.info.number) + " takes itself for node " + std::to_string(number));
}

// Of two links between the same lives of two nodes, dialled by either, that of the lesser id stays.
bool PeerNetwork::Impl::outranks(const Peer& peer, const PeerLink& present, const PeerLink& other) const {
    if (present.their_life != other.their_life || present.side == other.side) return false;
    const bool mine_is_less = tls.id() < peer.info.id;
    return (present.side == Side::connected) == mine_is_less;
}

void PeerNetwork::Impl::adopt(Peer& peer, PeerLink link) {
    const auto number = peer.info.number;
    tasks.spawn(watch(number, link.serial, *link.link));
    if (!link.link->is_open()) return retire(peer, std::move(link));
    const bool was_up = peer.current.has_value();
    if (was_up && peer.current->link->is_open() && outranks(peer, *peer.current, link))
        return retire(peer, std::move(link));
    auto former = std::exchange(peer.current, std::move(link));
    if (former) retire(peer, std::move(*former));
    peer.has_hope = true;
    if (!was_up) {
        peer.since = env.clock.now();
        base::log::info("linked to another node", {{"node", number}, {"address", peer.current->address}});
        tell(number, true);
    }
    changed(peer);
}

void PeerNetwork::Impl::retire(Peer& peer, PeerLink link) {
    auto& old = *peer.retiring.emplace_back(std::move(link)).link;
    old.goodbye();
}

void PeerNetwork::Impl::said_goodbye(NodeNumber number, std::uint64_t serial) {
    auto* peer = find(number);
    if (peer == nullptr || !peer->current || peer->current->serial != serial) return;
    auto link = std::move(*peer->current);
    peer->current.reset();
    retire(*peer, std::move(link));
    lose(*peer, "it said goodbye", true);
}

void PeerNetwork::Impl::lose(Peer& peer, std::string why, bool has_hope) {
    base::log::info("a link to another node ended", {{"node", peer.info.number}, {"reason", why}});
    peer.last_trouble = std::move(why);
    peer.has_hope = has_hope;
    peer.since = env.clock.now();
    tell(peer.info.number, false);
    changed(peer);
}

Task<void> PeerNetwork::Impl::watch(NodeNumber number, std::uint64_t serial, Link& link) {
    const auto reason = co_await link.ended();
    forget(number, serial, reason);
}

void PeerNetwork::Impl::forget(NodeNumber number, std::uint64_t serial, const base::Error& reason) {
    auto* peer = find(number);
    if (peer == nullptr) return;
    if (peer->current && peer->current->serial == serial) {
        const auto link = std::exchange(peer->current, std::nullopt);
        // Whoever fell silent will not answer a dial either; who closed may be back at once.
        return lose(*peer, reason.message, !reason.is(Code::timeout));
    }
    std::erase_if(peer->retiring, [serial](const PeerLink& old) { return old.serial == serial; });
}

void PeerNetwork::Impl::changed(Peer& peer) {
    if (peer.wake) peer.wake->set(io::Done{});
    for (const auto& one : std::exchange(peer.waiting, {})) one.set(io::Done{});
}

void PeerNetwork::Impl::tell(NodeNumber number, bool is_up) {
    env.executor.post([weak = std::weak_ptr(alive), number, is_up] {
        const auto self = weak.lock();
        if (self && (*self)->told) (*self)->told(number, is_up);
    });
}

Task<Result<io::Done>> PeerNetwork::Impl::woken(Peer& peer) {
    const auto change = peer.wake.emplace(env.executor);
    co_return co_await change.future();
}

Task<Result<io::Done>> PeerNetwork::Impl::next_change(Peer& peer) {
    const io::Promise<io::Done> change(env.executor);
    peer.waiting.push_back(change);
    co_return co_await change.future();
}

Task<void> PeerNetwork::leave(base::Instant deadline) {
    impl_->is_leaving = true;
    impl_->door.stop();
    for (const auto& [number, peer] : impl_->peers) {
        peer->has_hope = false;
        peer->last_trouble = "this node is stopping";
        auto link = std::exchange(peer->current, std::nullopt);
        if (link) impl_->retire(*peer, std::move(*link));
        impl_->changed(*peer);
    }
    auto all_ended = [](Impl& impl) -> Task<Result<io::Done>> {
        co_await impl.tasks.join();
        co_return io::Done{};
    };
    auto& env = impl_->env;
    (void)co_await io::with_deadline(env.executor, env.clock, deadline, all_ended(*impl_));
}

}  // namespace larder::rpc
