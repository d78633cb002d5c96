// What the daemon puts beside the engine (replication/control) needs of it: the tables of members, invitations and
// layouts, and the layouts in force. All of an engine that make_engine() made; all on the engine thread.
#pragma once

#include "replication/engine.h"
#include "replication/layout/history.h"
#include "replication/table/register.h"

namespace larder::engine {

// model::kMembers, kInvitations or kLayouts. Lives as long as the engine.
table::Registers& cluster_rows(Engine& engine, table::TableId table);

// Of an engine that was given contacts (Options):

const layout::History& layouts(Engine& engine);
// The layout that follows the newest, which a conditional write has decided: in force here when this ends; the others
// hear of it. conflict when another one has come first. One that is in force already is done.
Task<Result<void>> adopt_layout(Engine& engine, layout::Layout next);
// Operator's decision (layout::give_up).
Task<Result<void>> give_up_nodes(Engine& engine, std::vector<base::NodeId> dead, bool allow_loss);
// A number has become known, or an id.
void contacts_changed(Engine& engine);

// How far this node is with taking over what the layout gives it.
struct Taking {
    bool idle = true;  // it has all it should have
    std::uint64_t rows_done = 0, rows_total = 0;
    std::uint64_t bytes_done = 0, bytes_total = 0;
};
Taking taking(Engine& engine);

}  // namespace larder::engine
