// The Network seam of a node that has no peers: it can call itself.
#pragma once

#include "src/io/network.h"

#include <map>
#include <string>

namespace larder::io {

class LocalNetwork final : public Network {
 public:
    explicit LocalNetwork(NodeNumber self) : self_(self) {}
    NodeNumber self() const override { return self_; }
    // Runs the handler inside the call: no queue, no copy. Another node than self is disconnected.
    Task<base::Result<Message>> call(NodeNumber to, std::string method, Message request,
                                     base::Instant deadline) override;
    void serve(std::string method, Handler handler) override;

 private:
    NodeNumber self_;
    std::map<std::string, Handler, std::less<>> handlers_;
};

}  // namespace larder::io
