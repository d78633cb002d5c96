#include "src/db/memtable.h"

#include <new>

namespace larder::db {

namespace {

constexpr std::size_t kChunkBytesMax = 256 * 1024;

}  // namespace

std::optional<std::string_view> Memtable::Node::value() const {
    if (value_bytes == kErased) return std::nullopt;
    return std::string_view(bytes + key_bytes, value_bytes);
}

Memtable::Memtable() : head_(make_node(0, kLevels)) {}

void Memtable::add(std::string_view key, std::optional<std::string_view> value, Sequence sequence) {
    std::array<Node*, kLevels> before{};
    lower_bound(key, sequence, &before);
    const int levels = random_levels();
    const auto value_bytes = value ? value->size() : 0;
    auto* node = make_node(key.size() + value_bytes, levels);
    auto* bytes = const_cast<char*>(node->bytes);
    std::memcpy(bytes, key.data(), key.size());
    if (value_bytes > 0) std::memcpy(bytes + key.size(), value->data(), value_bytes);
    node->sequence = sequence;
    node->key_bytes = static_cast<std::uint32_t>(key.size());
    node->value_bytes = value ? static_cast<std::uint32_t>(value_bytes) : kErased;
    for (int level = 0; level < levels; ++level) {
        auto& link = before[static_cast<std::size_t>(level)]->links()[level];
        node->links()[level].store(link.load(std::memory_order_relaxed), std::memory_order_relaxed);
        link.store(node, std::memory_order_release);
    }
}

std::optional<std::optional<std::string_view>> Memtable::find(std::string_view key, Sequence at) const {
    const auto* node = lower_bound(key, at, nullptr);
    if (node == nullptr || node->key() != key) return std::nullopt;
    return node->value();
}

void Memtable::Walk::seek(std::string_view key) {
    node_ = table_.lower_bound(key, at_, nullptr);
    while (node_ != nullptr && node_->sequence > at_) node_ = node_->next();
}

void Memtable::Walk::next() {
    const auto passed = node_->key();
    do {
        node_ = node_->next();
    } while (node_ != nullptr && (node_->sequence > at_ || node_->key() == passed));
}

Memtable::Node* Memtable::make_node(std::size_t payload_bytes, int levels) {
    const auto links_bytes = static_cast<std::size_t>(levels) * sizeof(std::atomic<Node*>);
    auto* memory = allocate(sizeof(Node) + links_bytes + payload_bytes);
    auto* node = new (memory) Node{};
    for (int level = 0; level < levels; ++level) new (&node->links()[level]) std::atomic<Node*>(nullptr);
    node->bytes = reinterpret_cast<const char*>(memory + sizeof(Node) + links_bytes);
    return node;
}

std::byte* Memtable::allocate(std::size_t bytes) {
    bytes = (bytes + alignof(Node) - 1) / alignof(Node) * alignof(Node);
    if (bytes > free_bytes_) {
        // Small at first, so that a store at rest costs next to nothing.
        chunk_bytes_ = std::min(chunk_bytes_ * 2, kChunkBytesMax);
        free_bytes_ = std::max(bytes, chunk_bytes_);
        chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(free_bytes_));
        free_ = chunks_.back().get();
    }
    auto* out = free_;
    free_ += bytes;
    free_bytes_ -= bytes;
    return out;
}

Memtable::Node* Memtable::lower_bound(std::string_view key, Sequence sequence,
                                      std::array<Node*, kLevels>* before) const {
    auto* node = head_;
    for (int level = kLevels - 1;; --level) {
        auto* next = node->next(level);
        while (next != nullptr) {
            const int order = next->key().compare(key);
            if (order > 0 || (order == 0 && next->sequence <= sequence)) break;
            node = next;
            next = node->next(level);
        }
        if (before != nullptr) (*before)[static_cast<std::size_t>(level)] = node;
        if (level == 0) return next;
    }
}

// Each level holds a quarter of the one below.
int Memtable::random_levels() {
    dice_ ^= dice_ << 13;
    dice_ ^= dice_ >> 7;
    dice_ ^= dice_ << 17;
    int levels = 1;
    for (auto bits = dice_ >> 16; levels < kLevels && (bits & 3) == 0; bits >>= 2) ++levels;
    return levels;
}

}  // namespace larder::db
