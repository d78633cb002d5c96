#include "src/rpc/serving.h"

#include <algorithm>

namespace larder::rpc {

Serving::Serving(io::Executor& executor, std::array<Room, kUrgencies> rooms, Work work)
    : executor_(executor), work_(std::move(work)) {
    for (std::size_t i = 0; i < kUrgencies; ++i) lanes_[i].room = rooms[i];
}

io::Task<void> Serving::admit(Urgency urgency, std::size_t weight) {
    while (!lane(urgency).fits(weight)) {
        room_.emplace(executor_);
        co_await room_->future();
    }
}

bool Serving::take(Request request) {
    if (running_.contains(request.id)) return false;
    auto& mine = lane(request.urgency);
    mine.cost += request.cost;
    if (mine.line.empty() && mine.fits(request.weight)) {
        begin(std::move(request));
    } else {
        mine.line.push_back(std::move(request));
    }
    return true;
}

void Serving::go_on() {
    for (auto& mine : lanes_) {
        while (!mine.line.empty() && mine.fits(mine.line.front().weight)) {
            auto next = std::move(mine.line.front());
            mine.line.pop_front();
            if (running_.contains(next.id)) continue;
            begin(std::move(next));
        }
    }
}

void Serving::begin(Request request) {
    auto running = spare_ ? std::move(spare_) : std::make_unique<Running>(executor_);
    running->urgency = request.urgency;
    running->weight = request.weight;
    running->cost = request.cost;
    running->finished = false;
    auto& mine = lane(request.urgency);
    ++mine.count;
    mine.held += request.weight;
    const auto id = request.id;
    auto& started = *running_.emplace(id, std::move(running)).first->second;
    started.work.spawn(work_(id, request.urgency, std::move(request.content)));
    if (finished_.empty() || finished_.back() != id) return;
    finished_.pop_back();
    auto node = running_.extract(id);
    if (node) spare_ = std::move(node.mapped());
}

void Serving::finish(std::uint64_t id) {
    auto& running = *running_.at(id);
    running.finished = true;
    lane(running.urgency).cost -= running.cost;
    finished_.push_back(id);
}

void Serving::cancel(std::uint64_t id) {
    const auto found = running_.find(id);
    if (found == running_.end()) return drop_waiting(id);
    if (found->second->finished) return;
    const auto gone = std::move(found->second);
    running_.erase(found);
    lane(gone->urgency).cost -= gone->cost;
    sent(gone->urgency, gone->weight);
}

void Serving::drop_waiting(std::uint64_t id) {
    for (auto& mine : lanes_) {
        const auto found = std::ranges::find(mine.line, id, &Request::id);
        if (found == mine.line.end()) continue;
        mine.cost -= found->cost;
        mine.line.erase(found);
        return;
    }
}

void Serving::sent(Urgency urgency, std::size_t weight) {
    auto& mine = lane(urgency);
    --mine.count;
    mine.held -= weight;
    if (room_) room_->set(io::Done{});
}

bool Serving::is_idle() const {
    return std::ranges::all_of(lanes_, [](const Lane& one) { return one.count == 0 && one.line.empty(); });
}

void Serving::reap() {
    if (finished_.empty()) return;
    for (const auto id : std::exchange(finished_, {})) running_.erase(id);
    if (room_) room_->set(io::Done{});
}

void Serving::clear() {
    // Ending one request's work may end up here again through what it holds.
    auto gone = std::exchange(running_, {});
    auto waiting = std::exchange(lanes_, {});
    finished_.clear();
    gone.clear();
}

}  // namespace larder::rpc
