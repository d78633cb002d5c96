#include "replication/cluster_rows.h"

#include "replication/local_engine.h"
#include "src/base/assert.h"

namespace larder::engine {

table::Registers& cluster_rows(Engine& engine, table::TableId table) {
    auto* local = dynamic_cast<LocalEngine*>(&engine);
    ENSURE(local != nullptr);
    return local->cluster_rows(table);
}

}  // namespace larder::engine
