// What keepers tell each other: method "layout" (docs/formats.md, "Layout history").
#pragma once

#include "replication/cluster/since.h"

#include <optional>

namespace larder::cluster {

// A history as it travels: the layouts from some epoch on, and all progress.
struct Known {
    layout::History history;
    Since since;       // of the oldest live layout; empty where that is not told
    Epoch oldest = 0;  // of the live layouts of who tells, whether or not they are in `history`
    Epoch newest = 0;
};
// With the layouts from `from` on.
std::string encode_history(const layout::History& history, const Since& since, Epoch from);
base::Result<Known> decode_history(std::string_view bytes);

struct Greeting {
    base::NodeId node;
    std::uint32_t boot = 0;
    std::uint64_t life = 0;       // drawn at random at each start
    std::uint32_t your_boot = 0;  // the greatest that was remembered of who is greeted, before this greeting
    std::uint64_t your_life = 0;  // with that boot; 0: not known any more
    std::string history;
};
std::string encode(const Greeting& greeting);
base::Result<Greeting> decode_greeting(std::string_view bytes);

}  // namespace larder::cluster
