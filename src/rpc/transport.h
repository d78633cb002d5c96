// The bytes of one connection, as a Link sees them: plain between processes of this machine, TLS between nodes.
#pragma once

#include "src/io/readiness.h"

#include <cstddef>
#include <memory>
#include <span>
#include <sys/uio.h>

namespace boost::asio {
class io_context;
}

namespace larder::rpc {

struct Moved {
    bool broken = false;   // the connection has ended; nothing moves any more
    bool blocked = false;  // nothing more moves before the socket is ready again
    std::size_t bytes = 0;
};

class Transport {
 public:
    virtual ~Transport() = default;
    virtual io::Readiness& socket() = 0;
    // Reads what is there into the rooms, in their order.
    virtual Moved read(std::span<const iovec> into) = 0;
    // Takes as much as the connection bears for now. `blocked`: wait until the socket can be written, then call again,
    // with nothing new if there is nothing.
    virtual Moved write(std::span<const iovec> from) = 0;
    // Whether bytes taken by write() still lie here.
    virtual bool holds_unsent() const { return false; }
};

// Takes the descriptor.
std::unique_ptr<Transport> make_plain_transport(boost::asio::io_context& loop, int descriptor);

}  // namespace larder::rpc
