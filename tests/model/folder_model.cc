#include "tests/model/folder_model.h"

#include "src/base/hash.h"

namespace larder::model_test {
namespace {

bool ends_special(std::string name) {
    while (name.ends_with('%')) name.pop_back();
    if (name == "%empty" || name == "%dot" || name == "%dotdot" || name.ends_with("%obj")) return true;
    if (!name.starts_with("%long-") || name.size() < 23 || name[name.size() - 17] != '-') return false;
    return name.find_first_not_of("0123456789abcdef", name.size() - 16) == std::string::npos;
}

}  // namespace

std::string show(const std::string& segment, bool beside_directory) {
    auto name = segment;
    if (segment.empty()) name = "%empty";
    if (segment == ".") name = "%dot";
    if (segment == "..") name = "%dotdot";
    if (ends_special(segment)) name += "%";
    if (beside_directory) name += "%obj";
    if (name.size() <= 255) return name;
    std::size_t cut = 180;
    while ((static_cast<unsigned char>(name[cut]) >> 6) == 2) --cut;
    return "%long-" + name.substr(0, cut) + "-" + base::sha256(name).hex().substr(0, 16);
}

std::optional<std::string> segment_for(const std::string& name) {
    if (show(name, false) == name) return name;
    if (!name.ends_with('%')) return std::nullopt;
    auto shorter = name.substr(0, name.size() - 1);
    if (show(shorter, false) == name) return shorter;
    return std::nullopt;
}

Tree materialise(const Keys& keys) {
    Tree out;
    for (const auto& [key, inode] : keys) {
        std::string path;
        for (std::size_t from = 0; from < key.size();) {
            const auto slash = key.find('/', from);
            const auto segment = key.substr(from, slash - from);
            if (slash == std::string::npos) {
                const auto below = keys.lower_bound(key + "/");
                const bool beside = below != keys.end() && below->first.starts_with(key + "/");
                out[path + show(segment, beside)] = {false, key, inode};
                break;
            }
            path += show(segment, false);
            from = slash + 1;
            out.try_emplace(path, Shown{true, key.substr(0, from), nullptr});
            if (from == key.size()) out[path].inode = inode;
            path += "/";
        }
    }
    return out;
}

std::vector<std::string> Model::keys_of(const InodePtr& inode) const {
    std::vector<std::string> out;
    for (const auto& [key, there] : keys) {
        if (there == inode) out.push_back(key);
    }
    return out;
}

bool Model::anything_below(const std::string& directory) const {
    const auto next = keys.upper_bound(directory);
    return next != keys.end() && next->first.starts_with(directory);
}

const std::string& Model::content(int mount, const InodePtr& inode) const {
    const auto& mine = open[static_cast<std::size_t>(mount)];
    const auto there = mine.find(inode);
    return there == mine.end() ? inode->content : there->second.content;
}

void Model::commit(int mount, const InodePtr& inode) {
    auto& mine = open[static_cast<std::size_t>(mount)];
    const auto there = mine.find(inode);
    if (there == mine.end() || !there->second.changed) return;
    auto& state = there->second;
    if (state.appended_from) {
        // Follows on what is there by now.
        state.content = inode->content + state.content.substr(*state.appended_from);
    }
    if (!keys_of(inode).empty()) inode->content = state.content;
    state.changed = false;
    state.appended_from.reset();
}

void Model::disturb(const InodePtr& inode, int door) {
    for (int mount = 0; mount < 2; ++mount) {
        auto& mine = open[static_cast<std::size_t>(mount)];
        const auto there = mine.find(inode);
        if (mount != door && there != mine.end()) there->second.disturbed = true;
    }
}

void Model::take_away(const std::string& key, int door) {
    const auto there = keys.find(key);
    if (there == keys.end()) return;
    disturb(there->second, door);
    keys.erase(there);
}

void Model::place(const std::string& key, InodePtr inode, int door) {
    take_away(key, door);
    keys[key] = std::move(inode);
}

void Model::move_directory(const std::string& from, const std::string& to, int door) {
    take_away(to, door);
    Keys moved;
    for (auto at = keys.lower_bound(from); at != keys.end() && at->first.starts_with(from);) {
        moved[to + at->first.substr(from.size())] = at->second;
        disturb(at->second, door);
        at = keys.erase(at);
    }
    keys.merge(moved);
}

void Model::keep_directory(const std::string& key) {
    if (!key.empty()) keys.try_emplace(key, std::make_shared<Inode>());
}

void Model::refresh(int mount, const InodePtr& inode) {
    auto& mine = open[static_cast<std::size_t>(mount)];
    const auto there = mine.find(inode);
    if (there != mine.end() && !there->second.changed) there->second.content = inode->content;
}

}  // namespace larder::model_test
