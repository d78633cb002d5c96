#include "replication/quorum/ask.h"

#include <algorithm>

namespace larder::quorum {

struct Asker::Round {
    Round(io::Executor& executor, Replicas s, base::Instant d) : set(std::move(s)), deadline(d), over(executor) {
        answers.resize(set->nodes.size());
    }
    Replicas set;
    base::Instant deadline;
    std::string method;
    io::Message request;
    Answers answers;
    std::vector<std::uint32_t> order;  // in which they are asked
    std::size_t asked = 0;
    std::size_t heard = 0;
    Judge judge;
    io::Clock::Timer hurry = 0;
    io::Clock::Timer hedge = 0;
    io::Promise<io::Done> over;
};

io::Task<void> Asker::ask_one(std::shared_ptr<Round> round, std::size_t index) {
    const auto node = round->set->nodes[index];
    base::Result<io::Message> answer = base::fail(base::Code::disconnected, "the number of a member is not known yet");
    if (node != 0) answer = co_await env_.network.call(node, round->method, round->request, round->deadline);
    if (round->over.is_set()) co_return;
    ++round->heard;
    if (answer) round->answers[index] = std::move(*answer);
    const auto enough = round->judge(round->answers);
    if (round->heard == round->answers.size() || enough == Enough::yes) {
        round->over.set(io::Done{});
        co_return;
    }
    if (enough == Enough::soon && round->hurry == 0) {
        const auto left = round->deadline.ns - env_.clock.now().ns;
        round->hurry = env_.clock.call_at({env_.clock.now().ns + left / 10}, [round] { round->over.set(io::Done{}); });
    }
    // One that failed leaves its place to the next; when all that were asked have answered in vain, so does waiting.
    if (!answer || round->heard == round->asked) ask_next(round);
}

void Asker::ask_next(const std::shared_ptr<Round>& round) {
    if (round->asked >= round->order.size() || round->over.is_set()) return;
    const auto index = round->order[round->asked++];
    calls_.spawn(ask_one(round, index));
    hedge(round);
}

void Asker::hedge(const std::shared_ptr<Round>& round) {
    if (round->asked >= round->order.size()) return;
    env_.clock.cancel(round->hedge);
    const auto node = round->set->nodes[round->order[round->asked - 1]];
    round->hedge =
        env_.clock.call_at(env_.clock.after(distances_->p95(node)), [this, round, alive = std::weak_ptr(alive_)] {
            if (!alive.expired()) ask_next(round);
        });
}

io::Task<Answers> Asker::finish(std::shared_ptr<Round> round) {
    const auto timer = env_.clock.call_at(round->deadline, [round] { round->over.set(io::Done{}); });
    co_await round->over.future();
    env_.clock.cancel(timer);
    env_.clock.cancel(round->hurry);
    env_.clock.cancel(round->hedge);
    co_return std::move(round->answers);
}

io::Task<Answers> Asker::ask(Replicas set, std::string method, io::Message request, base::Instant deadline,
                             Judge judge) {
    if (set->nodes.size() == 1) {
        // A set of one needs no race.
        Answers answers(1);
        auto answer = co_await env_.network.call(set->nodes[0], std::move(method), std::move(request), deadline);
        if (answer) answers[0] = std::move(*answer);
        co_return answers;
    }
    auto round = std::make_shared<Round>(env_.executor, std::move(set), deadline);
    round->method = std::move(method);
    round->request = std::move(request);
    round->judge = std::move(judge);
    round->asked = round->answers.size();
    for (std::size_t i = 0; i < round->answers.size(); ++i) calls_.spawn(ask_one(round, i));
    co_return co_await finish(std::move(round));
}

io::Task<Answers> Asker::ask_nearest(Replicas set, std::string method, io::Message request, base::Instant deadline,
                                     Judge judge) {
    if (distances_ == nullptr || set->nodes.size() == 1) {
        co_return co_await ask(std::move(set), std::move(method), std::move(request), deadline, std::move(judge));
    }
    auto round = std::make_shared<Round>(env_.executor, std::move(set), deadline);
    round->method = std::move(method);
    round->request = std::move(request);
    round->judge = std::move(judge);
    round->order = round->set->nearest_first(*distances_);
    std::size_t few = 1;
    const auto reached = [&] {
        return round->set->reached([&](std::uint32_t place) {
            return std::find(round->order.begin(), round->order.begin() + static_cast<std::ptrdiff_t>(few), place) !=
                   round->order.begin() + static_cast<std::ptrdiff_t>(few);
        });
    };
    while (few < round->order.size() && !reached()) ++few;
    // Counted before the first begins: one that fails at once asks the next after them.
    round->asked = few;
    for (std::size_t i = 0; i < few; ++i) calls_.spawn(ask_one(round, round->order[i]));
    hedge(round);
    co_return co_await finish(std::move(round));
}

}  // namespace larder::quorum
