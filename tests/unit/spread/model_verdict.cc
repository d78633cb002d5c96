// What must hold at the end of a life.
#include "tests/unit/spread/model.h"

#include <algorithm>

namespace larder::spread {

bool Model::is_well() {
    if (!garbage_.empty()) return false;
    std::map<io::NodeNumber, std::set<block::Reference>> wanted;
    for (const auto& [key, row] : rows_) {
        for (const auto number : row.contents) {
            for (const auto node : cluster_.holders(content(number))) wanted[node].insert({row.owner, name(number), 0});
        }
    }
    for (const auto node : cluster_.members.nodes) {
        const auto& shelf = cluster_.shelf(node);
        if (shelf.references() != wanted[node]) return false;
        for (const auto& [name, stored] : shelf.blocks) {
            if (!shelf.is_good(name)) return false;
        }
    }
    return true;
}

std::string Model::state() const {
    auto& cluster = const_cast<Cluster&>(cluster_);
    std::string out = std::to_string(garbage_.size()) + " owners are not given up; layout " + std::to_string(layout_);
    std::map<Owner, std::set<std::uint64_t>> named;
    for (const auto& [key, row] : rows_) named[row.owner].insert(row.contents.begin(), row.contents.end());
    for (std::uint64_t number = 0; number < kContents; ++number) {
        for (const auto node : cluster_.members.nodes) {
            const auto& shelf = cluster.shelf(node);
            const bool holder = cluster_.holders(content(number)).contains(node);
            const auto found = shelf.blocks.find(name(number));
            std::set<Owner> owners;
            if (found != shelf.blocks.end()) owners = found->second.owners;
            std::set<Owner> ought;
            for (const auto& [owner, contents] : named) {
                if (holder && contents.contains(number)) ought.insert(owner);
            }
            if (owners == ought && (ought.empty() || shelf.is_good(name(number)))) continue;
            out += "; content " + std::to_string(number) + " at node " + std::to_string(node) + ": " +
                   std::to_string(owners.size()) + " references instead of " + std::to_string(ought.size()) +
                   (holder ? "" : ", no holder") +
                   (std::ranges::any_of(owners, [&](const Owner& o) { return !named.contains(o); }) ? ", orphan" : "") +
                   (found != shelf.blocks.end() && !shelf.is_good(name(number)) ? ", rotten" : "");
        }
    }
    return out;
}

}  // namespace larder::spread
