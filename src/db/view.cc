#include "src/db/view.h"

namespace larder::db {

using base::Result;

MergedCursor::MergedCursor(Connection& connection, Statement scan, TreeId tree, std::vector<const Overlay*> overlays)
    : connection_(connection), scan_(std::move(scan)), prefix_(stored_key(tree, {})) {
    for (const auto* overlay : overlays) sources_.push_back({overlay, overlay->end()});
}

Result<void> MergedCursor::seek(std::string_view key) {
    const std::string from = prefix_ + std::string(key);
    for (auto& source : sources_) source.place = source.overlay->lower_bound(from);
    TRY(const auto step, scan_from(connection_, scan_.get(), from));
    base_valid_ = step == StepResult::row && in_tree(scan_key(scan_.get()));
    return settle();
}

Result<void> MergedCursor::next() {
    const std::string passed(key_);
    for (auto& source : sources_) {
        if (source.place != source.overlay->end() && source.place->first == passed) ++source.place;
    }
    if (base_valid_ && scan_key(scan_.get()) == passed) TRY_VOID(step_base());
    return settle();
}

Result<void> MergedCursor::step_base() {
    TRY(const auto step, scan_next(connection_, scan_.get()));
    base_valid_ = step == StepResult::row && in_tree(scan_key(scan_.get()));
    return {};
}

// Stands on the least key of all sources that is not erased.
Result<void> MergedCursor::settle() {
    for (;;) {
        const Source* best = nullptr;
        for (const auto& source : sources_) {
            if (source.place == source.overlay->end() || !in_tree(source.place->first)) continue;
            if (best == nullptr || source.place->first < best->place->first) best = &source;
        }
        valid_ = base_valid_ || best != nullptr;
        if (!valid_) return {};
        const bool from_base = base_valid_ && (best == nullptr || scan_key(scan_.get()) < best->place->first);
        if (from_base) {
            key_ = scan_key(scan_.get());
            TRY(value_, checked_value(key_, scan_value(scan_.get())));
            return {};
        }
        key_ = best->place->first;
        if (best->place->second) {
            value_ = *best->place->second;
            return {};
        }
        const std::string erased(key_);
        for (auto& source : sources_) {
            if (source.place != source.overlay->end() && source.place->first == erased) ++source.place;
        }
        if (base_valid_ && scan_key(scan_.get()) == erased) TRY_VOID(step_base());
    }
}

Result<std::unique_ptr<Cursor>> ConnectionReader::cursor(TreeId tree) {
    TRY(auto scan, connection_.scan());
    return std::make_unique<MergedCursor>(connection_, std::move(scan), tree, std::vector<const Overlay*>());
}

Result<std::optional<std::string>> OverlayWriter::get(TreeId tree, std::string_view key) {
    const auto full = stored_key(tree, key);
    for (const auto* overlay : {static_cast<const Overlay*>(&own_), &group_}) {
        if (const auto found = overlay->find(full); found != overlay->end()) return found->second;
    }
    return connection_.get(tree, key);
}

Result<std::unique_ptr<Cursor>> OverlayWriter::cursor(TreeId tree) {
    TRY(auto scan, connection_.scan());
    return std::make_unique<MergedCursor>(connection_, std::move(scan), tree,
                                          std::vector<const Overlay*>{&own_, &group_});
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
