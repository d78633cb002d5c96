#include "replication/quorum/ask.h"

namespace larder::quorum {

struct Asker::Round {
    Round(io::Executor& executor, ReplicaSet s, base::Instant d) : set(std::move(s)), deadline(d), over(executor) {
        answers.resize(set.nodes.size());
    }
    ReplicaSet set;
    base::Instant deadline;
    Answers answers;
    std::size_t heard = 0;
    std::function<bool(const Answers&)> enough;
    io::Promise<io::Done> over;
};

io::Task<void> Asker::ask_one(std::shared_ptr<Round> round, std::size_t index, std::string method,
                              io::Message request) {
    auto answer =
        co_await env_.network.call(round->set.nodes[index], std::move(method), std::move(request), round->deadline);
    if (round->over.is_set()) co_return;
    if (answer) round->answers[index] = std::move(*answer);
    ++round->heard;
    if (round->heard == round->answers.size() || round->enough(round->answers)) round->over.set(io::Done{});
}

io::Task<Answers> Asker::ask(ReplicaSet set, std::string method, io::Message request, base::Instant deadline,
                             std::function<bool(const Answers&)> enough) {
    if (set.nodes.size() == 1) {
        // A set of one needs no race.
        Answers answers(1);
        auto answer = co_await env_.network.call(set.nodes[0], std::move(method), std::move(request), deadline);
        if (answer) answers[0] = std::move(*answer);
        co_return answers;
    }
    auto round = std::make_shared<Round>(env_.executor, std::move(set), deadline);
    round->enough = std::move(enough);
    const auto timer = env_.clock.call_at(deadline, [round] { round->over.set(io::Done{}); });
    for (std::size_t i = 0; i < round->answers.size(); ++i) calls_.spawn(ask_one(round, i, method, request));
    co_await round->over.future();
    env_.clock.cancel(timer);
    co_return std::move(round->answers);
}

}  // namespace larder::quorum
