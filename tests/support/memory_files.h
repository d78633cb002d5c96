// A FileStore in memory that keeps every promise of replication/files.h: what the mount and the proxy are tested on.
// Loop thread.
#pragma once

#include "tests/support/memory_tree.h"

#include <functional>

namespace larder::test {

class MemoryFiles final : public engine::FileStore {
 public:
    template <typename T>
    using Answer = io::Task<base::Result<T>>;

    explicit MemoryFiles(io::Env& env);
    // Another store of the same bucket.
    std::unique_ptr<engine::FileStore> another() const;

    const engine::Bucket& bucket() const override { return tree_->bucket; }
    Answer<engine::FoundPath> find(std::string path) override;
    Answer<engine::DirectoryPage> list(std::string directory, std::string after, int limit) override;
    Answer<engine::FileEntry> create(engine::NewFile file) override;
    Answer<engine::FileEntry> set_attributes(std::string key, engine::FileAttributes changes) override;
    Answer<engine::FileEntry> set_xattr(std::string key, std::string name, std::optional<std::string> value,
                                        engine::XattrMode mode, std::int64_t ctime_ns) override;
    Answer<engine::FileEntry> remove(std::string key, std::int64_t ctime_ns) override;
    Answer<engine::FileEntry> rename(std::string from, std::string to, bool exclusive, std::int64_t ctime_ns) override;
    Answer<void> exchange(std::string first, std::string second, std::int64_t ctime_ns) override;
    Answer<void> rename_directory(std::string from, std::string to, std::int64_t ctime_ns) override;
    Answer<engine::FileEntry> link(std::string from, std::string to, std::int64_t ctime_ns) override;
    Answer<std::unique_ptr<engine::FileHandle>> open(std::string key) override;
    Answer<engine::FileUsage> usage() override;
    Answer<engine::ChangePage> watch(std::string since, base::Instant deadline) override;

    // As another door would: the key's new content, and its end. A file that is there keeps its identity.
    void put(const std::string& key, std::string_view content) { tree_->put(key, content); }
    void erase(const std::string& key) { tree_->erase(key); }
    std::optional<std::string> content(const std::string& key) const;
    std::vector<std::string> keys() const;
    MemoryTree& tree() { return *tree_; }
    // Handles open now, of all stores.
    int handles() const { return static_cast<int>(shared_->handles); }

    // Awaited by every call of all stores and handles before it does anything: to fail it ("read", "commit", … by the
    // method's name) or to hold it up.
    using Gate = std::function<Answer<void>(std::string call)>;
    void set_gate(Gate gate) { shared_->gate = std::move(gate); }

 private:
    friend class MemoryHandle;
    struct Shared {
        Gate gate;
        int handles = 0;
    };
    MemoryFiles(std::shared_ptr<MemoryTree> tree, std::shared_ptr<Shared> shared)
        : tree_(std::move(tree)), shared_(std::move(shared)) {}
    static Answer<void> pass(std::shared_ptr<Shared> shared, std::string call);

    std::shared_ptr<MemoryTree> tree_;
    std::shared_ptr<Shared> shared_;
};

}  // namespace larder::test
