#include "src/daemon/cluster_node.h"

#include "replication/cluster_rows.h"
#include "src/base/log.h"
#include "src/base/size.h"

#include <iostream>

namespace larder::daemon {

using base::Result;
using io::Task;

namespace {

// Between looks at what other members have changed.
constexpr auto kLookEvery = std::chrono::seconds(2);

Result<bool> is_there(io::Disk& disk, const Config& config) {
    TRY(const bool node, disk.exists(config.meta_folder() + "/node"));
    TRY(const bool member, disk.exists(config.meta_folder() + "/member"));
    return node || member;
}

}  // namespace

Result<std::unique_ptr<ClusterNode>> ClusterNode::open(io::RealEnv& world, const Config& config, bool create) {
    auto& env = world.env();
    TRY(const bool there, is_there(env.disk, config));
    if (!there && !create) {
        return base::fail(base::Code::not_found, base::Subject::node,
                          "no node has been set up in " + config.meta_folder());
    }
    TRY_VOID(env.disk.make_folder(config.meta_folder()));
    TRY(auto key, rpc::NodeKey::open(env.disk, env.random, config.meta_folder()));
    TRY(auto peers, Peers::open(world, key, config.meta_folder()));
    return std::unique_ptr<ClusterNode>(new ClusterNode(world, config, std::move(key), std::move(peers)));
}

ClusterNode::ClusterNode(io::RealEnv& world, const Config& config, rpc::NodeKey key, std::unique_ptr<Peers> peers)
    : world_(world), config_(config), key_(std::move(key)), peers_(std::move(peers)), tasks_(world.env().executor) {}

Started ClusterNode::complete(engine::Options& options, bool create) {
    options.identify = [id = key_.id()]() -> Result<base::NodeId> { return id; };
    options.contacts = peers_.get();
    auto said = config_;
    if (!create) said.capacity.clear();  // it counts at the first start alone; disks may have filled since
    const auto folders = folders_of(world_.env().disk, config_);
    if (!folders) return std::unexpected(admin::problem_of(folders.error()));
    auto machine = machine_of(said, *folders);
    if (!machine) return std::unexpected(machine.error());
    machine_ = std::move(*machine);
    if (peers_->is_joined()) {
        const auto known = world_.env().disk.exists(config_.meta_folder() + "/node");
        options.create = options.create || (known && !*known);
        options.cluster_name = peers_->cluster_name();
        return {};
    }
    const layout::Roles roles{{key_.id(), layout::Role{machine_.zone, machine_.capacity, false, {}}}};
    auto first = layout::place(layout::Layout(), layout::Policy(), roles);
    if (!first) return std::unexpected(admin::problem_of(first.error()));
    options.first_layout = std::move(*first);
    return {};
}

Started ClusterNode::listen() {
    if (config_.rpc_address == "none") return {};
    const auto listening = peers_->network().door().listen(config_.rpc_address);
    if (listening) return {};
    auto problem = admin::problem_of(listening.error());
    if (listening.error().code == base::Code::already_exists) {
        problem = admin::make_problem("address-in-use", listening.error().message);
    }
    return std::unexpected(std::move(problem));
}

Task<Started> ClusterNode::start(engine::Engine& engine, bool create) {
    const auto status = co_await engine.status();
    if (!status) co_return std::unexpected(admin::problem_of(status.error()));
    peers_->attach(engine, status->cluster_name);
    const auto rows = [&engine](table::TableId id) -> table::Registers& { return engine::cluster_rows(engine, id); };
    const control::Tables tables{rows(model::kMembers), rows(model::kInvitations), rows(model::kLayouts)};
    control_ = std::make_unique<control::ClusterControl>(
        env(), tables, *peers_, control::Identity{status->node, status->cluster_name, LARDER_VERSION});
    if (!peers_->is_joined()) {
        const auto& live = engine::layouts(engine).live;
        const auto founded = co_await control_->found(machine_, live.begin()->second);
        if (!founded && create) co_return std::unexpected(admin::problem_of(founded.error()));
        // Objects are served all the same; the status tells.
        if (!founded) {
            base::log::error("the state of the cluster cannot be read", "larder status",
                             {{"reason", founded.error().message}});
        }
    }
    if (config_.init) co_return Started();
    if (config_.rpc_address != "none") {
        peers_->advertise(machine_.addresses);
        door_ = std::make_unique<rpc::JoinDoor>(world_, peers_->network().door(), key_.id(),
                                                join_rules(*control_, fingerprint_of(peers_->founder())));
    }
    tasks_.spawn(keep_up());
    co_return Started();
}

// Members and layouts change at any node; rows tell of it.
Task<void> ClusterNode::keep_up() {
    for (;;) {
        const auto done = co_await control_->place_waiting();
        if (!done) base::log::debug("the state of the cluster cannot be read now", {{"reason", done.error().message}});
        co_await peers_->ask_progress();
        co_await world_.env().clock.sleep_for(kLookEvery);
    }
}

Task<void> ClusterNode::leave(base::Instant deadline) {
    tasks_.stop();
    door_.reset();
    co_await peers_->network().leave(deadline);
}

void ClusterNode::detach() {
    tasks_.stop();
    peers_->detach();
    control_.reset();
}

Task<Started> join_cluster(io::RealEnv& world, const Config& config) {
    auto& disk = world.env().disk;
    const auto there = is_there(disk, config);
    if (there && *there) {
        co_return std::unexpected(
            admin::make_problem("already-set-up", "this machine is set up already.", {"data folder: " + config.data}));
    }
    auto token = config.join_token;
    if (token == "-") std::getline(std::cin, token);
    if (const auto made = disk.make_folder(config.meta_folder()); !made) {
        co_return std::unexpected(admin::problem_of(made.error()));
    }
    auto key = rpc::NodeKey::open(disk, world.env().random, config.meta_folder());
    if (!key) co_return std::unexpected(admin::problem_of(key.error()));
    const auto folders = folders_of(disk, config);
    if (!folders) co_return std::unexpected(admin::problem_of(folders.error()));
    auto machine = machine_of(config, *folders);
    if (!machine) co_return std::unexpected(machine.error());
    const auto name = machine->name;
    auto joined = co_await ask_for_membership(world, *key, token, std::move(*machine), config.same_place);
    if (!joined) co_return std::unexpected(joined.error());
    const auto& membership = joined->welcome.membership;
    if (const auto kept = model::write_membership(disk, config.meta_folder(), membership); !kept) {
        co_return std::unexpected(admin::problem_of(kept.error()));
    }
    const auto round_trip = std::chrono::duration_cast<std::chrono::milliseconds>(joined->round_trip).count();
    std::cout << "Reached the cluster at " << joined->address << " (" << round_trip
              << " ms); it proved to be the one of the token.\nJoined \"" << membership.cluster_name << "\" as " << name
              << ", place " << config.place << ", member " << membership.self << ".\n"
              << base::format_size(joined->welcome.bytes_to_copy) << " to copy.\n\nNext:\n  larder server --data "
              << config.data << "     (or: systemctl restart larder-server)\n  larder status --watch\n";
    co_return Started();
}

}  // namespace larder::daemon
