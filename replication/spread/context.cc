#include "replication/spread/context.h"

#include "replication/spread/messages.h"
#include "src/io/task_group.h"

#include <algorithm>

namespace larder::spread {

using base::Result;

namespace {

using Answers = std::vector<Result<io::Message>>;

io::Task<void> call_into(const Context& context, io::NodeNumber node, io::Message request, base::Duration timeout,
                         Result<io::Message>& out) {
    out = co_await context.call(node, std::move(request), timeout);
}

}  // namespace

std::vector<io::NodeNumber> Context::others() const {
    auto nodes = members.storing();
    std::erase(nodes, self());
    return nodes;
}

void Context::sort_by_distance(std::vector<io::NodeNumber>& nodes) const {
    if (distances == nullptr) return;
    std::ranges::sort(nodes, {}, [this](io::NodeNumber node) { return std::pair(distances->rtt(node), node); });
}

io::Task<Result<io::Message>> Context::call(io::NodeNumber node, io::Message request, base::Duration timeout) const {
    if (node == 0) {
        co_return base::fail(base::Code::disconnected, base::Subject::node, "a member is not known here yet");
    }
    auto answer = co_await env.network.call(node, kMethod, std::move(request), env.clock.after(timeout));
    if (!answer && is_stale(answer.error()) && epochs != nullptr) (void)co_await epochs->catch_up(node);
    co_return answer;
}

io::Task<Answers> Context::call_each(std::vector<io::NodeNumber> nodes, io::Message request,
                                     base::Duration timeout) const {
    Answers answers(nodes.size());
    io::TaskGroup calls(env.executor);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        calls.spawn(call_into(*this, nodes[i], request, timeout, answers[i]));
    }
    co_await calls.join();
    co_return answers;
}

io::Task<Result<std::set<block::Owner>>> Context::ask_everybody(io::Message request) const {
    const auto version = members.version();
    auto nodes = members.all();
    std::erase(nodes, self());
    const auto answers = co_await call_each(nodes, std::move(request), options.ask_timeout);
    std::set<block::Owner> named;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const auto text = "node " + std::to_string(nodes[i]) + ": ";
        if (!answers[i]) {
            co_return base::fail(answers[i].error().code, base::Subject::node, text + answers[i].error().message);
        }
        CO_TRY(const auto reply, open_owners(*answers[i]));
        if (reply.members > version) {
            co_return base::fail(base::Code::conflict, base::Subject::node, text + "it knows of more members");
        }
        named.insert(reply.owners.begin(), reply.owners.end());
    }
    co_return named;
}

}  // namespace larder::spread
