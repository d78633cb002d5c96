#include "src/daemon/peers.h"

#include "replication/cluster_rows.h"
#include "src/base/log.h"
#include "src/codec/codec.h"

#include <algorithm>

namespace larder::daemon {

using base::Result;
using io::NodeNumber;
using io::Task;

namespace {

constexpr const char* kProgressMethod = "cluster.progress";
constexpr auto kAskTime = std::chrono::seconds(2);
// Of a peer that nothing was measured of yet, and of one that is away.
constexpr auto kUnknownTime = std::chrono::milliseconds(100);
constexpr auto kAwayTime = std::chrono::hours(1);
constexpr NodeNumber kFounder = 1;
// What a node takes in while it serves, until it is measured.
constexpr std::uint64_t kUsualBandwidth = 50'000'000;

std::string encode(const cluster::CatchingUp& progress) {
    codec::Writer out;
    out.u32(static_cast<std::uint32_t>(progress.share * 1'000'000)).u64(progress.seconds_left.value_or(UINT64_MAX));
    return out.take();
}

std::optional<cluster::CatchingUp> decode(std::string_view bytes) {
    codec::Reader in(bytes);
    cluster::CatchingUp out;
    out.share = std::min(1.0, in.u32() / 1e6);
    const auto seconds = in.u64();
    if (seconds != UINT64_MAX) out.seconds_left = seconds;
    return in.finish("progress") ? std::optional(out) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Peers>> Peers::open(io::RealEnv& world, rpc::NodeKey key, std::string meta_folder) {
    auto known = model::read_membership(world.env().disk, meta_folder);
    if (!known && !known.error().is(base::Code::not_found)) return base::fail(known.error());
    const bool joined = known.has_value();
    if (!joined) known = model::Membership{};
    if (!joined) known->self = kFounder;
    std::unique_ptr<Peers> out(new Peers(world, std::move(key), std::move(meta_folder), std::move(*known)));
    out->joined_ = joined;
    return out;
}

Peers::Peers(io::RealEnv& world, rpc::NodeKey key, std::string meta_folder, model::Membership membership)
    : world_(world), key_(std::move(key)), meta_folder_(std::move(meta_folder)), membership_(std::move(membership)) {
    network_ = std::make_unique<rpc::PeerNetwork>(world, key_, membership_.self);
    auto& outer = world.env();
    env_ = std::make_unique<io::Env>(
        io::Env{outer.executor, outer.clock, outer.random, outer.disk, *network_, outer.blocking});
    network_->on_change([this](NodeNumber peer, bool) { last_seen_[peer] = world_.env().clock.wall_now(); });
    network_->serve(kProgressMethod, [this](NodeNumber, io::Message) { return tell_progress(); });
    use_members();
}

Peers::~Peers() = default;

void Peers::attach(engine::Engine& engine, std::string cluster_name) {
    engine_ = &engine;
    membership_.cluster_name = std::move(cluster_name);
}

base::NodeId Peers::founder() const {
    const auto* first = membership_.find(kFounder);
    return first != nullptr ? first->id : key_.id();
}

void Peers::use_members() {
    std::vector<NodeNumber> all{membership_.self};
    std::vector<rpc::PeerInfo> others;
    numbers_.clear();
    numbers_[key_.id()] = membership_.self;
    for (const auto& member : membership_.members) {
        numbers_[member.id] = member.number;
        if (member.stage == model::MemberStage::gone || member.number == membership_.self) continue;
        all.push_back(member.number);
        others.push_back({member.number, member.id, member.addresses});
    }
    std::ranges::sort(all);
    all_ = std::move(all);
    // Members only ever come, or go for good: their number and those gone count up.
    version_ = 0;
    for (const auto& member : membership_.members) version_ += member.stage == model::MemberStage::gone ? 2 : 1;
    network_->set_peers(std::move(others));
}

void Peers::members_are(const std::vector<model::MemberRow>& members) {
    auto next = members;
    // Those that are gone are not told of; what is known of them stays, since their numbers stand in rows.
    for (const auto& known : membership_.members) {
        if (std::ranges::find(next, known.number, &model::MemberRow::number) != next.end()) continue;
        next.push_back(known);
        next.back().stage = model::MemberStage::gone;
    }
    std::ranges::sort(next, {}, &model::MemberRow::number);
    if (next == membership_.members) return;
    membership_.members = std::move(next);
    use_members();
    keep_file();
    if (engine_ != nullptr) engine::contacts_changed(*engine_);
}

void Peers::keep_file() {
    auto kept = membership_;
    if (engine_ != nullptr) {
        const auto& known = engine::layouts(*engine_);
        kept.live = known.live;
        kept.given_up = known.given_up;
    }
    const auto written = model::write_membership(world_.env().disk, meta_folder_, kept);
    if (written) return;
    base::log::error("the file of members cannot be written", "check the disk's space and health",
                     {{"reason", written.error().message}});
}

NodeNumber Peers::number_of(const base::NodeId& id) const {
    const auto found = numbers_.find(id);
    return found == numbers_.end() ? 0 : found->second;
}

bool Peers::is_away(NodeNumber node) const {
    return node != membership_.self && !network_->is_up(node);
}

base::Duration Peers::rtt(NodeNumber node) const {
    if (node == membership_.self) return {};
    if (!network_->is_up(node)) return kAwayTime;
    return network_->rtt(node).value_or(kUnknownTime);
}

base::Duration Peers::p95(NodeNumber node) const {
    if (node == membership_.self) return kUnknownTime;
    return network_->p95(node).value_or(
        2 * std::max<base::Duration>(network_->rtt(node).value_or(kUnknownTime), std::chrono::milliseconds(5)));
}

layout::History Peers::history() const {
    return engine_ != nullptr ? engine::layouts(*engine_) : layout::History();
}

Task<Result<void>> Peers::adopt(layout::Layout next) {
    return engine::adopt_layout(*engine_, std::move(next));
}

Task<Result<void>> Peers::give_up(std::vector<base::NodeId> dead, bool allow_loss) {
    return engine::give_up_nodes(*engine_, std::move(dead), allow_loss);
}

control::Contact Peers::contact(NodeNumber member) const {
    control::Contact out;
    out.up = !is_away(member);
    if (member == membership_.self) {
        out.last_seen = world_.env().clock.wall_now();
        return out;
    }
    if (out.up) out.last_seen = world_.env().clock.wall_now();
    if (const auto seen = last_seen_.find(member); !out.up && seen != last_seen_.end()) out.last_seen = seen->second;
    if (out.up) out.rtt = network_->rtt(member);
    return out;
}

cluster::CatchingUp Peers::own_progress() {
    cluster::CatchingUp out{1, 0};
    const auto taking = engine_ != nullptr ? engine::taking(*engine_) : engine::Taking();
    if (taking.idle) {
        began_.reset();
        return out;
    }
    const auto total = taking.bytes_total + taking.rows_total;
    out.share = total == 0 ? 0 : static_cast<double>(taking.bytes_done + taking.rows_done) / static_cast<double>(total);
    out.share = std::min(out.share, 0.999);
    out.seconds_left.reset();
    const auto now = world_.env().clock.now();
    if (!began_ || out.share < began_->share) began_ = Pace{now, out.share};
    const auto seconds = std::chrono::duration<double>(now - began_->when).count();
    const auto gained = out.share - began_->share;
    if (gained > 0.001 && seconds > 1) {
        out.seconds_left = static_cast<std::uint64_t>((1 - out.share) / gained * seconds) + 1;
    }
    return out;
}

Task<Result<io::Message>> Peers::tell_progress() {
    co_return io::Message{encode(own_progress()), {}};
}

std::optional<cluster::CatchingUp> Peers::catching_up(NodeNumber member) const {
    const auto found = progress_.find(member);
    return found == progress_.end() || found->second.share >= 1 ? std::nullopt : std::optional(found->second);
}

Task<void> Peers::ask_one(NodeNumber node) {
    const auto answer = co_await network_->call(node, kProgressMethod, {}, world_.env().clock.after(kAskTime));
    if (const auto told = answer ? decode(answer->body) : std::nullopt; told) progress_[node] = *told;
}

Task<void> Peers::ask_progress() {
    progress_[membership_.self] = own_progress();
    io::TaskGroup group(world_.env().executor);
    for (const auto node : all_) {
        if (node != membership_.self && network_->is_up(node)) group.spawn(ask_one(node));
    }
    co_await group.join();
}

Task<Result<std::vector<std::uint64_t>>> Peers::partition_bytes() {
    CO_TRY(const auto status, co_await engine_->status());
    const auto& live = engine::layouts(*engine_).live;
    const auto partitions = live.empty() ? 1 : live.rbegin()->second.partitions();
    // Names of content are hashes: they spread evenly.
    co_return std::vector<std::uint64_t>(partitions, status.bytes / partitions);
}

std::uint64_t Peers::bandwidth() const {
    return kUsualBandwidth;
}

Result<control::Token> Peers::make_token(base::WallTime expires) {
    return daemon::make_token(world_.env().random, fingerprint_of(founder()), advertised_, expires);
}

}  // namespace larder::daemon
