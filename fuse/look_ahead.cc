#include "fuse/look_ahead.h"

#include <algorithm>

namespace larder::fuse {

namespace {

constexpr int kEnoughMin = 8;
constexpr int kEnoughMax = 4096;
// A page that answered fewer was not worth it: the next one is asked for later.
constexpr int kWorthHits = 32;
constexpr std::size_t kChangedMax = 10'000;

}  // namespace

std::optional<engine::FoundPath> LookAhead::find(const std::string& directory, const std::string& segment,
                                                 base::Instant now) {
    if (!known_ || directory != directory_ || now - learnt_ > kGood || changed_.contains(segment)) return std::nullopt;
    // S3 knows no directories: an object and a directory may have the same name.
    const auto key = directory + segment;
    const auto marker = key + '/';
    if (key <= after_ || (!until_.empty() && marker > until_)) return std::nullopt;
    engine::FoundPath found;
    if (const auto there = entries_.find(key); there != entries_.end()) found.object = there->second;
    if (const auto there = entries_.find(marker); there != entries_.end()) found.directory = there->second;
    // What is there is opened by asking the store. That nothing is there would be the last word, and the push that
    // says otherwise may be on its way.
    if (!found.object && !found.directory) return std::nullopt;
    ++hits_;
    return found;
}

bool LookAhead::missed(const std::string& directory) {
    if (directory != missed_in_) misses_ = 0;
    missed_in_ = directory;
    return ++misses_ >= enough_ && !fetching_;
}

void LookAhead::begin(std::string directory) {
    enough_ = hits_ >= kWorthHits ? kEnoughMin : std::min(kEnoughMax, std::max(enough_, kEnoughMin) * 2);
    misses_ = 0;
    changed_meanwhile_.clear();
    fetching_ = std::move(directory);
}

void LookAhead::end(std::string after, engine::DirectoryPage page, base::Instant now) {
    if (!fetching_) return;
    directory_ = *std::exchange(fetching_, std::nullopt);
    changed_ = std::move(changed_meanwhile_);
    changed_meanwhile_.clear();
    after_ = std::move(after);
    until_ = page.truncated ? page.next : std::string();
    entries_.clear();
    for (auto& entry : page.entries) entries_.emplace(entry.key, std::move(entry));
    learnt_ = now;
    known_ = true;
    hits_ = 0;
}

std::optional<std::string> LookAhead::name_in(const std::string& directory, std::string_view key) {
    if (!key.starts_with(directory)) return std::nullopt;
    key.remove_prefix(directory.size());
    return std::string(key.substr(0, key.find('/')));
}

void LookAhead::change(std::string_view key) {
    if (changed_.size() > kChangedMax || changed_meanwhile_.size() > kChangedMax) return clear();
    if (known_) {
        if (auto name = name_in(directory_, key)) changed_.insert(std::move(*name));
    }
    if (fetching_) {
        if (auto name = name_in(*fetching_, key)) changed_meanwhile_.insert(std::move(*name));
    }
}

void LookAhead::clear() {
    known_ = false;
    entries_.clear();
    changed_.clear();
    changed_meanwhile_.clear();
    fetching_.reset();
}

}  // namespace larder::fuse
