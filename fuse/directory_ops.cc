// Reading directories.
#include "fuse/open_directory.h"
#include "src/base/limits.h"

#include <cerrno>

namespace larder::fuse {

namespace {

std::string segment_of(const std::string& key, std::size_t prefix) {
    auto segment = key.substr(prefix);
    if (segment.ends_with('/')) segment.pop_back();
    return segment;
}

}  // namespace

Task<Answer<FileId>> FileSystem::open_directory(NodeId id) {
    const auto directory = node(id);
    if (!directory) co_return refuse(ESTALE);
    if (!directory->directory) co_return refuse(ENOTDIR);
    auto open = std::make_unique<OpenDirectory>();
    open->node = directory;
    const auto file = ++last_file_;
    directories_[file] = std::move(open);
    co_return file;
}

void FileSystem::release_directory(FileId directory) {
    directories_.erase(directory);
}

// Reads the next page of children.
Task<Answer<>> FileSystem::fill(OpenDirectory& open) {
    if (open.node->gone()) {
        open.ended = true;
        co_return Answer<>();
    }
    ANSWER(const auto directory, key_of(*open.node));
    ANSWER(auto page, co_await store_.list(directory, open.after, base::limits::kListKeysMax));
    const auto emit = [&](engine::FileEntry entry, bool beside) {
        auto segment = segment_of(entry.key, directory.size());
        auto name = names::show(segment, beside);
        open.ready.push_back({std::move(segment), std::move(name), std::move(entry), beside});
    };
    for (auto& entry : page.entries) {
        // Whoever sorts before "key/" but is no prefix of it is decided.
        std::erase_if(open.undecided, [&](engine::FileEntry& waiting) {
            const bool is_directory = entry.key == waiting.key + '/';
            if (!is_directory && entry.key.starts_with(waiting.key) && entry.key < waiting.key + '/') return false;
            emit(std::move(waiting), is_directory);
            return true;
        });
        if (entry.key.ends_with('/')) {
            emit(std::move(entry), false);
        } else {
            open.undecided.push_back(std::move(entry));
        }
    }
    open.after = page.next;
    if (!page.truncated) {
        for (auto& waiting : std::exchange(open.undecided, {})) emit(std::move(waiting), false);
        open.ended = true;
    }
    co_return Answer<>();
}

Task<Answer<>> FileSystem::read_directory(FileId id, std::uint64_t offset, bool with_attributes,
                                          std::function<bool(const DirectoryEntry&)> room) {
    const auto place = directories_.find(id);
    if (place == directories_.end()) co_return refuse(EBADF);
    auto& open = *place->second;
    constexpr auto kDots = OpenDirectory::kDots;
    if (offset == 0 || offset < open.first) open.restart();
    for (; offset < kDots; ++offset) {
        auto at = open.node;
        if (offset == 1 && at->place() != nullptr) at = at->place()->parent;
        DirectoryEntry dot{offset == 0 ? "." : "..", {0, stat_of(*at)}, offset + 1};
        if (!room(dot)) co_return Answer<>();
    }
    for (;; ++offset) {
        while (open.first + open.ready.size() <= offset && !open.ended) {
            const auto drop = std::min<std::uint64_t>(offset - open.first, open.ready.size());
            open.ready.erase(open.ready.begin(), open.ready.begin() + static_cast<std::ptrdiff_t>(drop));
            open.first += drop;
            ANSWER_VOID(co_await fill(open));
        }
        if (open.first + open.ready.size() <= offset) co_return Answer<>();
        auto& child = open.ready[offset - open.first];
        DirectoryEntry entry{child.name, {}, offset + 1};
        if (!with_attributes) {
            entry.found.stat = stat_of_entry(child.entry);
            if (!room(entry)) co_return Answer<>();
            continue;
        }
        // What is known here may be newer than the listing: written and not yet stored, or changed since.
        auto node = nodes_.child(*open.node, child.segment, child.entry.key.ends_with('/'));
        if (!node || !is_fresh(*node)) {
            node = nodes_.place(open.node, child.segment, child.entry, env_.clock.now());
            if (!node->directory) nodes_.learn_beside(open.node, child.segment, child.beside);
        }
        entry.found = {node->id, stat_of(*node)};
        if (!room(entry)) {
            nodes_.release(node);
            co_return Answer<>();
        }
        ++node->lookups;
        keep_few();
    }
}

// What will be refused must not leave a marker behind (keep_directory).
Task<Answer<>> FileSystem::check_empty(std::string directory) {
    ANSWER(const auto page, co_await store_.list(directory, "", 1));
    if (!page.entries.empty()) co_return refuse(ENOTEMPTY);
    co_return Answer<>();
}

Task<Answer<>> FileSystem::sync_directory(NodeId id) {
    const auto directory = node(id);
    if (!directory) co_return refuse(ESTALE);
    ANSWER(auto key, key_of(*directory));
    ANSWER_VOID(co_await store_.settle(std::move(key)));
    co_return Answer<>();
}

}  // namespace larder::fuse
