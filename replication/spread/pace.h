// How fast background work may go: a limit of bytes per second, less while clients wait longer than they should, never
// less than a floor. Engine thread.
#pragma once

#include "replication/spread/context.h"

namespace larder::spread {

class Pace {
 public:
    explicit Pace(const Context& context) : context_(context) {}
    // Waits until `bytes` more may be moved.
    io::Task<void> take(std::uint64_t bytes);

 private:
    // Nothing: as fast as it goes.
    std::optional<double> bytes_per_second() const;

    const Context& context_;
    base::Instant free_at_;
};

}  // namespace larder::spread
