// Rows that are durable in the log but not yet in SQLite: a sorted list in memory that one thread extends while any
// number read it without locks (a skip list whose nodes never move or go before the table does). Each row carries the
// number of its group, so that a reader sees the rows of whole groups only. Inside src/db only.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace larder::db {

using Sequence = std::uint64_t;  // of a group of changes in its shard

class Memtable {
    static constexpr std::uint32_t kErased = UINT32_MAX;
    struct Node {
        Sequence sequence;
        const char* bytes;  // the key, then the value
        std::uint32_t key_bytes;
        std::uint32_t value_bytes;  // kErased: no value

        std::string_view key() const { return {bytes, key_bytes}; }
        std::optional<std::string_view> value() const;
        // The links of this node, as many as it has levels, lie behind it.
        std::atomic<Node*>* links() { return reinterpret_cast<std::atomic<Node*>*>(this + 1); }
        Node* next(int level = 0) { return links()[level].load(std::memory_order_acquire); }
    };

 public:
    Memtable();
    Memtable(const Memtable&) = delete;
    Memtable& operator=(const Memtable&) = delete;

    // One thread; sequences never fall, and a key comes once per sequence. No value: the row is erased.
    void add(std::string_view key, std::optional<std::string_view> value, Sequence sequence);
    bool empty() const { return head_->next() == nullptr; }

    // The newest row of `key` at `at`: nothing when the table does not know the key, else its value or none if erased.
    std::optional<std::optional<std::string_view>> find(std::string_view key, Sequence at) const;

    // Goes over the newest rows at `at`, erased ones included. Views live as long as the table.
    class Walk {
     public:
        Walk(const Memtable& table, Sequence at) : table_(table), at_(at) {}
        void seek(std::string_view key);
        void next();
        bool valid() const { return node_ != nullptr; }
        std::string_view key() const { return node_->key(); }
        std::optional<std::string_view> value() const { return node_->value(); }

     private:
        const Memtable& table_;
        Sequence at_;
        Node* node_ = nullptr;
    };

 private:
    static constexpr int kLevels = 12;

    Node* make_node(std::size_t payload_bytes, int levels);
    std::byte* allocate(std::size_t bytes);
    // The first node not before (key, sequence), where newer comes first; `before` gets the node ahead at each level.
    Node* lower_bound(std::string_view key, Sequence sequence, std::array<Node*, kLevels>* before) const;
    int random_levels();

    std::vector<std::unique_ptr<std::byte[]>> chunks_;
    std::byte* free_ = nullptr;
    std::size_t free_bytes_ = 0;
    std::size_t chunk_bytes_ = 2048;
    std::uint64_t dice_ = 0x9e3779b97f4a7c15;
    Node* head_;
};

}  // namespace larder::db
