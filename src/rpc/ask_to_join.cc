#include "src/base/encoding.h"
#include "src/rpc/dial.h"
#include "src/rpc/join.h"
#include "src/rpc/join_words.h"

#include <cstdlib>

namespace larder::rpc {
namespace {

using base::Code;
using io::Task;
using Outcome = std::expected<Welcome, JoinTrouble>;

std::unexpected<JoinTrouble> trouble(std::string code, std::string message) {
    return std::unexpected(JoinTrouble{std::move(code), std::move(message), {}});
}

// What the cluster answered instead.
std::unexpected<JoinTrouble> refused(const base::Error& error) {
    if (error.is(Code::permission_denied))
        return trouble("token-used",
                       "this invitation was used already, or withdrawn, or the cluster does not know it.");
    if (error.is(Code::precondition_failed))
        return trouble("token-expired", "by the cluster's clock this invitation ran out.");
    if (error.is(Code::disconnected) || error.is(Code::timeout)) return trouble("cannot-reach", error.message);
    return trouble("not-accepted", error.message);
}

class Asking {
 public:
    Asking(io::RealEnv& world, NodeKey key, Invitation invitation, JoinOptions options)
        : world_(world),
          env_(world.env()),
          invitation_(std::move(invitation)),
          secret_(key_of(invitation_.secret)),
          options_(options),
          tls_(key) {}

    Task<Outcome> ask_at(std::string address, std::string facts);

 private:
    std::optional<JoinTrouble> judge(const JoinBegun& begun, const JoinContext& context) const;

    io::RealEnv& world_;
    io::Env& env_;
    Invitation invitation_;
    NodeKey secret_;
    JoinOptions options_;
    Tls tls_;
};

Task<Outcome> Asking::ask_at(std::string address, std::string facts) {
    const Allow anybody = [](Purpose, const base::NodeId&) { return true; };
    auto secured = co_await dial(world_, tls_, address, Purpose::join, anybody, options_.patience);
    if (!secured) co_return refused(secured.error());
    const JoinContext context{secured->binding, invitation_.cluster, secured->peer, tls_.id()};
    Link link(world_, std::move(secured->transport), Side::connected, join_link_options(options_.patience));
    link.start();
    const auto ready = co_await link.ready();
    if (!ready) co_return refused(ready.error());
    const auto asked = env_.clock.now();
    const JoinBegin first{kept(invitation_).id()};
    const auto answer = co_await link.call({encode_join(first), {}}, env_.clock.after(options_.patience));
    if (!answer) co_return refused(answer.error());
    const auto round_trip = env_.clock.now() - asked;
    const auto begun = decode_begun(answer->body);
    if (!begun) co_return refused(begun.error());
    if (auto wrong = judge(*begun, context)) co_return std::unexpected(std::move(*wrong));
    const JoinProve second{secret_.sign(words_to_sign(context, facts)), facts};
    auto welcome = co_await link.call({encode_join(second), {}}, env_.clock.after(options_.decision));
    if (!welcome) co_return refused(welcome.error());
    co_return Welcome{std::move(welcome->body), context.node, address, round_trip};
}

std::optional<JoinTrouble> Asking::judge(const JoinBegun& begun, const JoinContext& context) const {
    if (!base::equal_constant_time(begun.proof, proof_of_cluster(context, secret_.id())))
        return JoinTrouble{"wrong-cluster", "it did not prove to be the cluster of this invitation.", {}};
    const auto apart = begun.clock.ms - env_.clock.wall_now().ms;
    const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(options_.clocks_apart).count();
    if (std::abs(apart) <= most) return std::nullopt;
    return JoinTrouble{"clock-skew",
                       "this machine's clock is " + std::to_string(std::abs(apart) / 1000) + " seconds " +
                           (apart > 0 ? "behind" : "ahead of") + " the cluster's.",
                       {}};
}

bool is_final(std::string_view code) {
    return code != "cannot-reach" && code != "wrong-cluster" && code != "token-used";
}

// Of all that was tried, what says most stands first.
void note(JoinTrouble& all, const std::string& address, const JoinTrouble& why) {
    if (why.code == "token-used") {
        all.code = why.code;
        all.message = why.message;
    } else if (why.code == "wrong-cluster" && all.code == "cannot-reach") {
        all.code = why.code;
        all.message = "what answers is not the cluster of this invitation.";
    }
    all.facts.push_back("tried " + address + ": " + why.message);
}

}  // namespace

Task<Outcome> ask_to_join(io::RealEnv& world, NodeKey key, Invitation invitation, std::string facts,
                          JoinOptions options) {
    if (facts.size() > kJoinBytesMax)
        co_return trouble("not-accepted", "what this machine says of itself is too long.");
    const auto addresses = invitation.addresses;
    Asking asking(world, std::move(key), std::move(invitation), options);
    JoinTrouble all{"cannot-reach", "cannot reach the cluster.", {}};
    for (const auto& address : addresses) {
        auto outcome = co_await asking.ask_at(address, facts);
        if (outcome) co_return outcome;
        note(all, address, outcome.error());
        // Another address may still lead there: who answers here has proved nothing, or was not reached.
        if (is_final(outcome.error().code)) co_return outcome;
    }
    co_return std::unexpected(std::move(all));
}

}  // namespace larder::rpc
