// What a bucket holds and what two mounts that have files open show of it: a model without storage, caches or kernel.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace larder::model_test {

// A file, a symbolic link or the marker of a directory; hard links share it.
struct Inode {
    bool symlink = false;
    std::string content;
    std::optional<std::uint32_t> mode;  // permission bits, when they were set through a mount
    std::map<std::string, std::string> xattrs;
};
using InodePtr = std::shared_ptr<Inode>;
using Keys = std::map<std::string, InodePtr>;

// A path as a mount shows it.
struct Shown {
    bool directory = false;
    std::string key;  // directories: with "/"
    InodePtr inode;   // null: a directory that its content implies
};
using Tree = std::map<std::string, Shown>;

// The rule of names (docs/SEMANTICS.md, "Names"), once more and by itself.
std::string show(const std::string& segment, bool beside_directory);
// The segment that a new entry of this name gets; nullopt: there can be none.
std::optional<std::string> segment_for(const std::string& name);
// The one pure function from keys to what a mount shows.
Tree materialise(const Keys& keys);

// What one mount has of a file while it is open there.
struct OpenState {
    int opens = 0;
    std::string content;  // as this mount shows it
    bool changed = false;
    // All that is not stored was appended: from here on.
    std::optional<std::size_t> appended_from;
    // Another door moved or took away a name of it: what is stored may find no key (ESTALE).
    bool disturbed = false;
};

class Model {
 public:
    Keys keys;
    std::array<std::map<InodePtr, OpenState>, 2> open;

    std::vector<std::string> keys_of(const InodePtr& inode) const;
    bool anything_below(const std::string& directory) const;
    // The bytes that a mount shows of a file.
    const std::string& content(int mount, const InodePtr& inode) const;
    bool is_open() const { return !open[0].empty() || !open[1].empty(); }

    // What the mount has not stored becomes everybody's.
    void commit(int mount, const InodePtr& inode);
    // `door`: the mount it was done through, 2 for S3. A name goes, or goes to another file.
    void take_away(const std::string& key, int door);
    void place(const std::string& key, InodePtr inode, int door);
    void move_directory(const std::string& from, const std::string& to, int door);
    // A directory of a mount stays when what implied it goes.
    void keep_directory(const std::string& key);
    // Files that are open and not changed show the newest version after the next open.
    void refresh(int mount, const InodePtr& inode);

 private:
    void disturb(const InodePtr& inode, int door);
};

}  // namespace larder::model_test
