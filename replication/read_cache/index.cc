#include "replication/read_cache/index.h"

#include "src/base/assert.h"

namespace larder::read_cache {

std::optional<Kept> Index::use(const PieceName& name) {
    const auto found = places_.find(name);
    if (found == places_.end()) return std::nullopt;
    by_use_.splice(by_use_.end(), by_use_, found->second);
    return *found->second;
}

void Index::add(const Kept& kept) {
    ENSURE(!has(kept.name));
    places_[kept.name] = by_use_.insert(by_use_.end(), kept);
    bytes_ += disk_bytes(kept.length);
}

bool Index::remove(const Kept& kept) {
    const auto found = places_.find(kept.name);
    if (found == places_.end() || found->second->sequence != kept.sequence) return false;
    bytes_ -= disk_bytes(kept.length);
    by_use_.erase(found->second);
    places_.erase(found);
    return true;
}

std::vector<Kept> Index::make_room(std::uint32_t length) {
    std::vector<Kept> out;
    while (!by_use_.empty() && (bytes_ + disk_bytes(length) > bytes_max_ || places_.size() >= pieces_max_)) {
        out.push_back(by_use_.front());
        remove(out.back());
    }
    return out;
}

void Index::clear() {
    by_use_.clear();
    places_.clear();
    bytes_ = 0;
}

}  // namespace larder::read_cache
