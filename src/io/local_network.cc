#include "src/io/local_network.h"

namespace larder::io {
namespace {

Task<base::Result<Message>> refuse(base::Error error) {
    co_return base::fail(std::move(error));
}

}  // namespace

Task<base::Result<Message>> LocalNetwork::call(NodeNumber to, std::string method, Message request, base::Instant) {
    if (to != self_) {
        return refuse({base::Code::disconnected, base::Subject::node, "node " + std::to_string(to) + " is not linked"});
    }
    const auto handler = handlers_.find(method);
    if (handler == handlers_.end()) {
        return refuse({base::Code::unsupported, base::Subject::node, "this node does not answer " + method});
    }
    return handler->second(self_, std::move(request));
}

void LocalNetwork::serve(std::string method, Handler handler) {
    handlers_[std::move(method)] = std::move(handler);
}

}  // namespace larder::io
