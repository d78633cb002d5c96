// Asking the members of a replica set and waiting for enough of them.
#pragma once

#include "replication/quorum/placement.h"
#include "src/io/env.h"
#include "src/io/task_group.h"

#include <functional>
#include <optional>
#include <vector>

namespace larder::quorum {

// What one member said; nothing when it did not answer in time or the answer is an error.
using Answers = std::vector<std::optional<io::Message>>;

// Whether the answers so far will do.
enum class Enough {
    no,
    soon,  // they hardly will, whatever else comes: a tenth of the time is left to the others
    yes,
};
using Judge = std::function<Enough(const Answers&)>;

class Asker {
 public:
    explicit Asker(io::Env& env) : env_(env), calls_(env.executor) {}

    // What ask_nearest() goes by from now on. It outlives this.
    void use(const Distances& distances) { distances_ = &distances; }

    // Sends `request` to every member at once. Ends when `judge` says so of the answers so far, when all have
    // answered, or at `deadline`; late answers are dropped. Answers stand in the order of set->nodes.
    io::Task<Answers> ask(Replicas set, std::string method, io::Message request, base::Instant deadline, Judge judge);
    // As ask(), of as few as reach the quorums, the nearest first. Another is asked as well for each that fails, and
    // whenever the p95 of the one asked last has passed. Without distances everybody is asked at once.
    io::Task<Answers> ask_nearest(Replicas set, std::string method, io::Message request, base::Instant deadline,
                                  Judge judge);

 private:
    struct Round;
    io::Task<void> ask_one(std::shared_ptr<Round> round, std::size_t index);
    void ask_next(const std::shared_ptr<Round>& round);
    void hedge(const std::shared_ptr<Round>& round);
    io::Task<Answers> finish(std::shared_ptr<Round> round);

    io::Env& env_;
    const Distances* distances_ = nullptr;
    std::shared_ptr<const char> alive_ = std::make_shared<const char>();  // timers may outlive this
    io::TaskGroup calls_;
};

}  // namespace larder::quorum
