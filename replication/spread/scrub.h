// Reads everything again, slowly, so that what has rotted is found while there are other copies. A damaged block is
// replaced by a good copy from another node; the bad record is dead then, and its space is not used again.
#pragma once

#include "replication/spread/fetcher.h"
#include "replication/spread/pace.h"

namespace larder::spread {

class Scrub {
 public:
    Scrub(const Context& context, Fetcher& fetcher);

    struct Report {
        std::uint64_t blocks = 0;
        std::uint64_t bytes = 0;
        std::uint64_t damaged = 0;
        std::uint64_t mended = 0;
    };
    // One pass over all blocks in about Options::scrub_period, or as fast as the pace allows when `hurried`. It goes on
    // where it was before a restart.
    io::Task<base::Result<Report>> pass(bool hurried);
    // Passes for ever.
    void start();
    void stop() { tasks_.stop(); }
    // Of the pass under way, or the last one.
    const Report& report() const { return report_; }

 private:
    io::Task<void> run();
    io::Task<base::Result<void>> look_at(Hash256 name, std::uint32_t bytes);
    io::Task<void> rest(std::uint64_t bytes);

    const Context& context_;
    Fetcher& fetcher_;
    Pace pace_;
    Report report_;
    io::TaskGroup tasks_;
};

}  // namespace larder::spread
