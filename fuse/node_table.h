// The files the kernel knows: nodes, by the number it was given, by their inode and by their place in a directory. A
// node lives while the kernel counts lookups of it, a child hangs below it, or it is open.
#pragma once

#include "fuse/errors.h"
#include "replication/files.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace larder::fuse {

using NodeId = std::uint64_t;  // given once, never reused; differs from st_ino
constexpr NodeId kRootNode = 1;

class Content;
struct Node;

// One name of a node. `segment` is of the key, not the shown name.
struct Place {
    std::shared_ptr<Node> parent;
    std::string segment;
    bool beside = false;   // of an object: a directory had the same segment when this was learnt
    bool doubted = false;  // another door changed what stands there
};

struct Node {
    NodeId id = 0;
    std::uint64_t lookups = 0;
    std::size_t children = 0;
    std::vector<Place> places;  // empty: the root, or a file whose last name is gone
    // What is known; the key in it may be out of date (key_of is not).
    engine::FileEntry entry;
    bool directory = false;
    bool stale = false;    // asked for again before it is shown
    base::Instant learnt;  // when `entry` came from the store
    base::Tag cached;      // version whose bytes the kernel may hold
    // Of a directory.
    bool times_dirty = false;                     // changed here, not stored yet
    std::optional<std::uint32_t> subdirectories;  // where it is known: st_nlink is two more
    // While it is open or has something to store.
    std::shared_ptr<Content> content;

    // A place all whose directories are there still, one that is not doubted before others; null: none is left (or it
    // is the root).
    const Place* place() const;
    const Place* place_at(const Node& parent, std::string_view segment) const;
    bool gone() const { return id != kRootNode && place() == nullptr; }
};
using NodePtr = std::shared_ptr<Node>;

// The key of the object: of any of its names. Directories end in "/", the root is "". ESTALE of a node that is gone():
// any await may be its end, through this mount as well, and on ESTALE the kernel looks a path up again.
Answer<std::string> key_of(const Node& node);

class NodeTable {
 public:
    NodeTable();

    NodePtr root() const { return root_; }
    NodePtr find(NodeId id) const;
    NodePtr child(const Node& parent, std::string_view segment, bool directory) const;

    // The node of what stands at a place, made if need be. A directory keeps its node while it keeps its place; a file
    // keeps it with its inode, so that its names share one. What else stood there loses that place.
    NodePtr place(const NodePtr& parent, std::string_view segment, engine::FileEntry entry, base::Instant learnt);
    // Of what was just placed there: whether a directory stands beside the object.
    void learn_beside(const NodePtr& parent, std::string_view segment, bool directory);
    // What stands there has to be asked for again: the file may have other names that hold.
    void doubt(const NodePtr& parent, std::string_view segment, bool directory);
    // The name is gone.
    void remove(const NodePtr& parent, std::string_view segment, bool directory);
    // The name moved; what stood at the target loses its place.
    void move(const NodePtr& from, std::string_view segment, const NodePtr& to, std::string_view new_segment,
              bool directory);
    // Both are files, or both directories.
    void exchange(const NodePtr& first, std::string_view segment, const NodePtr& second,
                  std::string_view second_segment, bool directory);
    // The kernel forgot `count` lookups.
    void forget(NodeId id, std::uint64_t count);
    // Drops the node if nothing holds it any more.
    void release(const NodePtr& node);

    std::size_t size() const { return by_id_.size(); }
    // Later nodes have higher numbers.
    NodeId newest() const { return last_; }
    template <typename F>
    void each(F visit) const {
        for (const auto& [id, node] : by_id_) visit(node);
    }

 private:
    struct PlaceKey {
        NodeId parent;
        bool directory;
        std::string segment;
        bool operator==(const PlaceKey&) const = default;
    };
    struct PlaceHash {
        std::size_t operator()(const PlaceKey& key) const {
            return std::hash<std::string_view>{}(key.segment) ^ (key.parent * 0x9E3779B97F4A7C15ull) ^
                   (key.directory ? 1 : 0);
        }
    };
    void attach(const NodePtr& node, const NodePtr& parent, std::string_view segment);
    void detach(const NodePtr& node, const NodePtr& parent, std::string_view segment);

    NodePtr root_;
    NodeId last_ = kRootNode;
    std::unordered_map<NodeId, NodePtr> by_id_;
    std::unordered_map<std::uint64_t, NodePtr> by_inode_;  // files with a name, or open
    std::unordered_map<PlaceKey, NodePtr, PlaceHash> by_place_;
};

}  // namespace larder::fuse
