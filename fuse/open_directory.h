// A directory while it is read. Inside fuse/ only.
#pragma once

#include "fuse/filesystem.h"

namespace larder::fuse {

// One opendir. Offsets count entries: "." is 1, ".." is 2, then children in the order they were first read. Entries
// that were handed out are dropped a page later; going further back reads the directory again from its start.
struct FileSystem::OpenDirectory {
    NodePtr node;
    struct Child {
        std::string segment;
        std::string name;
        engine::FileEntry entry;
        bool beside = false;
    };
    std::deque<Child> ready;
    std::uint64_t first = kDots;  // offset before ready.front()
    std::string after;
    bool ended = false;
    // Objects that a directory of the same name may yet follow in the order of keys; that decides their name.
    std::vector<engine::FileEntry> undecided;

    static constexpr std::uint64_t kDots = 2;

    void restart() {
        ready.clear();
        undecided.clear();
        first = kDots;
        after.clear();
        ended = false;
    }
};

}  // namespace larder::fuse
