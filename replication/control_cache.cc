#include "replication/control_cache.h"

#include <algorithm>

namespace larder::engine {

Result<bool> ControlCache::take(const Word& word) {
    const Place place(word.table, word.sort_key);
    const auto known = known_.find(place);
    if (known != known_.end() && word.at < known->second) return false;
    TRY_VOID(show(word));
    if (!word.value && word.from_here) {
        known_.erase(place);
    } else {
        known_[place] = word.at;
    }
    return true;
}

Result<void> ControlCache::show(const Word& word) {
    if (word.table == model::kBucketNames) {
        const auto id = word.value ? BucketId::from(*word.value) : std::nullopt;
        if (id) names_[word.sort_key] = *id;
        if (!id) names_.erase(word.sort_key);
    } else if (word.table == model::kBuckets) {
        const auto id = BucketId::from(word.sort_key);
        if (!id) return base::fail(base::Code::corrupted, base::Subject::row, "a bucket row stands under no id");
        if (!word.value) {
            states_.erase(*id);
            return {};
        }
        TRY(auto row, model::decode_bucket(*word.value));
        auto& state = states_[*id];
        if (!state) state = std::make_shared<BucketState>();
        state->shown = std::make_shared<const Bucket>(row.bucket);
        state->row = std::move(row);
    } else if (word.table == model::kAccessKeys) {
        if (!word.value) {
            keys_.erase(word.sort_key);
            return {};
        }
        TRY(auto key, model::decode_access_key(*word.value));
        keys_[word.sort_key] = std::make_shared<const AccessKey>(std::move(key));
    }
    return {};
}

Tag ControlCache::known(table::TableId table, const std::string& sort_key) const {
    const auto found = known_.find(Place(table, sort_key));
    return found == known_.end() ? Tag{} : found->second;
}

std::set<std::string> ControlCache::all(table::TableId table) const {
    std::set<std::string> out;
    for (auto at = known_.lower_bound(Place(table, "")); at != known_.end() && at->first.first == table; ++at) {
        out.insert(at->first.second);
    }
    return out;
}

void ControlCache::trust_bucket(const std::string& name) {
    for (const auto& [id, state] : states_) {
        const auto& names = state->row.bucket.names;
        if (std::ranges::find(names, name) != names.end()) names_[name] = id;
    }
}

// Both have to say so: a name is claimed before its bucket lists it, and given up after.
std::shared_ptr<const Bucket> ControlCache::find_bucket(std::string_view name) const {
    const auto found = names_.find(name);
    if (found == names_.end()) return nullptr;
    auto bucket = find_bucket(found->second);
    const bool lists = bucket && std::ranges::find(bucket->names, name) != bucket->names.end();
    return lists ? bucket : nullptr;
}

std::shared_ptr<const Bucket> ControlCache::find_bucket(const BucketId& id) const {
    const auto known = state(id);
    return known && !known->row.deleting ? known->shown : nullptr;
}

std::vector<std::shared_ptr<const Bucket>> ControlCache::buckets() const {
    std::vector<std::shared_ptr<const Bucket>> out;
    std::set<BucketId> seen;
    for (const auto& [name, id] : names_) {
        auto bucket = find_bucket(name);
        if (bucket && seen.insert(id).second) out.push_back(std::move(bucket));
    }
    return out;
}

std::shared_ptr<const AccessKey> ControlCache::find_key(std::string_view id) const {
    const auto found = keys_.find(id);
    return found == keys_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const AccessKey>> ControlCache::keys() const {
    std::vector<std::shared_ptr<const AccessKey>> out;
    for (const auto& [id, key] : keys_) out.push_back(key);
    return out;
}

std::shared_ptr<BucketState> ControlCache::state(const BucketId& id) const {
    const auto found = states_.find(id);
    return found == states_.end() ? nullptr : found->second;
}

}  // namespace larder::engine
