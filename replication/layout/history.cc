#include "replication/layout/history.h"

#include <algorithm>

namespace larder::layout {

namespace {

using base::Code;
using base::Subject;

bool is_given_up(const History& history, const base::NodeId& node, Epoch epoch) {
    const auto until = history.given_up.find(node);
    return until != history.given_up.end() && epoch < until->second;
}

// More than half of the copies; of the nodes that remain, all, when they are fewer than that.
Quorum quorum_of(const History& history, const Layout& layout, Partition partition) {
    Quorum quorum{layout.epoch, {}, 0};
    for (const auto& node : layout.replicas[partition]) {
        if (!is_given_up(history, node, layout.epoch)) quorum.nodes.push_back(node);
    }
    quorum.needed = std::min(layout.replicas[partition].size() / 2 + 1, quorum.nodes.size());
    return quorum;
}

bool reached(const History& history, const Quorum& quorum, Epoch Progress::* step, Epoch epoch) {
    const auto there = std::ranges::count_if(quorum.nodes, [&](const base::NodeId& node) {
        const auto progress = history.progress.find(node);
        return progress != history.progress.end() && progress->second.*step >= epoch;
    });
    return static_cast<std::size_t>(there) >= quorum.needed;
}

bool same_demand(const Quorum& a, const Quorum& b) {
    return a.needed == b.needed && a.nodes.size() == b.nodes.size() && std::ranges::is_permutation(a.nodes, b.nodes);
}

void raise(Progress& mine, const Progress& other) {
    mine.adopted = std::max(mine.adopted, other.adopted);
    mine.synced = std::max(mine.synced, other.synced);
    mine.settled = std::max(mine.settled, other.settled);
}

}  // namespace

std::vector<Quorum> joint_quorums(const History& history, Partition partition) {
    std::vector<Quorum> all;
    for (const auto& [epoch, layout] : history.live) {
        if (partition >= layout.partitions()) continue;
        Quorum quorum = quorum_of(history, layout, partition);
        const auto same = [&](const Quorum& other) { return same_demand(quorum, other); };
        if (quorum.needed > 0 && std::ranges::none_of(all, same)) all.push_back(std::move(quorum));
    }
    return all;
}

base::Result<void> append(History& history, Layout next) {
    TRY_VOID(check(next));
    if (!history.live.empty()) {
        const Layout& newest = history.live.rbegin()->second;
        if (next.epoch != newest.epoch + 1) {
            return base::fail(Code::conflict, Subject::config,
                              "Layout " + std::to_string(newest.epoch) + " is in force, so " +
                                  std::to_string(next.epoch) + " cannot be next: plan again from the present one.");
        }
        if (next.partitions() != newest.partitions()) {
            return base::fail(Code::invalid_argument, Subject::config, "The number of partitions is fixed for ever.");
        }
    }
    const Epoch epoch = next.epoch;
    history.live.emplace(epoch, std::move(next));
    return {};
}

base::Result<void> advance(History& history, const base::NodeId& node, const Progress& progress) {
    if (progress.settled > progress.synced || progress.synced > progress.adopted) {
        return base::fail(Code::invalid_argument, Subject::node,
                          "A node settles after it syncs, and syncs after it adopts.");
    }
    raise(history.progress[node], progress);
    return {};
}

base::Result<void> merge(History& into, const History& other) {
    for (const auto& [epoch, layout] : other.live) {
        const auto mine = into.live.find(epoch);
        if (mine != into.live.end() && mine->second != layout) {
            return base::fail(Code::corrupted, Subject::config,
                              "Two different layouts have the number " + std::to_string(epoch) + ".");
        }
    }
    Epoch oldest = 0;
    if (!into.live.empty()) oldest = into.live.begin()->first;
    if (!other.live.empty()) oldest = std::max(oldest, other.live.begin()->first);
    into.live.insert(other.live.begin(), other.live.end());
    into.live.erase(into.live.begin(), into.live.lower_bound(oldest));
    for (const auto& [node, progress] : other.progress) raise(into.progress[node], progress);
    for (const auto& [node, epoch] : other.given_up) {
        Epoch& mine = into.given_up[node];
        mine = std::max(mine, epoch);
    }
    return {};
}

bool may_retire_oldest(const History& history) {
    if (history.live.size() < 2) return false;
    const Layout& oldest = history.live.begin()->second;
    const Layout& next = std::next(history.live.begin())->second;
    for (Partition p = 0; p < oldest.partitions(); ++p) {
        const Quorum before = quorum_of(history, oldest, p);
        const Quorum after = quorum_of(history, next, p);
        if (!reached(history, before, &Progress::adopted, next.epoch)) return false;
        if (!reached(history, after, &Progress::adopted, next.epoch)) return false;
        if (!reached(history, after, &Progress::settled, next.epoch)) return false;
    }
    return true;
}

std::size_t retire(History& history) {
    std::size_t gone = 0;
    for (; may_retire_oldest(history); ++gone) history.live.erase(history.live.begin());
    return gone;
}

Loss loss_of(const History& history, const std::vector<base::NodeId>& dead) {
    Loss loss;
    if (history.live.empty()) return loss;
    History supposed = history;
    const Layout& oldest = history.live.begin()->second;
    for (const auto& node : dead) supposed.given_up[node] = history.live.rbegin()->first;
    for (Partition p = 0; p < oldest.partitions(); ++p) {
        const Quorum left = quorum_of(supposed, oldest, p);
        if (left.nodes.empty()) {
            loss.lost.push_back(p);
        } else if (left.nodes.size() < oldest.replicas[p].size() / 2 + 1) {
            loss.at_risk.push_back(p);
        }
    }
    return loss;
}

base::Result<void> give_up(History& history, const std::vector<base::NodeId>& dead, bool allow_loss) {
    if (history.live.size() < 2) {
        return base::fail(Code::invalid_argument, Subject::node,
                          "No change of layout waits for a node: nothing to give up.");
    }
    const Layout& newest = history.live.rbegin()->second;
    for (const auto& node : dead) {
        const auto role = newest.roles.find(node);
        if (role != newest.roles.end() && role->second.stores()) {
            return base::fail(Code::invalid_argument, Subject::node,
                              "Node " + node.hex().substr(0, 8) +
                                  " stores in the newest layout: apply a layout without it first, then give it up.");
        }
    }
    const Loss loss = loss_of(history, dead);
    if (!allow_loss && !(loss.lost.empty() && loss.at_risk.empty())) {
        return base::fail(Code::precondition_failed, Subject::node,
                          std::to_string(loss.lost.size()) + " partitions would be lost, and the last writes of " +
                              std::to_string(loss.at_risk.size()) +
                              " may be missing: bring the nodes back, or allow the loss.");
    }
    for (const auto& node : dead) {
        Epoch& until = history.given_up[node];
        until = std::max(until, newest.epoch);
    }
    return {};
}

}  // namespace larder::layout
