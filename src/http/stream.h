// The bytes of one connection: plain, or under TLS (tls.h). Nothing here waits.
#pragma once

#include "src/io/readiness.h"

#include <cstddef>
#include <memory>
#include <span>
#include <sys/uio.h>

namespace larder::http {
using io::Readiness;

// What one attempt came to. `bytes` > 0 exactly for `moved`.
struct Moved {
    enum class Outcome {
        moved,
        end,     // the other side sends no more
        wait,    // nothing can be done until the descriptor is ready for `direction`
        broken,  // the connection is of no more use
    };
    Outcome outcome = Outcome::broken;
    std::size_t bytes = 0;
    Readiness::Direction direction = Readiness::Direction::read;
};

class Stream {
 public:
    virtual ~Stream() = default;
    // Fills the pieces in turn, as far as bytes are there.
    virtual Moved read(std::span<iovec> into) = 0;
    // Sends from the pieces in turn, as far as there is room.
    virtual Moved write(std::span<iovec> from) = 0;
    // Before the first read; repeated until it is not `wait`.
    virtual Moved handshake() = 0;
    // Says that nothing more will be sent.
    virtual void shut() = 0;
};

// The descriptor stays with the caller and outlives the stream.
std::unique_ptr<Stream> make_plain_stream(int descriptor);

}  // namespace larder::http
