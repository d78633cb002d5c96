// Content that is not here, or damaged here, read from other nodes: the nearest first, another as well when it is slow,
// the next when it fails.
#pragma once

#include "replication/spread/fetcher.h"

#include <map>
#include <optional>

namespace larder::spread {

class Reader {
 public:
    Reader(const Context& context, base::Metrics& metrics);

    // Plain bytes [offset, offset + length) of a block, verified by their sums here. not_found/block when every node
    // that may have it answered and none has; quorum_not_reached when some did not answer, or only damaged copies did.
    io::Task<base::Result<base::Buffer>> read(Hash256 name, std::uint64_t offset, std::uint64_t length);

 private:
    struct Race;
    io::Task<void> ask(std::shared_ptr<Race> race, io::NodeNumber node);
    io::Task<base::Result<base::Buffer>> ask_one(ReadRequest request, io::NodeNumber node);
    io::Task<void> wait(std::shared_ptr<Race> race, std::optional<base::Duration> longest);
    std::vector<io::NodeNumber> order(const Hash256& name) const;
    base::Duration patience(io::NodeNumber node) const;

    const Context& context_;
    base::Counter remote_, hedged_, failed_over_;
    std::map<io::NodeNumber, base::Instant> suspect_until_;  // nodes that did not answer of late are asked last
};

}  // namespace larder::spread
