#include "replication/cluster_rows.h"

#include "replication/local_engine.h"
#include "src/base/assert.h"

namespace larder::engine {

namespace {

LocalEngine& local(Engine& engine) {
    auto* own = dynamic_cast<LocalEngine*>(&engine);
    ENSURE(own != nullptr);
    return *own;
}

Company& company(Engine& engine) {
    auto* found = local(engine).company();
    ENSURE(found != nullptr);
    return *found;
}

}  // namespace

table::Registers& cluster_rows(Engine& engine, table::TableId table) {
    return local(engine).cluster_rows(table);
}

const layout::History& layouts(Engine& engine) {
    return company(engine).keeper().history();
}

Task<Result<void>> adopt_layout(Engine& engine, layout::Layout next) {
    auto& keeper = company(engine).keeper();
    const auto& live = keeper.history().live;
    if (!live.empty() && live.rbegin()->second == next)
        return []() -> Task<Result<void>> { co_return Result<void>(); }();
    return keeper.adopt(std::move(next));
}

Task<Result<void>> give_up_nodes(Engine& engine, std::vector<base::NodeId> dead, bool allow_loss) {
    return company(engine).keeper().give_up(std::move(dead), allow_loss);
}

void contacts_changed(Engine& engine) {
    company(engine).keeper().members_changed();
}

Taking taking(Engine& engine) {
    const auto& rows = company(engine).rows_moved();
    const auto& content = company(engine).content().resync().progress();
    Taking out;
    out.idle = rows.idle && content.phase == spread::Progress::Phase::idle;
    out.rows_done = rows.keys_done;
    out.rows_total = rows.keys_total;
    out.bytes_done = rows.bytes_done + content.bytes_done;
    out.bytes_total = rows.bytes_total + content.bytes_total;
    return out;
}

}  // namespace larder::engine
