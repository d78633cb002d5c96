// What keepers tell each other, and what a node that comes back learns of itself.
#include "replication/cluster/keeper.h"
#include "src/base/log.h"

namespace larder::cluster {

using base::Code;
using base::NodeId;
using base::Result;
using base::Subject;
using io::Task;

namespace {
constexpr const char* kMethod = "layout";
}

Greeting LayoutKeeper::greeting_for(const NodeId& peer, Epoch they_have) const {
    Greeting greeting;
    greeting.node = options_.self;
    greeting.boot = standing_.boot;
    greeting.life = life_;
    const auto start = standing_.starts.find(peer);
    if (start != standing_.starts.end()) {
        greeting.your_boot = start->second.boot;
        greeting.your_life = start->second.life;
    }
    greeting.history = encode_history(standing_.history, standing_.since, they_have + 1);
    return greeting;
}

Task<void> LayoutKeeper::gossip() {
    for (;;) {
        for (const auto peer : options_.peers()) {
            if (peer != env_.network.self()) tasks_.spawn(greet_quietly(peer));
        }
        const auto most = static_cast<std::uint64_t>(options_.gossip_every.count());
        co_await env_.clock.sleep_for(base::Duration(static_cast<std::int64_t>(most / 2 + env_.random.below(most))));
    }
}

Task<void> LayoutKeeper::greet_quietly(io::NodeNumber peer) {
    // Who does not answer is greeted again later.
    (void)co_await greet(peer);
}

// Tells what this node is and has; hears the same, and the layouts that it lacks. Those that the other lacks follow.
Task<Result<void>> LayoutKeeper::greet(io::NodeNumber peer) {
    Epoch they_have = UINT64_MAX - 1;
    for (int round = 0; round < 2; ++round) {
        const auto deadline = env_.clock.after(options_.call_timeout);
        // What is remembered of the peer is in the answer to its own greeting.
        io::Message message{encode(greeting_for({}, they_have)), {}};
        CO_TRY(const auto answer, co_await env_.network.call(peer, kMethod, std::move(message), deadline));
        CO_TRY(auto greeting, decode_greeting(answer.body));
        CO_TRY(auto known, decode_history(greeting.history));
        they_have = known.newest;
        CO_TRY_VOID(co_await learn(std::move(known)));
        CO_TRY_VOID(co_await heard_of_me(greeting.your_boot, greeting.your_life));
        note(greeting.node);
        if (they_have >= standing_.newest()) break;
    }
    co_return Result<void>();
}

Task<Result<io::Message>> LayoutKeeper::hear(io::NodeNumber, io::Message request) {
    CO_TRY(const auto greeting, decode_greeting(request.body));
    CO_TRY(auto known, decode_history(greeting.history));
    const auto they_have = known.newest;
    auto answer = greeting_for(greeting.node, they_have);
    const Standing::Start start{greeting.boot, greeting.life};
    if (answer.your_boot < start.boot) {
        // It may count on being remembered once this is durable.
        const auto permit = co_await turn_.acquire();
        auto next = standing_;
        auto& noted = next.starts[greeting.node];
        noted = std::max(noted, start);
        CO_TRY_VOID(co_await save_with(std::move(next)));
    }
    CO_TRY_VOID(co_await learn(std::move(known)));
    // Layouts may have come meanwhile.
    answer.history = encode_history(standing_.history, standing_.since, they_have + 1);
    co_return io::Message{encode(answer), {}};
}

// What a peer remembers of this node. A later start than this one, or another life with the same number: this node has
// been set back to an older state, or its record is lost.
Task<Result<void>> LayoutKeeper::heard_of_me(std::uint32_t boot, std::uint64_t life) {
    const auto later = [&] { return boot > standing_.boot || (boot == standing_.boot && life != 0 && life != life_); };
    if (!later()) co_return Result<void>();
    const auto permit = co_await turn_.acquire();
    if (!later()) co_return Result<void>();
    auto next = standing_;
    next.boot = std::max(boot, standing_.boot) + 1;
    if (options_.recovers) {
        const auto lost = slots_of(next.history, options_.self);
        next.recovering.insert(lost.begin(), lost.end());
        next.wiping.insert(lost.begin(), lost.end());
    }
    base::log::warning(
        "this node has been set back to an older state: it votes again once it has merged what others hold",
        {{"remembered_start", std::to_string(boot)}});
    tags_.use_boot(next.boot);
    co_return co_await save_with(std::move(next));
}

Task<Result<void>> LayoutKeeper::catch_up(io::NodeNumber from) {
    if (from != env_.network.self()) {
        const auto [found, mine] = greeted_.try_emplace(from);
        if (mine) {
            const auto done = co_await greet(from);
            for (const auto& waiter : greeted_.extract(from).mapped()) waiter.set(io::Done{});
            co_return done;
        }
        const auto over = found->second.emplace_back(env_.executor);
        co_await over.future();
        co_return Result<void>();
    }
    // What is being adopted here is adopted when the turn is free again.
    const auto permit = co_await turn_.acquire();
    co_return Result<void>();
}

Task<Result<void>> LayoutKeeper::learn(Known known) {
    const auto permit = co_await turn_.acquire();
    // Layouts that the other did not send are those that both have.
    for (auto epoch = known.oldest; epoch != 0 && epoch <= known.newest; ++epoch) {
        if (known.history.live.contains(epoch)) continue;
        const auto mine = standing_.history.live.find(epoch);
        if (mine != standing_.history.live.end()) known.history.live.insert(*mine);
    }
    // The other has retired what it does not tell of; without a gap before it there is nothing to be sure of.
    const bool whole = known.newest == 0 || known.history.live.size() == known.newest - known.oldest + 1;
    const bool ahead = known.oldest > standing_.newest();
    if (!whole && known.newest > standing_.newest()) co_return Result<void>();
    if (!whole) known.history.live.clear();
    if (ahead && known.since.replicas.empty()) co_return Result<void>();
    auto next = standing_;
    CO_TRY_VOID(join(next, known.history, known.since));
    // This node does not remember whether it ever voted: where a layout has it, it may have. Or others remember that it
    // had adopted more than it knows of.
    const auto mine = next.history.progress.find(options_.self);
    const auto claimed = mine == next.history.progress.end() ? 0 : mine->second.adopted;
    const bool forgot = (next.fresh && next.newest() > 0) || claimed > epoch_;
    if (next.newest() > 0) next.fresh = false;
    if (forgot && options_.recovers) {
        const auto lost = slots_of(next.history, options_.self);
        next.recovering.insert(lost.begin(), lost.end());
        next.wiping.insert(lost.begin(), lost.end());
    }
    if (next == standing_) co_return Result<void>();
    co_return co_await replace(std::move(next));
}

}  // namespace larder::cluster
