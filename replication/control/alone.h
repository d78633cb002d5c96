// A node that reaches no other: what it decides is in force at once. For the daemon of one machine, and for tests.
#pragma once

#include "replication/control/surroundings.h"

#include <functional>

namespace larder::control {

class Alone final : public Surroundings {
 public:
    // The bytes of content stored here.
    using StoredBytes = std::function<Task<Result<std::uint64_t>>()>;
    explicit Alone(StoredBytes stored) : stored_(std::move(stored)) {}

    layout::History history() const override { return history_; }
    Task<Result<void>> adopt(layout::Layout next) override;
    Task<Result<void>> give_up(std::vector<base::NodeId>, bool) override;
    void members_are(const std::vector<model::MemberRow>&) override {}
    Contact contact(io::NodeNumber) const override { return {}; }
    std::optional<cluster::CatchingUp> catching_up(io::NodeNumber) const override { return std::nullopt; }
    Task<Result<std::vector<std::uint64_t>>> partition_bytes() override;
    std::uint64_t bandwidth() const override { return 100'000'000; }
    bool makes_tokens() const override { return false; }
    Result<Token> make_token(base::WallTime) override {
        return base::fail(base::Code::unsupported, base::Subject::token, "others cannot be let in here.");
    }

 private:
    StoredBytes stored_;
    layout::History history_;
};

}  // namespace larder::control
