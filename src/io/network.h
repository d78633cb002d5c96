// Messages between nodes, at the level of calls. A node may call itself: nothing above knows whether a replica is near.
// Real: the links of src/rpc (a single node has only itself). Simulated: delay, loss, duplication, partitions.
#pragma once

#include "src/base/bytes.h"
#include "src/base/error.h"
#include "src/base/time.h"
#include "src/io/task.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace larder::io {

using NodeNumber = std::uint32_t;  // short number of a member, 1 upwards; also stands in tags

// One direction of a call. Bulk content travels beside the encoded body, never inside it.
struct Message {
    std::string body;
    std::vector<base::Buffer> bulk;
};

class Network {
 public:
    using Handler = std::function<Task<base::Result<Message>>(NodeNumber from, Message request)>;

    virtual ~Network() = default;
    virtual NodeNumber self() const = 0;
    // Sends `request` to `method` of node `to` and waits for its answer, at most until `deadline` (error timeout). A
    // timeout or disconnection says nothing about whether the request was carried out; it is so at most once, and never
    // sent again by itself: a second answer could deny what the first did (docs/protocol.md, "Coordinator").
    virtual Task<base::Result<Message>> call(NodeNumber to, std::string method, Message request,
                                             base::Instant deadline) = 0;
    // Answers `method` with `handler` from now on.
    virtual void serve(std::string method, Handler handler) = 0;
};

}  // namespace larder::io
