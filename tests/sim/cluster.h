// A cluster of replicas running the product's register protocol, clients with a workload, and a nemesis.
#pragma once

#include "replication/table/coordinator.h"
#include "replication/table/replica.h"
#include "tests/sim/linearizability.h"
#include "tests/sim/memory_row_store.h"

#include <memory>
#include <string>
#include <vector>

namespace larder::sim {

// What one run is made of; drawn from the seed but for what is asked for.
struct Options {
    std::uint64_t seed = 1;
    std::size_t replicas = 3;
    std::size_t clients = 5;
    std::size_t keys = 2;
    int operations = 60;  // of each client
    double conditional_share = 0.4;
    double delete_share = 0.3;
    table::Rules rules;
    bool fences_survive = true;  // off: a restart forgets promises
    bool disk_survives = true;   // off: a restart forgets everything, and the node votes all the same
    // Layouts that change all the time, on this many nodes; 0: the replicas stay as they are.
    std::size_t nodes = 0;
    bool disks_are_lost = true;  // with `nodes`: now and then a node comes back with an empty disk
    bool reconciles = true;      // with `nodes`: replicas compare what they hold
    // What the product never does, with `nodes`.
    bool joint = true, wipes = true, recovers = true;
    bool wipes_early = false;     // a node that leaves is wiped before it knows
    bool carries_out_twice = false;  // a request that arrives twice is carried out twice
    bool offloads = false;        // a node that has left hands what it holds to those that follow
    bool blind_sync = false;      // replicas take the greater tag from each other, whatever is promised
};

struct Outcome {
    Verdict verdict = Verdict::linearizable;
    std::uint64_t trace = 0;
    std::uint64_t steps = 0;
    std::uint64_t ok = 0, no_effect = 0, unknown = 0;
    std::uint64_t faults = 0;
    std::uint64_t collected = 0;
    std::uint64_t layouts = 0, retired = 0, lost_disks = 0, moved = 0, settled = 0, evened = 0;  // with `nodes`
    std::uint64_t messages = 0;
    bool stuck = false;
    double virtual_seconds = 0;
};

// With options.nodes, that many nodes under changing layouts.
Outcome run(const Options& options);
Outcome run_changing(const Options& options);

}  // namespace larder::sim
