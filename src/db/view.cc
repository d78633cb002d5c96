#include "src/db/view.h"

namespace larder::db {

using base::Result;

namespace {

class OverlayWalk final : public LayerWalk {
 public:
    explicit OverlayWalk(const Overlay& overlay) : overlay_(overlay), place_(overlay.end()) {}
    void seek(std::string_view stored_key) override { place_ = overlay_.lower_bound(stored_key); }
    void next() override { ++place_; }
    bool valid() const override { return place_ != overlay_.end(); }
    std::string_view key() const override { return place_->first; }
    std::optional<std::string_view> value() const override { return place_->second; }

 private:
    const Overlay& overlay_;
    Overlay::const_iterator place_;
};

class MemtableWalk final : public LayerWalk {
 public:
    MemtableWalk(std::shared_ptr<const Memtable> table, Sequence at) : table_(std::move(table)), walk_(*table_, at) {}
    void seek(std::string_view stored_key) override { walk_.seek(stored_key); }
    void next() override { walk_.next(); }
    bool valid() const override { return walk_.valid(); }
    std::string_view key() const override { return walk_.key(); }
    std::optional<std::string_view> value() const override { return walk_.value(); }

 private:
    std::shared_ptr<const Memtable> table_;
    Memtable::Walk walk_;
};

}  // namespace

Result<std::unique_ptr<Cursor>> MergedCursor::make(Connection& connection, TreeId tree,
                                                   std::vector<std::unique_ptr<LayerWalk>> above) {
    TRY(auto scan, connection.take_scan());
    return std::unique_ptr<Cursor>(new MergedCursor(connection, std::move(scan), tree, std::move(above)));
}

MergedCursor::~MergedCursor() {
    connection_.give_back_scan(std::move(scan_));
}

Result<void> MergedCursor::seek(std::string_view key) {
    const std::string from = prefix_ + std::string(key);
    for (auto& layer : above_) layer->seek(from);
    TRY_VOID(take_base_row(scan_from(connection_, scan_.get(), from)));
    return settle();
}

Result<void> MergedCursor::next() {
    if (above_.empty()) {
        TRY_VOID(take_base_row(scan_next(connection_, scan_.get())));
        return settle();
    }
    passed_ = key_;
    TRY_VOID(pass(passed_));
    return settle();
}

Result<void> MergedCursor::take_base_row(Result<StepResult> step) {
    base_valid_ = false;
    TRY(const auto outcome, std::move(step));
    if (outcome == StepResult::end) return {};
    base_key_ = scan_key(scan_.get());
    base_valid_ = in_tree(base_key_);
    return {};
}

// All that stand on this key go on.
Result<void> MergedCursor::pass(std::string_view stored_key) {
    for (auto& layer : above_) {
        if (layer->valid() && layer->key() == stored_key) layer->next();
    }
    if (base_valid_ && base_key_ == stored_key) return take_base_row(scan_next(connection_, scan_.get()));
    return {};
}

// Stands on the least key of all layers that is not erased.
Result<void> MergedCursor::settle() {
    for (;;) {
        const LayerWalk* best = nullptr;
        for (const auto& layer : above_) {
            if (!layer->valid() || !in_tree(layer->key())) continue;
            if (best == nullptr || layer->key() < best->key()) best = layer.get();
        }
        valid_ = base_valid_ || best != nullptr;
        if (!valid_) return {};
        if (base_valid_ && (best == nullptr || base_key_ < best->key())) {
            key_ = base_key_;
            TRY(value_, connection_.checked(key_, scan_value(scan_.get())));
            return {};
        }
        key_ = best->key();
        if (const auto value = best->value()) {
            value_ = *value;
            return {};
        }
        passed_ = key_;
        TRY_VOID(pass(passed_));
    }
}

Result<std::optional<std::string>> StoreReader::get(TreeId tree, std::string_view key) {
    return get_stored(stored_key(tree, key));
}

Result<std::optional<std::string>> StoreReader::get_stored(std::string_view stored) {
    if (const auto found = layers_.find(stored)) {
        return *found ? std::optional<std::string>(**found) : std::nullopt;
    }
    return connection_.get(stored);
}

void StoreReader::add_walks(std::vector<std::unique_ptr<LayerWalk>>& above) const {
    for (const auto& table : {layers_.active, layers_.pouring}) {
        if (table && !table->empty()) above.push_back(std::make_unique<MemtableWalk>(table, layers_.at));
    }
}

Result<std::unique_ptr<Cursor>> StoreReader::cursor(TreeId tree) {
    std::vector<std::unique_ptr<LayerWalk>> above;
    add_walks(above);
    return MergedCursor::make(connection_, tree, std::move(above));
}

Result<std::optional<std::string>> OverlayWriter::get(TreeId tree, std::string_view key) {
    const auto full = stored_key(tree, key);
    for (const auto* overlay : {static_cast<const Overlay*>(&own_), &group_}) {
        if (const auto found = overlay->find(full); found != overlay->end()) return found->second;
    }
    return store_.get_stored(full);
}

Result<std::unique_ptr<Cursor>> OverlayWriter::cursor(TreeId tree) {
    std::vector<std::unique_ptr<LayerWalk>> above;
    above.push_back(std::make_unique<OverlayWalk>(own_));
    above.push_back(std::make_unique<OverlayWalk>(group_));
    store_.add_walks(above);
    return MergedCursor::make(store_.connection(), tree, std::move(above));
}

Result<void> OverlayWriter::put(TreeId tree, std::string_view key, std::string_view value) {
    own_.insert_or_assign(stored_key(tree, key), std::string(value));
    return {};
}

Result<void> OverlayWriter::erase(TreeId tree, std::string_view key) {
    own_.insert_or_assign(stored_key(tree, key), std::nullopt);
    return {};
}

}  // namespace larder::db
