#include "fuse/node_table.h"

#include <algorithm>
#include <cerrno>

namespace larder::fuse {

const Place* Node::place() const {
    const Place* out = nullptr;
    for (const auto& at : places) {
        if ((!out || out->doubted) && !at.parent->gone()) out = &at;
        if (out && !out->doubted) break;
    }
    return out;
}

const Place* Node::place_at(const Node& parent, std::string_view segment) const {
    for (const auto& at : places) {
        if (at.parent.get() == &parent && at.segment == segment) return &at;
    }
    return nullptr;
}

Answer<std::string> key_of(const Node& node) {
    if (node.id == kRootNode) return "";
    const auto* place = node.place();
    if (place == nullptr) return refuse(ESTALE);
    auto key = key_of(*place->parent);
    if (!key) return key;
    key->append(place->segment);
    if (node.directory) key->push_back('/');
    return key;
}

NodeTable::NodeTable() : root_(std::make_shared<Node>()) {
    root_->id = kRootNode;
    root_->lookups = 1;
    root_->directory = true;
    root_->entry.implied = true;
    root_->entry.inode = kRootNode;
    by_id_[kRootNode] = root_;
}

NodePtr NodeTable::find(NodeId id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

NodePtr NodeTable::child(const Node& parent, std::string_view segment, bool directory) const {
    const auto found = by_place_.find({parent.id, directory, std::string(segment)});
    return found == by_place_.end() ? nullptr : found->second;
}

NodePtr NodeTable::place(const NodePtr& parent, std::string_view segment, engine::FileEntry entry,
                         base::Instant learnt) {
    const bool directory = entry.key.ends_with('/');
    auto node = child(*parent, segment, directory);
    if (node && !directory && node->entry.inode != entry.inode) {
        detach(node, parent, segment);
        release(node);
        node = nullptr;
    }
    if (!node && !directory) {
        const auto found = by_inode_.find(entry.inode);
        if (found != by_inode_.end()) node = found->second;
    }
    if (!node) {
        node = std::make_shared<Node>();
        node->id = ++last_;
        node->directory = directory;
        by_id_[node->id] = node;
        if (!directory) by_inode_[entry.inode] = node;
    }
    if (!child(*parent, segment, directory)) attach(node, parent, segment);
    for (auto& at : node->places) {
        if (at.parent == parent && at.segment == segment) at.doubted = false;
    }
    node->entry = std::move(entry);
    node->learnt = learnt;
    node->stale = false;
    return node;
}

void NodeTable::attach(const NodePtr& node, const NodePtr& parent, std::string_view segment) {
    by_place_[{parent->id, node->directory, std::string(segment)}] = node;
    node->places.push_back({parent, std::string(segment)});
    ++parent->children;
}

void NodeTable::detach(const NodePtr& node, const NodePtr& parent, std::string_view segment) {
    by_place_.erase({parent->id, node->directory, std::string(segment)});
    std::erase_if(node->places, [&](const Place& place) { return place.parent == parent && place.segment == segment; });
    // What is open may have got another name that is not known yet.
    if (node->places.empty() && !node->directory && !node->content) by_inode_.erase(node->entry.inode);
    --parent->children;
    release(parent);
}

void NodeTable::learn_beside(const NodePtr& parent, std::string_view segment, bool directory) {
    if (!directory) remove(parent, segment, true);
    const auto object = child(*parent, segment, false);
    if (!object) return;
    for (auto& at : object->places) {
        if (at.parent == parent && at.segment == segment) at.beside = directory;
    }
}

void NodeTable::doubt(const NodePtr& parent, std::string_view segment, bool directory) {
    const auto node = child(*parent, segment, directory);
    if (!node) return;
    node->stale = true;
    for (auto& at : node->places) {
        if (at.parent == parent && at.segment == segment) at.doubted = true;
    }
}

void NodeTable::remove(const NodePtr& parent, std::string_view segment, bool directory) {
    const auto node = child(*parent, segment, directory);
    if (!node) return;
    detach(node, parent, segment);
    release(node);
}

void NodeTable::move(const NodePtr& from, std::string_view segment, const NodePtr& to, std::string_view new_segment,
                     bool directory) {
    remove(to, new_segment, directory);
    const auto node = child(*from, segment, directory);
    if (!node) return;
    const auto inode = node->entry.inode;
    attach(node, to, new_segment);
    detach(node, from, segment);
    if (!directory) by_inode_[inode] = node;
}

void NodeTable::exchange(const NodePtr& first, std::string_view segment, const NodePtr& second,
                         std::string_view second_segment, bool directory) {
    const auto one = child(*first, segment, directory);
    const auto two = child(*second, second_segment, directory);
    if (one) detach(one, first, segment);
    if (two) detach(two, second, second_segment);
    if (one) attach(one, second, second_segment);
    if (two) attach(two, first, segment);
    for (const auto& node : {one, two}) {
        if (node && !directory) by_inode_[node->entry.inode] = node;
    }
}

void NodeTable::forget(NodeId id, std::uint64_t count) {
    const auto node = find(id);
    if (!node) return;
    node->lookups -= std::min(node->lookups, count);
    release(node);
}

void NodeTable::release(const NodePtr& node) {
    if (node->id == kRootNode || node->lookups > 0 || node->children > 0 || node->content) return;
    const auto held = node;
    if (by_id_.erase(held->id) == 0) return;
    while (!held->places.empty()) {
        const auto place = held->places.back();
        detach(held, place.parent, place.segment);
    }
    const auto found = by_inode_.find(held->entry.inode);
    if (found != by_inode_.end() && found->second == held) by_inode_.erase(found);
}

}  // namespace larder::fuse
