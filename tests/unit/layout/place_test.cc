#include "replication/layout/layout.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <bit>
#include <limits>
#include <random>
#include <set>

namespace larder::layout {
namespace {

base::NodeId node(std::uint32_t n) {
    base::NodeId id;
    id.bytes[0] = static_cast<std::uint8_t>(n >> 8);
    id.bytes[1] = static_cast<std::uint8_t>(n);
    return id;
}

Layout empty(std::uint32_t partitions) {
    Layout former;
    former.replicas.resize(partitions);
    return former;
}

// Tries every placement.
class BruteForce {
 public:
    BruteForce(const Layout& former, const Roles& roles, const Redundancy& wanted) : former_(former) {
        for (const auto& [id, role] : roles) {
            if (role.stores()) nodes_.push_back(id), roles_.push_back(role);
        }
        for (std::uint32_t set = 0; set < 1U << nodes_.size(); ++set) {
            if (std::popcount(set) != wanted.copies) continue;
            std::set<std::string> zones;
            for (std::size_t n = 0; n < nodes_.size(); ++n) {
                if (set >> n & 1) zones.insert(roles_[n].zone);
            }
            if (zones.size() >= wanted.zones) sets_.push_back(set);
        }
        load_.resize(nodes_.size());
        search(0, 0);
    }

    std::uint64_t size = 0;
    std::uint64_t moved = 0;

 private:
    void search(std::size_t p, std::uint64_t moves) {
        if (p == former_.replicas.size()) return judge(moves);
        for (const auto set : sets_) {
            std::uint64_t more = 0;
            for (std::size_t n = 0; n < nodes_.size(); ++n) {
                if (!(set >> n & 1)) continue;
                ++load_[n];
                more += !holds(former_, static_cast<Partition>(p), nodes_[n]);
            }
            search(p + 1, moves + more);
            for (std::size_t n = 0; n < nodes_.size(); ++n) load_[n] -= set >> n & 1;
        }
    }
    void judge(std::uint64_t moves) {
        std::uint64_t fitting = std::numeric_limits<std::uint64_t>::max();
        for (std::size_t n = 0; n < nodes_.size(); ++n) {
            if (load_[n] > 0) fitting = std::min(fitting, roles_[n].capacity / load_[n]);
        }
        if (fitting > size) size = fitting, moved = moves;
        if (fitting == size) moved = std::min(moved, moves);
    }

    const Layout& former_;
    std::vector<base::NodeId> nodes_;
    std::vector<Role> roles_;
    std::vector<std::uint32_t> sets_;
    std::vector<std::uint64_t> load_;
};

Roles random_roles(std::mt19937& random) {
    const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
    Roles roles;
    const std::uint32_t count = 1 + below(5);
    const std::uint32_t zones = 1 + below(4);
    for (std::uint32_t n = 0; n < count; ++n) {
        const bool gateway = below(8) == 0;
        roles[node(below(7))] = {"z" + std::to_string(below(zones)), gateway ? 0 : 4 + below(40), gateway, {}};
    }
    return roles;
}

TEST_CASE("small clusters: the greatest partition size, and then the fewest copies moved, as trying all finds") {
    std::mt19937 random(20);
    std::size_t placed = 0;
    for (int round = 0; round < 1500; ++round) {
        Layout former = empty(1U << random() % 3);
        for (int change = 0; change < 3; ++change) {
            const Roles roles = random_roles(random);
            Policy policy;
            policy.copies = static_cast<std::uint8_t>(1 + random() % 3);
            policy.zone_redundancy = static_cast<std::uint8_t>(random() % (policy.copies + 1));
            const auto wanted = redundancy_of(policy, roles);
            const auto next = place(former, policy, roles);
            REQUIRE(next.has_value() == wanted.has_value());
            if (!next) continue;
            const BruteForce best(former, roles, *wanted);
            REQUIRE(next->partition_bytes == best.size);
            REQUIRE(copies_moved(former, *next) == best.moved);
            REQUIRE(check(*next));
            former = *next;
            ++placed;
        }
    }
    CHECK(placed > 2000);
}

// What surely has to move: copies on nodes that are gone or have no room for them any more.
std::uint64_t least_moved(const Layout& former, const Layout& next) {
    std::map<base::NodeId, std::uint64_t> held;
    for (const auto& nodes : former.replicas) {
        for (const auto& id : nodes) ++held[id];
    }
    std::uint64_t least = 0;
    for (const auto& [id, copies] : held) {
        const auto role = next.roles.find(id);
        const std::uint64_t room = role == next.roles.end() ? 0 : role->second.capacity / next.partition_bytes;
        least += copies > room ? copies - room : 0;
    }
    return least;
}

TEST_CASE("a hundred nodes: the room is used, and only what must move moves") {
    std::mt19937 random(7);
    Roles roles;
    std::uint64_t all = 0;
    for (std::uint32_t n = 0; n < 100; ++n) {
        const std::uint64_t capacity = 1'000'000'000 + random() % 1'000'000'000;
        roles[node(n)] = {"zone " + std::to_string(n % 10), capacity, false, {}};
        all += capacity;
    }
    const auto first = place(empty(256), Policy{3, 2}, roles);
    REQUIRE(first);
    REQUIRE(check(*first));
    // No node can be left with the room of a whole partition while another could not have more.
    CHECK(first->usable_bytes() * 3 <= all);
    CHECK(first->usable_bytes() * 3 > all - 100 * first->partition_bytes);
    roles.erase(node(17));
    const auto second = place(*first, Policy{3, 2}, roles);
    REQUIRE(second);
    REQUIRE(check(*second));
    CHECK(copies_moved(*first, *second) == least_moved(*first, *second));
}

TEST_CASE("a fourth zone takes its quarter, and nothing else moves") {
    Roles roles;
    for (std::uint32_t n = 0; n < 3; ++n) roles[node(n)] = {"zone " + std::to_string(n), 1 << 30, false, {}};
    const auto three = place(Layout{}, Policy{}, roles);
    REQUIRE(three);
    CHECK(three->partitions() == kDefaultPartitions);
    roles[node(3)] = {"zone 3", 1 << 30, false, {}};
    const auto four = place(*three, Policy{}, roles);
    REQUIRE(four);
    CHECK(copies_moved(*three, *four) == 1024 * 3 / 4);
    const auto same = place(*four, Policy{}, roles);
    REQUIRE(same);
    CHECK(same->epoch == 3);
    CHECK(same->replicas == four->replicas);
    const auto again = place(*three, Policy{}, roles);
    REQUIRE(again);
    CHECK(encode(*again) == encode(*four));
}

TEST_CASE("with zone redundancy at its maximum there are as many copies as zones") {
    Roles roles;
    roles[node(1)] = {"home", 100, false, {}};
    CHECK(redundancy_of(Policy{}, roles) == Redundancy{1, 1});
    roles[node(2)] = {"home", 100, false, {}};
    roles[node(3)] = {"shed", 100, false, {}};
    CHECK(redundancy_of(Policy{}, roles) == Redundancy{2, 2});
}

TEST_CASE("what cannot be placed is refused with what to do") {
    const auto message = [](Policy policy, const Roles& roles) {
        const auto made = place(Layout{}, policy, roles);
        REQUIRE_FALSE(made);
        CHECK(made.error().is(base::Code::invalid_argument));
        return made.error().message;
    };
    Roles roles;
    CHECK(message({}, roles) == "No node stores anything: give at least one a capacity.");
    roles[node(1)] = {"home", 100'000, false, {}};
    CHECK(message({3, 1}, roles) ==
          "3 copies need as many storing nodes, and there is 1: add nodes or ask for fewer copies.");
    roles[node(2)] = {"home", 100'000, false, {}};
    CHECK(message({2, 2}, roles) ==
          "Copies must lie in 2 zones, and nodes store in 1: add a node in another zone or ask for fewer zones.");
    CHECK(message({2, 3}, roles) == "2 copies cannot lie in 3 zones: ask for fewer zones or more copies.");
    CHECK(message({8, 1}, roles) == "The number of copies must be 1 to 7, not 8.");
    Roles tiny = roles;
    tiny[node(1)].capacity = tiny[node(2)].capacity = 10;
    CHECK_THAT(message({2, 1}, tiny), Catch::Contains("too small to share out"));
    Roles zero = roles;
    zero[node(2)].capacity = 0;
    CHECK_THAT(message({1, 1}, zero), Catch::Contains("capacity zero"));
    Roles both = roles;
    both[node(2)].gateway = true;
    CHECK_THAT(message({1, 1}, both), Catch::Contains("is a gateway and has a capacity"));
    Roles nowhere = roles;
    nowhere[node(2)].zone.clear();
    CHECK_THAT(message({1, 1}, nowhere), Catch::Contains("no valid zone"));
}

}  // namespace
}  // namespace larder::layout
