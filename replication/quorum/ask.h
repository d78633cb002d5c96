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

class Asker {
 public:
    explicit Asker(io::Env& env) : env_(env), calls_(env.executor) {}

    // Sends `request` to every member at once. Ends when `enough` says so of the answers so far, when all have
    // answered, or at `deadline`; late answers are dropped. Answers stand in the order of set.nodes.
    io::Task<Answers> ask(ReplicaSet set, std::string method, io::Message request, base::Instant deadline,
                          std::function<bool(const Answers&)> enough);

 private:
    struct Round;
    io::Task<void> ask_one(std::shared_ptr<Round> round, std::size_t index, std::string method, io::Message request);

    io::Env& env_;
    io::TaskGroup calls_;
};

}  // namespace larder::quorum
