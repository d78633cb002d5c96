#include "src/db/tables.h"

#include "src/base/assert.h"

namespace larder::db {

using base::Result;

std::optional<std::optional<std::string_view>> Layers::find(std::string_view stored_key) const {
    if (auto found = active->find(stored_key, at)) return found;
    return pouring ? pouring->find(stored_key, at) : std::nullopt;
}

Layers Tables::layers() const {
    const std::lock_guard hold(mutex_);
    return {active_, pouring_, visible_.load(std::memory_order_acquire)};
}

// The lock keeps a table from being frozen, poured and dropped between the look at the tables and that at SQLite.
Result<Layers> Tables::open_view(Connection& connection) const {
    const std::lock_guard hold(mutex_);
    TRY_VOID(connection.begin_view());
    return Layers{active_, pouring_, visible_.load(std::memory_order_acquire)};
}

void Tables::add(const Overlay& group, Sequence sequence) {
    for (const auto& [key, value] : group) active_->add(key, value, sequence);
    visible_.store(sequence, std::memory_order_release);
}

void Tables::freeze() {
    auto fresh = std::make_shared<Memtable>();
    const std::lock_guard hold(mutex_);
    ENSURE(!pouring_);
    pouring_ = std::exchange(active_, std::move(fresh));
}

void Tables::poured() {
    std::shared_ptr<const Memtable> gone;  // ends outside the lock
    const std::lock_guard hold(mutex_);
    gone = std::exchange(pouring_, nullptr);
}

std::shared_ptr<const Memtable> Tables::pouring() const {
    const std::lock_guard hold(mutex_);
    return pouring_;
}

}  // namespace larder::db
