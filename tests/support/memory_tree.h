// What stands in a bucket of MemoryFiles: names, files and changes, with the rules of replication/files.h.
#pragma once

#include "replication/files.h"
#include "tests/support/memory_content.h"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace larder::test {

class MemoryTree {
 public:
    explicit MemoryTree(io::Env& env);

    struct Inode {
        MemoryContent content;
        base::Tag version;
        base::Tag state;
        base::WallTime modified;
        std::uint64_t number = 0;
        std::uint32_t links = 0;
        engine::FileAttributes attributes;
    };
    using InodePtr = std::shared_ptr<Inode>;
    template <typename T>
    using Result = base::Result<T>;

    engine::FoundPath find(const std::string& path);
    engine::DirectoryPage list(const std::string& directory, const std::string& after, int limit);
    Result<engine::FileEntry> create(engine::NewFile file);
    Result<engine::FileEntry> set_attributes(const std::string& key, const engine::FileAttributes& changes);
    struct XattrChange {
        std::string name;
        std::optional<std::string> value;
        engine::XattrMode mode;
    };
    Result<engine::FileEntry> set_xattr(const std::string& key, XattrChange change, std::int64_t ctime_ns);
    Result<engine::FileEntry> remove(const std::string& key, std::int64_t ctime_ns);
    Result<engine::FileEntry> rename(const std::string& from, const std::string& to, bool exclusive,
                                     std::int64_t ctime_ns);
    Result<void> exchange(const std::string& first, const std::string& second, std::int64_t ctime_ns);
    Result<void> rename_directory(std::string from, std::string to, std::int64_t ctime_ns);
    Result<engine::FileEntry> link(const std::string& from, const std::string& to, std::int64_t ctime_ns);
    // `content` is null when only attributes change.
    Result<engine::FileEntry> commit(const std::string& key, const MemoryContent* content,
                                     const engine::FileAttributes& changes);
    void put(const std::string& key, std::string_view content);
    void erase(const std::string& key);

    InodePtr inode_at(const std::string& key) const;
    static engine::FileEntry entry_of(const std::string& key, const Inode& inode);
    const std::map<std::string, InodePtr>& names() const { return names_; }

    // Changes [oldest, newest) are kept.
    std::uint64_t oldest_change() const { return newest_change_ - changes_.size(); }
    std::uint64_t newest_change() const { return newest_change_; }
    std::vector<engine::ChangeEvent> changes_since(std::uint64_t place) const;
    io::Promise<io::Done> next_change();
    // As if the daemon had kept only what is to come.
    void forget_changes() { changes_.clear(); }

    io::Env& env;
    engine::Bucket bucket;
    engine::Quota quota;

 private:
    InodePtr make_inode(std::uint64_t number);
    void place(const std::string& key, InodePtr inode);
    void take_away(const std::string& key, std::int64_t ctime_ns);
    void replace_content(Inode& inode, MemoryContent content);
    base::Tag next_tag();
    void changed(const std::string& key, Inode& inode, bool removed);
    void changed_everywhere(Inode& inode);
    engine::FileEntry implied(const std::string& key);
    bool anything_below(const std::string& directory) const;
    void move_below(const std::string& from, const std::string& to);

    std::map<std::string, InodePtr> names_;
    std::map<std::string, std::uint64_t> implied_inodes_;  // a directory keeps its number when it gets a marker
    std::uint64_t last_inode_ = 1;                         // of the root
    std::uint64_t last_version_ = 0;
    std::deque<engine::ChangeEvent> changes_;
    std::uint64_t newest_change_ = 0;
    std::vector<io::Promise<io::Done>> watchers_;
};

}  // namespace larder::test
