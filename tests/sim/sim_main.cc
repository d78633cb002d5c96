// larder_sim: runs of the register protocol, each from one seed. A failing seed replays exactly.
#include "tests/sim/cluster.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

namespace larder::sim {
namespace {

// What can be taken away, and what that is expected to break.
struct Ablation {
    const char* name;
    const char* meaning;
    void (*apply)(Options&);
    bool changing = false;  // shows under changing layouts
};
constexpr Ablation kAblations[] = {
    {"no-fence", "promises are not remembered", [](Options& o) { o.rules.fence = false; }},
    {"write-back-ignores-fence", "a reader completes a value below a promise",
     [](Options& o) { o.rules.write_back_obeys_fence = false; }},
    {"ack-ignores-fence", "an old write counts as superseded below a promise",
     [](Options& o) { o.rules.superseded_obeys_fence = false; }},
    {"no-write-back", "a read returns what only some replicas hold",
     [](Options& o) { o.rules.read_writes_back = false; }},
    {"read-superseded", "a reader returns what a newer value has superseded",
     [](Options& o) { o.rules.read_rejects_superseded = false; }, true},
    {"retry-ambiguous", "a write of unknown fate is sent again under a new tag",
     [](Options& o) { o.rules.ambiguous_is_not_resent = false; }},
    {"naive-conditional", "a conditional write reads, then writes",
     [](Options& o) { o.rules.conditional_promises = false; }},
    {"aba", "a retried conditional write looks at the condition again, not at the version",
     [](Options& o) { o.rules.conditional_checks_base = false; }},
    {"plain-lww", "replicas take whatever has the greater tag and always agree",
     [](Options& o) { o.rules.refuses_older = false; }},
    {"optimistic-superseded", "a write that has not read counts as superseded",
     [](Options& o) { o.rules.optimistic_is_not_superseded = false; }},
    {"collect-at-quorum", "a tombstone is dropped when a quorum holds it",
     [](Options& o) { o.rules.collects_at_all = false; }},
    {"no-low-bound", "a tombstone is dropped without raising the bound",
     [](Options& o) { o.rules.raises_low_bound = false; }},
    {"fence-volatile", "a restart forgets promises", [](Options& o) { o.fences_survive = false; }},
    {"amnesia", "a restart forgets everything and the node votes", [](Options& o) { o.disk_survives = false; }},
    {"no-joint", "the quorums of the newest layout alone are asked", [](Options& o) { o.joint = false; }, true},
    {"no-epochs", "a replica serves what is asked under an older layout",
     [](Options& o) { o.rules.epochs_fence = false; }, true},
    {"adoption-in-flight", "a layout is adopted while older requests are under way",
     [](Options& o) { o.rules.adoption_waits = false; }, true},
    {"no-transfer", "a new replica is brought nothing", [](Options& o) { o.rules.transfers = false; }, true},
    {"copy-disputed", "what has been promised on is copied, with the promise",
     [](Options& o) { o.rules.transfer_settles_disputes = false; }, true},
    {"drop-promises", "what has been promised on is copied, without the promise",
     [](Options& o) { o.rules.transfer_settles_disputes = o.rules.transfer_takes_promises = false; }, true},
    {"no-promise-transfer", "promises below the value are not brought with it",
     [](Options& o) { o.rules.transfer_takes_promises = false; }, true},
    {"no-bound-transfer", "a new replica is not brought the low bound",
     [](Options& o) { o.rules.transfer_takes_bounds = false; }, true},
    {"no-wipe", "a node that comes back keeps what it held in another time", [](Options& o) { o.wipes = false; }, true},
    {"early-wipe", "a node that leaves is wiped before it knows", [](Options& o) { o.wipes_early = true; }, true},
    {"offload", "a node that has left hands what it holds to those that follow", [](Options& o) { o.offloads = true; },
     true},
    {"empty-votes", "a node with an empty disk votes at once", [](Options& o) { o.recovers = false; }, true},
    {"carried-out-twice", "a request that arrives twice is carried out twice",
     [](Options& o) { o.carries_out_twice = true; }, true},
    {"blind-sync", "replicas take the greater tag from each other, whatever is promised",
     [](Options& o) { o.blind_sync = true; }, true},
};

struct Totals {
    std::uint64_t runs = 0, violations = 0, first = 0, inconclusive = 0, stuck = 0;
    std::uint64_t ok = 0, no_effect = 0, unknown = 0, faults = 0, collected = 0, messages = 0;
    std::uint64_t layouts = 0, retired = 0, lost_disks = 0, moved = 0, settled = 0, evened = 0;
    std::vector<std::uint64_t> bad;  // seeds
    double virtual_seconds = 0;

    void add(std::uint64_t seed, const Outcome& out) {
        ++runs;
        if (out.verdict == Verdict::violated) {
            ++violations;
            if (first == 0 || seed < first) first = seed;
        }
        if (out.verdict == Verdict::violated || out.stuck) bad.push_back(seed);
        inconclusive += out.verdict == Verdict::inconclusive;
        layouts += out.layouts;
        retired += out.retired;
        lost_disks += out.lost_disks;
        moved += out.moved;
        settled += out.settled;
        evened += out.evened;
        stuck += out.stuck;
        ok += out.ok;
        no_effect += out.no_effect;
        unknown += out.unknown;
        faults += out.faults;
        collected += out.collected;
        messages += out.messages;
        virtual_seconds += out.virtual_seconds;
    }
    void add(const Totals& o) {
        runs += o.runs;
        violations += o.violations;
        if (o.first != 0 && (first == 0 || o.first < first)) first = o.first;
        bad.insert(bad.end(), o.bad.begin(), o.bad.end());
        inconclusive += o.inconclusive;
        layouts += o.layouts;
        retired += o.retired;
        lost_disks += o.lost_disks;
        moved += o.moved;
        settled += o.settled;
        evened += o.evened;
        stuck += o.stuck;
        ok += o.ok;
        no_effect += o.no_effect;
        unknown += o.unknown;
        faults += o.faults;
        collected += o.collected;
        messages += o.messages;
        virtual_seconds += o.virtual_seconds;
    }
};

// Seeds from, from + jobs, …; every hundredth is run twice and must take the same steps.
Totals run_seeds(Options options, std::uint64_t from, std::uint64_t to, std::uint64_t jobs, bool until_found) {
    Totals totals;
    for (auto seed = from; seed < to; seed += jobs) {
        options.seed = seed;
        const auto out = run(options);
        totals.add(seed, out);
        if (seed % 100 == 0 && run(options).trace != out.trace) {
            std::fprintf(stderr, "seed %llu does not replay: the run depends on something besides its seed\n",
                         static_cast<unsigned long long>(seed));
            std::exit(1);
        }
        if (until_found && totals.violations > 0) break;
    }
    return totals;
}

Totals run_all(const Options& options, std::uint64_t from, std::uint64_t count, std::uint64_t jobs, bool until_found) {
    std::vector<Totals> parts(jobs);
    std::vector<std::thread> threads;
    for (std::uint64_t j = 0; j < jobs; ++j) {
        threads.emplace_back([&, j] { parts[j] = run_seeds(options, from + j, from + count, jobs, until_found); });
    }
    for (auto& thread : threads) thread.join();
    Totals totals;
    for (const auto& part : parts) totals.add(part);
    return totals;
}

void print(const Options& options, const char* what, const Totals& t) {
    std::printf(
        "%s replicas=%zu runs=%llu violations=%llu first=%llu inconclusive=%llu stuck=%llu ok=%llu no-effect=%llu "
        "unknown=%llu faults=%llu collected=%llu messages=%llu virtual-hours=%.2f\n",
        what, options.replicas, static_cast<unsigned long long>(t.runs), static_cast<unsigned long long>(t.violations),
        static_cast<unsigned long long>(t.first), static_cast<unsigned long long>(t.inconclusive),
        static_cast<unsigned long long>(t.stuck), static_cast<unsigned long long>(t.ok),
        static_cast<unsigned long long>(t.no_effect), static_cast<unsigned long long>(t.unknown),
        static_cast<unsigned long long>(t.faults), static_cast<unsigned long long>(t.collected),
        static_cast<unsigned long long>(t.messages), t.virtual_seconds / 3600);
    if (options.nodes > 0) {
        std::printf("  layouts=%llu ended=%llu disks-lost=%llu rows-moved=%llu settled=%llu evened-out=%llu\n",
                    static_cast<unsigned long long>(t.layouts), static_cast<unsigned long long>(t.retired),
                    static_cast<unsigned long long>(t.lost_disks), static_cast<unsigned long long>(t.moved),
                    static_cast<unsigned long long>(t.settled), static_cast<unsigned long long>(t.evened));
    }
    for (std::size_t i = 0; i < t.bad.size() && i < 20; ++i) {
        std::printf("  seed %llu\n", static_cast<unsigned long long>(t.bad[i]));
    }
    std::fflush(stdout);
}

constexpr const char* kHelp = R"(larder_sim: the replication protocol on simulated replicas

  --seeds N        how many runs on each size of cluster (default 1000)
  --seed S         run the one seed S (twice: it must replay)
  --replicas 3|5   one size only (default both)
  --reconfigure    3 of 6 nodes under layouts that change all the time
  --replay FILE    the seeds named in a file: 3, 5 or 6 (changing layouts), and the seed, on each line
  --from S         the first seed (default 1)
  --ablate RULE    take a rule away and look for the violation that this allows; exit 0 when one is found
  --ablate-all     every rule in turn; with --reconfigure those of changing layouts
  --list           the rules
  --jobs N         threads (default 2)
)";

constexpr std::size_t kChangingNodes = 6;

struct Arguments {
    std::uint64_t seeds = 1000;
    std::uint64_t seed = 0;
    std::size_t replicas = 0;
    std::uint64_t jobs = 2;
    std::string ablate;
    bool ablate_all = false;
    bool reconfigure = false;
    std::string replay;
    std::uint64_t from = 1;

    // The clusters to run on.
    std::vector<Options> clusters() const {
        std::vector<Options> out;
        Options options;
        if (reconfigure) {
            options.nodes = kChangingNodes;
            return {options};
        }
        for (const std::size_t count : {std::size_t{3}, std::size_t{5}}) {
            options.replicas = count;
            if (replicas == 0 || replicas == count) out.push_back(options);
        }
        return out;
    }
};

int ablate(const Ablation& ablation, const Arguments& arguments) {
    Options options;
    options.replicas = arguments.replicas == 0 ? 3 : arguments.replicas;
    if (ablation.changing || arguments.reconfigure) options.nodes = kChangingNodes;
    ablation.apply(options);
    const auto totals = run_all(options, arguments.from, arguments.seeds, arguments.jobs, true);
    print(options, ablation.name, totals);
    if (totals.violations > 0) return 0;
    std::printf("%s was not caught in %llu runs\n", ablation.name, static_cast<unsigned long long>(totals.runs));
    return 1;
}

int run_one(const Arguments& arguments) {
    int failures = 0;
    for (auto options : arguments.clusters()) {
        options.seed = arguments.seed;
        const auto first = run(options);
        const auto second = run(options);
        Totals totals;
        totals.add(arguments.seed, first);
        print(options, "seed", totals);
        std::printf("trace %016llx, %llu steps%s\n", static_cast<unsigned long long>(first.trace),
                    static_cast<unsigned long long>(first.steps),
                    first.trace == second.trace ? ", replays" : ", DOES NOT REPLAY");
        failures += first.verdict == Verdict::violated || first.stuck || first.trace != second.trace;
    }
    return failures == 0 ? 0 : 1;
}

int replay(const Arguments& arguments) {
    std::ifstream in(arguments.replay);
    int failures = in ? 0 : 1;
    std::size_t seeds = 0;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::size_t cluster = 0;
        Options options;
        if (!(words >> cluster >> options.seed)) continue;
        (cluster == kChangingNodes ? options.nodes : options.replicas) = cluster;
        const auto out = run(options);
        ++seeds;
        if (out.verdict != Verdict::violated && !out.stuck) continue;
        std::printf("again: %s\n", line.c_str());
        ++failures;
    }
    std::printf("replayed %zu seeds, %d failed\n", seeds, failures);
    return failures == 0 ? 0 : 1;
}

int run_safety(const Arguments& arguments) {
    int failures = 0;
    for (const auto& options : arguments.clusters()) {
        const auto totals = run_all(options, arguments.from, arguments.seeds, arguments.jobs, false);
        print(options, "protocol", totals);
        failures += totals.violations > 0 || totals.stuck > 0;
    }
    return failures == 0 ? 0 : 1;
}

int main_of(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
        if (word == "--seeds")
            arguments.seeds = std::strtoull(value().c_str(), nullptr, 10);
        else if (word == "--seed")
            arguments.seed = std::strtoull(value().c_str(), nullptr, 10);
        else if (word == "--replicas")
            arguments.replicas = std::strtoull(value().c_str(), nullptr, 10);
        else if (word == "--jobs")
            arguments.jobs = std::max(1ull, std::strtoull(value().c_str(), nullptr, 10));
        else if (word == "--ablate")
            arguments.ablate = value();
        else if (word == "--replay")
            arguments.replay = value();
        else if (word == "--reconfigure")
            arguments.reconfigure = true;
        else if (word == "--from")
            arguments.from = std::max(1ull, std::strtoull(value().c_str(), nullptr, 10));
        else if (word == "--ablate-all")
            arguments.ablate_all = true;
        else if (word == "--list") {
            for (const auto& ablation : kAblations) std::printf("%-26s %s\n", ablation.name, ablation.meaning);
            return 0;
        } else {
            std::fputs(kHelp, word == "--help" ? stdout : stderr);
            return word == "--help" ? 0 : 2;
        }
    }
    if (arguments.seed != 0) return run_one(arguments);
    if (!arguments.replay.empty()) return replay(arguments);
    if (!arguments.ablate_all && arguments.ablate.empty()) return run_safety(arguments);
    int failures = 0;
    bool known = arguments.ablate_all;
    for (const auto& ablation : kAblations) {
        if (!arguments.ablate_all && arguments.ablate != ablation.name) continue;
        // Those of changing layouts take many more seeds, each of them longer.
        if (arguments.ablate_all && ablation.changing != arguments.reconfigure) continue;
        known = true;
        failures += ablate(ablation, arguments);
    }
    if (!known) std::fprintf(stderr, "there is no rule \"%s\": see --list\n", arguments.ablate.c_str());
    return known && failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace larder::sim

int main(int argc, char** argv) {
    return larder::sim::main_of(argc, argv);
}
