// The greatest partition size needs no flow. A placement is a flow from partitions through zones to nodes, and the
// partitions are alike: the mean of a flow over all permutations of the partitions is a flow too, with equal shares,
// and where a flow of fractions exists one of integers does (capacities are integers). So all partitions may be taken
// together. With room[n] = min(capacity / size, partitions) and room[z] its sum over a zone, a size is possible exactly
// if
//   sum over zones of room[z]                     >= partitions * copies   (every copy has a place) and
//   sum over zones of min(room[z], partitions)    >= partitions * zones    (in enough different zones).
#include "replication/layout/flow.h"
#include "replication/layout/layout.h"
#include "src/base/assert.h"

#include <algorithm>

namespace larder::layout {

namespace {

struct Node {
    base::NodeId id;
    std::uint64_t capacity = 0;
    std::uint32_t zone = 0;
    std::uint32_t room = 0;  // copies that fit
};

struct Problem {
    std::vector<Node> nodes;  // those that store, by id
    std::uint32_t zones = 0;
    std::uint32_t partitions = 0;
    Redundancy wanted;
};

Problem make_problem(const Roles& roles, std::uint32_t partitions, const Redundancy& wanted) {
    Problem problem;
    problem.partitions = partitions;
    problem.wanted = wanted;
    std::map<std::string_view, std::uint32_t> zones;
    for (const auto& [id, role] : roles) {
        if (!role.stores()) continue;
        const auto zone = zones.emplace(role.zone, static_cast<std::uint32_t>(zones.size())).first->second;
        problem.nodes.push_back({id, role.capacity, zone, 0});
    }
    problem.zones = static_cast<std::uint32_t>(zones.size());
    return problem;
}

bool fits(const Problem& problem, std::uint64_t size) {
    std::vector<std::uint64_t> room(problem.zones, 0);
    for (const Node& node : problem.nodes) {
        room[node.zone] += std::min<std::uint64_t>(node.capacity / size, problem.partitions);
    }
    std::uint64_t all = 0;
    std::uint64_t apart = 0;
    for (const auto zone : room) {
        all += zone;
        apart += std::min<std::uint64_t>(zone, problem.partitions);
    }
    const std::uint64_t partitions = problem.partitions;
    return all >= partitions * problem.wanted.copies && apart >= partitions * problem.wanted.zones;
}

// 0 when not even one byte fits.
std::uint64_t greatest_size(const Problem& problem) {
    std::uint64_t fitting = 0;
    std::uint64_t too_large = kMaxCapacity + 1;
    while (too_large - fitting > 1) {
        const std::uint64_t middle = fitting + (too_large - fitting) / 2;
        (fits(problem, middle) ? fitting : too_large) = middle;
    }
    return fitting;
}

// The graph of one placement: source → partition (→ zone of the partition) → node → sink.
class Graph {
 public:
    Graph(const Problem& problem, const Layout& former)
        : problem_(problem),
          former_(former),
          through_zones_(problem.wanted.zones > 1),
          flow_(2 + problem.nodes.size() +
                std::size_t{problem.partitions} * (through_zones_ ? 2 + std::size_t{problem.zones} : 1)) {
        for (std::uint32_t p = 0; p < problem.partitions; ++p) add_partition(p);
        for (std::uint32_t n = 0; n < problem.nodes.size(); ++n) {
            const auto room = static_cast<std::int32_t>(problem.nodes[n].room);
            if (room > 0) flow_.add(node(n), kSink, room);
        }
    }

    // The nodes of each partition, as numbers, ascending.
    std::vector<std::vector<std::uint32_t>> solve() {
        const auto sent = flow_.run(kSource, kSink);
        ENSURE(sent == std::uint64_t{problem_.partitions} * problem_.wanted.copies);
        std::vector<std::vector<std::uint32_t>> placed(problem_.partitions);
        for (const auto& [edge, partition, number] : choices_) {
            if (flow_.sent(edge) > 0) placed[partition].push_back(number);
        }
        for (auto& numbers : placed) std::ranges::sort(numbers);
        return placed;
    }

 private:
    static constexpr Flow::Vertex kSource = 0;
    static constexpr Flow::Vertex kSink = 1;
    struct Choice {
        Flow::Edge edge;
        std::uint32_t partition;
        std::uint32_t node;
    };

    Flow::Vertex node(std::uint32_t n) const { return 2 + n; }
    Flow::Vertex partition(std::uint32_t p) const {
        const std::uint32_t each = through_zones_ ? 2 + problem_.zones : 1;
        return 2 + static_cast<std::uint32_t>(problem_.nodes.size()) + p * each;
    }

    // One unit to each of `zones` zones at least, the rest to any.
    void add_partition(std::uint32_t p) {
        const Flow::Vertex apart = partition(p);
        const int copies = problem_.wanted.copies;
        const int zones = problem_.wanted.zones;
        flow_.add(kSource, apart, through_zones_ ? zones : copies);
        if (through_zones_ && copies > zones) flow_.add(kSource, apart + 1, copies - zones);
        for (std::uint32_t z = 0; through_zones_ && z < problem_.zones; ++z) {
            // Each partition begins elsewhere, so that free choices spread.
            const std::uint32_t zone = (z + p) % problem_.zones;
            flow_.add(apart, apart + 2 + zone, 1);
            if (copies > zones) flow_.add(apart + 1, apart + 2 + zone, copies - zones);
        }
        add_choices(p);
    }

    void add_choices(std::uint32_t p) {
        const auto count = static_cast<std::uint32_t>(problem_.nodes.size());
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint32_t n = static_cast<std::uint32_t>((i + std::uint64_t{p} * problem_.wanted.copies) % count);
            const Node& to = problem_.nodes[n];
            if (to.room == 0) continue;
            const Flow::Vertex from = through_zones_ ? partition(p) + 2 + to.zone : partition(p);
            choices_.push_back({flow_.add(from, node(n), 1, holds(former_, p, to.id) ? -1 : 0), p, n});
        }
    }

    const Problem& problem_;
    const Layout& former_;
    bool through_zones_;  // a copy is in one zone anyhow
    Flow flow_;
    std::vector<Choice> choices_;
};

// Those that stay in their former order, then the new ones.
std::vector<base::NodeId> in_order(const Problem& problem, const std::vector<std::uint32_t>& placed,
                                   const std::vector<base::NodeId>& former) {
    std::vector<base::NodeId> out;
    std::vector<base::NodeId> added;
    for (const auto n : placed) added.push_back(problem.nodes[n].id);
    for (const auto& node : former) {
        if (std::erase(added, node) > 0) out.push_back(node);
    }
    out.insert(out.end(), added.begin(), added.end());
    return out;
}

}  // namespace

base::Result<Layout> place(const Layout& former, const Policy& policy, const Roles& roles) {
    TRY(const Redundancy wanted, redundancy_of(policy, roles));
    const std::uint32_t partitions = former.replicas.empty() ? kDefaultPartitions : former.partitions();
    Problem problem = make_problem(roles, partitions, wanted);
    Layout next;
    next.epoch = former.epoch + 1;
    next.policy = policy;
    next.roles = roles;
    next.partition_bytes = greatest_size(problem);
    if (next.partition_bytes == 0) {
        return base::fail(base::Code::invalid_argument, base::Subject::config,
                          "The capacities are too small to share out: give the nodes more bytes (was a unit such as GB "
                          "forgotten?).");
    }
    for (Node& node : problem.nodes) {
        node.room =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(node.capacity / next.partition_bytes, partitions));
    }
    const auto placed = Graph(problem, former).solve();
    next.replicas.reserve(partitions);
    static const std::vector<base::NodeId> kNone;
    for (std::uint32_t p = 0; p < partitions; ++p) {
        next.replicas.push_back(in_order(problem, placed[p], p < former.replicas.size() ? former.replicas[p] : kNone));
    }
    return next;
}

}  // namespace larder::layout
