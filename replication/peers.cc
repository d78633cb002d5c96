// What the engines of a cluster ask each other, and the asking.
#include "replication/local_engine.h"
#include "src/codec/codec.h"

namespace larder::engine {

namespace {

Task<Result<io::Message>> refuse(base::Error error) {
    co_return fail(std::move(error));
}

}  // namespace

void LocalEngine::serve_peers() {
    env_.network.serve(peer::kMethod, [this](io::NodeNumber, io::Message request) {
        auto ask = peer::decode_ask(request.body);
        if (!ask) return refuse(ask.error());
        return std::visit([this](auto& one) { return answer(std::move(one)); }, *ask);
    });
}

std::vector<io::NodeNumber> LocalEngine::others() const {
    auto nodes = members_->all();
    std::erase(nodes, self());
    return nodes;
}

Task<Result<io::Message>> LocalEngine::ask_peer(io::NodeNumber node, peer::Ask ask, base::Duration patience) {
    if (node == 0 || members_->is_away(node)) {
        co_return fail(Code::disconnected, Subject::node, "node " + std::to_string(node) + " is away");
    }
    co_return co_await env_.network.call(node, peer::kMethod, {peer::encode(ask), {}}, env_.clock.after(patience));
}

Task<std::vector<io::NodeNumber>> LocalEngine::ask_peers(std::vector<io::NodeNumber> nodes, peer::Ask ask,
                                                         base::Duration patience) {
    std::vector<io::NodeNumber> answered;
    const auto one = [](LocalEngine& self, io::NodeNumber node, peer::Ask asked, base::Duration time,
                        std::vector<io::NodeNumber>& out) -> Task<void> {
        if (co_await self.ask_peer(node, std::move(asked), time)) out.push_back(node);
    };
    io::TaskGroup group(env_.executor);
    for (const auto node : nodes) group.spawn(one(*this, node, ask, patience, answered));
    co_await group.join();
    co_return answered;
}

Task<Result<io::Message>> LocalEngine::answer(peer::CountUsage ask) {
    CO_TRY(const auto usage, counted_here(ask.bucket));
    codec::Writer out;
    out.u64(usage.objects).u64(usage.bytes);
    co_return io::Message{out.take(), {}};
}

Task<Result<io::Message>> LocalEngine::answer(peer::IsCompleting ask) {
    co_return io::Message{std::string(1, completing_.contains(ask.upload) ? '\1' : '\0'), {}};
}

}  // namespace larder::engine
