// A flow of least cost from a source to a sink: successive shortest paths by costs, all paths of a cost at once
// (primal-dual method: Ahuja, Magnanti, Orlin, "Network Flows", 1993, chapter 9.8; the flow of one cost by Dinic 1970).
// Deterministic: the result depends on the order of add() alone. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

namespace larder::layout {

class Flow {
 public:
    using Vertex = std::uint32_t;
    using Edge = std::uint32_t;

    // Vertices are 0 .. vertices - 1.
    explicit Flow(std::size_t vertices) : edges_of_(vertices) {}

    // capacity > 0. Costs may be negative as long as the edges make no cycle.
    Edge add(Vertex from, Vertex to, std::int32_t capacity, std::int32_t cost = 0);

    // Sends as much as fits, at the least cost of all flows that large. Returns how much. Once.
    std::uint64_t run(Vertex source, Vertex sink);

    std::int32_t sent(Edge edge) const { return arcs_[edge ^ 1].room; }

 private:
    // Arc e ^ 1 is e the other way.
    struct Arc {
        Vertex to;
        std::int32_t room;
        std::int32_t cost;
    };

    bool find_distances(Vertex source, Vertex sink);
    bool find_levels(Vertex source, Vertex sink);
    std::int32_t push(Vertex source, Vertex sink);
    bool usable(Vertex from, const Arc& arc) const {
        return arc.room > 0 && distance_[arc.to] == distance_[from] + arc.cost;
    }

    std::vector<Arc> arcs_;
    std::vector<std::vector<Edge>> edges_of_;
    std::vector<std::int32_t> distance_;  // least cost from the source
    std::vector<std::int32_t> level_;
    std::vector<std::uint32_t> next_;
};

}  // namespace larder::layout
