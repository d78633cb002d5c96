// Whether a history of one register could have happened one operation after another (Wing, Gong 1993; Lowe's cache of
// visited states). Operations of unknown outcome may have happened or not.
#pragma once

#include <cstdint>
#include <vector>

namespace larder::sim {

struct Operation {
    enum class Kind { read, write, conditional };
    enum class Fate { ok, no_effect, unknown };
    Kind kind = Kind::read;
    std::uint64_t argument = 0;  // written value; 0 is absent
    std::uint64_t expected = 0;  // of a conditional write
    std::uint64_t seen = 0;      // by a read, or by a conditional write that was refused
    bool refused = false;        // a conditional write that saw another value: it counts as a read of it
    bool unseen = false;         // a refusal that does not tell what it saw: anything but the expected value
    std::uint64_t invoked = 0;   // strictly increasing moments
    std::uint64_t answered = 0;
    Fate fate = Fate::unknown;
};

enum class Verdict { linearizable, violated, inconclusive };

// `budget` bounds the search in states.
Verdict check(const std::vector<Operation>& history, std::uint64_t budget = 2'000'000);

}  // namespace larder::sim
