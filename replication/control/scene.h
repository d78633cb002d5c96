// What ClusterControl decides from, and how it is told to people. Inside replication/control only; pure functions.
#pragma once

#include "replication/control/control.h"
#include "src/base/size.h"

#include <set>

namespace larder::control {

struct Scene {
    std::vector<model::MemberRow> members;  // all that ever were, by number
    LayoutSeen seen;
    layout::History history;
    std::vector<std::uint64_t> partition_bytes;

    const layout::Layout& newest() const { return seen.newest(); }
};

using Members = std::vector<model::MemberRow>;

// "attic"; the beginning of the id where no member has it.
std::string name_of(const Members& members, const base::NodeId& id);
// "1 machine", "2 machines".
std::string counted(std::uint64_t count, std::string_view word);
// "a, b and c".
std::string joined_text(const std::vector<std::string>& words);

// What was staged, for the log of layouts: "capacity of attic 4.0 TB, shed removed".
std::string change_text(const layout::Staged& staged, const layout::Layout& current, const Members& members);

// health.cc
// Beyond the nodes that are down: zones that may fail at once, whichever they are.
struct Standing {
    layout::Tolerance now;
    std::uint32_t without_quorum = 0;  // partitions
    std::uint32_t without_copy = 0;
};
Standing standing_of(const layout::History& history, const std::set<base::NodeId>& up);
// Bytes of content in the partitions that the layout puts on the node.
std::uint64_t bytes_on(const layout::Layout& layout, const base::NodeId& node,
                       const std::vector<std::uint64_t>& partition_bytes);
std::uint32_t partitions_on(const layout::Layout& layout, const base::NodeId& node);

// explain.cc
// The zones that hold as much as they can: those that decide how much fits.
std::vector<std::string> full_zones(const layout::Layout& layout);
std::vector<std::string> notes_on(const layout::Plan& plan, const layout::Layout& current, const Members& members);

}  // namespace larder::control
