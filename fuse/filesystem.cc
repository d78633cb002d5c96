#include "fuse/open_directory.h"
#include "src/base/log.h"

namespace larder::fuse {

FileSystem::FileSystem(io::Env& env, engine::FileStore& store, Options options, Notifier& notifier)
    : env_(env), store_(store), options_(options), notifier_(notifier), tasks_(env.executor) {}

FileSystem::~FileSystem() = default;

Task<int> FileSystem::close() {
    int failed = 0;
    std::vector<NodePtr> nodes;
    nodes_.each([&nodes](const NodePtr& node) {
        if (node->content || node->times_dirty) nodes.push_back(node);
    });
    for (auto& node : nodes) {
        if (node->times_dirty) co_await store_times(node);
        if (const auto stored = co_await commit(node, false); !stored) ++failed;
    }
    if (const auto stored = co_await store_.settle(""); !stored) ++failed;
    co_return failed;
}

// While changes are pushed, what is known stays good until one says otherwise.
Task<void> FileSystem::follow_changes() {
    constexpr auto kWait = std::chrono::seconds(20);
    constexpr auto kPause = std::chrono::seconds(1);
    std::string since;
    for (;;) {
        auto page = co_await store_.watch(since, env_.clock.after(since.empty() ? base::Duration(0) : kWait));
        if (!page) {
            if (live_) base::log::warning("changes made elsewhere are not pushed", {{"reason", page.error().message}});
            live_ = false;
            since.clear();
            co_await env_.clock.sleep_for(kPause);
            continue;
        }
        // What changed before the first answer was not told.
        if (since.empty() || page->missed) forget_everything();
        since = page->next;
        live_ = true;
        for (const auto& change : page->events) take_change(change);
    }
}

void FileSystem::take_change(const engine::ChangeEvent& change) {
    ahead_.change(change.key);
    auto parent = nodes_.root();
    std::string_view rest = change.key;
    for (;;) {
        const auto slash = rest.find('/');
        const bool directory = slash != std::string_view::npos;
        const auto segment = rest.substr(0, slash);
        const auto known = nodes_.child(*parent, segment, directory);
        const bool last = !directory || slash + 1 == rest.size();
        if (!known) {
            // The kernel may remember that there is nothing of this name, or the other kind of it.
            nodes_.doubt(parent, segment, !directory);
            notifier_.entry_changed(parent->id, names::show(segment));
            return;
        }
        if (last) {
            // Mostly it is the echo of a change made here.
            if (!change.removed && known->entry.state == change.version) return;
            nodes_.doubt(parent, segment, directory);
            if (known->content && known->content->changed()) return;
            if (directory) {
                notifier_.attributes_changed(known->id);
            } else {
                notifier_.content_changed(known->id);
            }
            notifier_.entry_changed(parent->id, names::show(segment));
            return;
        }
        // A directory that content implied may end with it.
        if (change.removed && known->entry.implied) {
            known->stale = true;
            notifier_.entry_changed(parent->id, names::show(segment));
        }
        parent = known;
        rest.remove_prefix(slash + 1);
    }
}

void FileSystem::forget_everything() {
    ahead_.clear();
    nodes_.each([this](const NodePtr& node) {
        node->stale = true;
        for (auto& place : node->places) place.doubted = true;
        if (node->gone() || node->id == kRootNode) return;
        for (const auto& place : node->places) notifier_.entry_changed(place.parent->id, names::show(place.segment));
        notifier_.attributes_changed(node->id);
    });
}

// The kernel holds on to what it looked up while this machine has memory to spare, and each entry of its costs more
// here than there. So it is asked to let go of the older half of the files, once for many new ones.
void FileSystem::keep_few() {
    const auto half = options_.files_kept / 2;
    const auto newest = nodes_.newest();
    if (nodes_.size() <= options_.files_kept || newest - kept_few_at_ < half) return;
    kept_few_at_ = newest;
    nodes_.each([this, half, newest](const NodePtr& node) {
        // A directory may be where somebody works.
        if (node->directory || node->content || node->gone() || node->id + half > newest) return;
        for (const auto& place : node->places) notifier_.entry_changed(place.parent->id, names::show(place.segment));
    });
}

}  // namespace larder::fuse
