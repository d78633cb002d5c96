#include "tests/sim/linearizability.h"

#include <algorithm>
#include <set>

namespace larder::sim {

namespace {

class Search {
 public:
    Search(const std::vector<Operation>& history, std::uint64_t budget) : budget_(budget) {
        for (const auto& op : history) {
            const bool happened = op.fate == Operation::Fate::ok;
            const bool may_have = op.fate == Operation::Fate::unknown && op.kind != Operation::Kind::read;
            if (happened || may_have) operations_.push_back(op);
            left_ += happened ? 1 : 0;
        }
        std::sort(operations_.begin(), operations_.end(),
                  [](const auto& a, const auto& b) { return a.invoked < b.invoked; });
        done_.assign(operations_.size() / 64 + 1, 0);
    }

    Verdict run() {
        const bool found = extend(0, left_);
        if (exhausted_) return Verdict::inconclusive;
        return found ? Verdict::linearizable : Verdict::violated;
    }

 private:
    bool is_done(std::size_t i) const { return (done_[i / 64] >> (i % 64) & 1) != 0; }
    void flip(std::size_t i) { done_[i / 64] ^= std::uint64_t{1} << (i % 64); }

    // The state after the operation, if it can happen in `state`.
    static bool apply(const Operation& op, std::uint64_t state, std::uint64_t& next) {
        next = state;
        switch (op.kind) {
            case Operation::Kind::read:
                return op.seen == state;
            case Operation::Kind::write:
                next = op.argument;
                return true;
            case Operation::Kind::conditional:
                if (op.refused) return op.unseen ? op.expected != state : op.seen == state;
                next = op.argument;
                return op.expected == state;
        }
        return false;
    }

    bool extend(std::uint64_t state, std::size_t left) {
        if (left == 0) return true;
        if (budget_ == 0 || --budget_ == 0) {
            exhausted_ = true;
            return true;
        }
        if (!visited_.emplace(done_, state).second) return false;
        // Nothing may come after an operation that had been answered before it was asked.
        auto first_answer = UINT64_MAX;
        for (std::size_t i = 0; i < operations_.size(); ++i) {
            const auto& op = operations_[i];
            if (!is_done(i) && op.fate == Operation::Fate::ok) first_answer = std::min(first_answer, op.answered);
        }
        for (std::size_t i = 0; i < operations_.size(); ++i) {
            const auto& op = operations_[i];
            if (op.invoked > first_answer) break;
            std::uint64_t next = 0;
            if (is_done(i) || !apply(op, state, next)) continue;
            flip(i);
            if (extend(next, left - (op.fate == Operation::Fate::ok ? 1 : 0))) return true;
            flip(i);
        }
        return false;
    }

    std::vector<Operation> operations_;
    std::vector<std::uint64_t> done_;
    std::set<std::pair<std::vector<std::uint64_t>, std::uint64_t>> visited_;
    std::uint64_t budget_;
    std::size_t left_ = 0;
    bool exhausted_ = false;
};

}  // namespace

Verdict check(const std::vector<Operation>& history, std::uint64_t budget) {
    return Search(history, budget).run();
}

}  // namespace larder::sim
