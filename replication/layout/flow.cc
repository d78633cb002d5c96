#include "replication/layout/flow.h"

#include "src/base/assert.h"

#include <algorithm>
#include <deque>
#include <limits>

namespace larder::layout {

namespace {
constexpr std::int32_t kFar = std::numeric_limits<std::int32_t>::max() / 2;
}

Flow::Edge Flow::add(Vertex from, Vertex to, std::int32_t capacity, std::int32_t cost) {
    ENSURE(capacity > 0 && from < edges_of_.size() && to < edges_of_.size());
    const auto edge = static_cast<Edge>(arcs_.size());
    arcs_.push_back({to, capacity, cost});
    arcs_.push_back({from, 0, -cost});
    edges_of_[from].push_back(edge);
    edges_of_[to].push_back(edge + 1);
    return edge;
}

std::uint64_t Flow::run(Vertex source, Vertex sink) {
    std::uint64_t total = 0;
    while (find_distances(source, sink)) {
        while (find_levels(source, sink)) {
            next_.assign(edges_of_.size(), 0);
            while (const std::int32_t sent = push(source, sink)) total += static_cast<std::uint64_t>(sent);
        }
    }
    return total;
}

// Bellman and Ford with a queue. There is never a cycle of negative cost, because every flow so far was of least cost.
bool Flow::find_distances(Vertex source, Vertex sink) {
    distance_.assign(edges_of_.size(), kFar);
    std::vector<char> waits(edges_of_.size(), 0);
    std::deque<Vertex> queue{source};
    distance_[source] = 0;
    while (!queue.empty()) {
        const Vertex at = queue.front();
        queue.pop_front();
        waits[at] = 0;
        for (const Edge edge : edges_of_[at]) {
            const Arc& arc = arcs_[edge];
            if (arc.room == 0 || distance_[at] + arc.cost >= distance_[arc.to]) continue;
            distance_[arc.to] = distance_[at] + arc.cost;
            if (waits[arc.to]) continue;
            waits[arc.to] = 1;
            // What just became nearer goes first: the others are likely to be reached from it.
            if (arc.cost < 0) {
                queue.push_front(arc.to);
            } else {
                queue.push_back(arc.to);
            }
        }
    }
    return distance_[sink] < kFar;
}

bool Flow::find_levels(Vertex source, Vertex sink) {
    level_.assign(edges_of_.size(), -1);
    level_[source] = 0;
    std::vector<Vertex> queue{source};
    for (std::size_t i = 0; i < queue.size() && level_[sink] < 0; ++i) {
        const Vertex at = queue[i];
        for (const Edge edge : edges_of_[at]) {
            const Arc& arc = arcs_[edge];
            if (level_[arc.to] >= 0 || !usable(at, arc)) continue;
            level_[arc.to] = level_[at] + 1;
            queue.push_back(arc.to);
        }
    }
    return level_[sink] >= 0;
}

// Sends along one path of the level graph and returns how much; 0 when there is none left. Without recursion: paths
// may be as long as there are vertices.
std::int32_t Flow::push(Vertex source, Vertex sink) {
    std::vector<Edge> path;
    Vertex at = source;
    while (at != sink) {
        bool found = false;
        for (auto& i = next_[at]; i < edges_of_[at].size(); ++i) {
            const Edge edge = edges_of_[at][i];
            const Arc& arc = arcs_[edge];
            if (level_[arc.to] != level_[at] + 1 || !usable(at, arc)) continue;
            path.push_back(edge);
            at = arc.to;
            found = true;
            break;
        }
        if (found) continue;
        if (path.empty()) return 0;
        at = arcs_[path.back() ^ 1].to;
        path.pop_back();
        ++next_[at];
    }
    std::int32_t room = kFar;
    for (const Edge edge : path) room = std::min(room, arcs_[edge].room);
    for (const Edge edge : path) {
        arcs_[edge].room -= room;
        arcs_[edge ^ 1].room += room;
    }
    return room;
}

}  // namespace larder::layout
