#include "tests/unit/control/harness.h"

#include <catch2/catch.hpp>

namespace larder::control {

base::NodeId node_id(std::uint8_t n) {
    base::NodeId id;
    id.bytes.fill(n);
    return id;
}

Task<Result<void>> FakeSurroundings::adopt(layout::Layout next) {
    if (!shared.moving) shared.history.live.clear();
    const auto epoch = next.epoch;
    shared.history.live.emplace(epoch, std::move(next));
    co_return Result<void>();
}

Task<Result<void>> FakeSurroundings::give_up(std::vector<base::NodeId> dead, bool allow_loss) {
    co_return layout::give_up(shared.history, dead, allow_loss);
}

Contact FakeSurroundings::contact(io::NodeNumber member) const {
    const auto found = shared.contacts.find(member);
    return found == shared.contacts.end() ? Contact{true, {}, std::chrono::milliseconds(30)} : found->second;
}

Task<Result<std::vector<std::uint64_t>>> FakeSurroundings::partition_bytes() {
    co_return std::vector<std::uint64_t>(layout::kDefaultPartitions, shared.bytes_a_partition);
}

// Named by the letter that is its text.
Result<Token> FakeSurroundings::make_token(base::WallTime) {
    const auto letter = static_cast<char>('a' + shared.tokens++);
    Token out{std::string(1, letter), {}, {}};
    out.name.bytes.fill(static_cast<std::uint8_t>(letter));
    out.key.bytes.fill(static_cast<std::uint8_t>(letter));
    return out;
}

ControlWorld::Node::Node(ControlWorld& world, sim::Place place)
    : executor(world.rows.world, place),
      clock(world.rows.world, place),
      random(world.rows.world),
      blocking(executor),
      network(place),
      env{executor, clock, random, *disk, network, blocking},
      surroundings(world.shared),
      control(env, Tables{world.rows.at(place), world.rows.at(place), world.rows.at(place)}, surroundings,
              Identity{node_id(static_cast<std::uint8_t>(place)), "quiet-heron", "1.0"}) {}

ControlWorld::ControlWorld(std::uint64_t seed) : rows(3, seed) {
    for (sim::Place place = 1; place <= 3; ++place) nodes_.push_back(std::make_unique<Node>(*this, place));
}

ClusterControl& ControlWorld::at(sim::Place number) {
    return nodes_[number - 1]->control;
}

FakeSurroundings& ControlWorld::surroundings(sim::Place number) {
    return nodes_[number - 1]->surroundings;
}

void ControlWorld::found() {
    const auto done = run(at(1).found(Machine{"attic", "home", 1'000'000'000, false, {"10.0.0.1:3901"}, "1.0"}));
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
}

model::InvitationName ControlWorld::invitation(std::uint32_t uses, std::chrono::seconds valid) {
    const auto made = run(at(1).invite({valid, uses, "root"}));
    REQUIRE(made);
    model::InvitationName name;
    name.bytes.fill(static_cast<std::uint8_t>(made->token.at(0)));
    return name;
}

Joiner ControlWorld::joiner(std::uint8_t n, const std::string& name, const std::string& zone) const {
    return {node_id(n), Machine{name, zone, 1'000'000'000, false, {}, "1.0"}, now(), false};
}

model::Welcome ControlWorld::join(std::uint8_t n, const std::string& name, const std::string& zone,
                                  std::uint64_t capacity) {
    auto who = joiner(n, name, zone);
    who.machine.capacity = capacity;
    who.zone_agreed = true;
    const auto welcome = run(at(1).admit(invitation(), who));
    INFO((welcome ? "" : welcome.error().message));
    REQUIRE(welcome);
    return *welcome;
}

void ControlWorld::pass(base::Duration time) {
    bool passed = false;
    rows.later(time, [&passed] { passed = true; });
    while (!passed) rows.world.step();
}

}  // namespace larder::control
