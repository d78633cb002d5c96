// The tables of members, invitations and layouts, for what the daemon puts beside the engine (replication/control).
#pragma once

#include "replication/engine.h"
#include "replication/table/register.h"

namespace larder::engine {

// model::kMembers, kInvitations or kLayouts of an engine that make_engine() made. Lives as long as the engine.
table::Registers& cluster_rows(Engine& engine, table::TableId table);

}  // namespace larder::engine
