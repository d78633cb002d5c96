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
};

struct Outcome {
    Verdict verdict = Verdict::linearizable;
    std::uint64_t trace = 0;
    std::uint64_t steps = 0;
    std::uint64_t ok = 0, no_effect = 0, unknown = 0;
    std::uint64_t faults = 0;
    std::uint64_t collected = 0;
    std::uint64_t messages = 0;
    bool stuck = false;
    double virtual_seconds = 0;
};

Outcome run(const Options& options);

}  // namespace larder::sim
