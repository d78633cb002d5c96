#include "replication/control/alone.h"

namespace larder::control {

// It holds everything whatever the layout, so no older one is waited for.
Task<Result<void>> Alone::adopt(layout::Layout next) {
    history_.live.clear();
    history_.live.emplace(next.epoch, std::move(next));
    co_return Result<void>();
}

Task<Result<void>> Alone::give_up(std::vector<base::NodeId>, bool) {
    co_return Result<void>();
}

// Names of content are hashes: they spread evenly.
Task<Result<std::vector<std::uint64_t>>> Alone::partition_bytes() {
    CO_TRY(const auto stored, co_await stored_());
    const auto partitions = history_.live.empty() ? 1 : history_.live.rbegin()->second.partitions();
    co_return std::vector<std::uint64_t>(partitions, stored / partitions);
}

}  // namespace larder::control
