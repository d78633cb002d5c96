#include "src/rpc/link_impl.h"

namespace larder::rpc {

bool Serving::has_room(std::size_t weight) const {
    const auto count = running_.size() + leaving_.size();
    return count == 0 || (count < options_.requests && held_ + weight <= options_.request_bytes);
}

io::Task<void> Serving::admit(std::size_t weight) {
    while (!has_room(weight)) {
        room_.emplace(executor_);
        co_await room_->future();
    }
}

bool Serving::begin(std::uint64_t id, std::size_t weight) {
    auto request = spare_ ? std::move(spare_) : std::make_unique<Request>(executor_);
    request->weight = weight;
    request->finished = false;
    if (!running_.emplace(id, std::move(request)).second) return false;
    held_ += weight;
    return true;
}

void Serving::run(std::uint64_t id, io::Task<void> work) {
    auto& request = *running_.at(id);
    request.work.spawn(std::move(work));
    if (finished_.empty() || finished_.back() != id) return;
    finished_.pop_back();
    auto node = running_.extract(id);
    spare_ = std::move(node.mapped());
}

void Serving::finish(std::uint64_t id, std::uint64_t mark) {
    auto& request = *running_.at(id);
    request.finished = true;
    finished_.push_back(id);
    leaving_.push_back({mark, request.weight});
}

void Serving::cancel(std::uint64_t id) {
    const auto found = running_.find(id);
    if (found == running_.end() || found->second->finished) return;
    const auto weight = found->second->weight;
    running_.erase(found);
    give_back(weight);
}

void Serving::sent(std::uint64_t bytes) {
    while (!leaving_.empty() && leaving_.front().mark <= bytes) {
        const auto weight = leaving_.front().weight;
        leaving_.pop_front();
        give_back(weight);
    }
}

void Serving::give_back(std::size_t weight) {
    held_ -= weight;
    if (room_) room_->set(io::Done{});
}

void Serving::reap() {
    if (finished_.empty()) return;
    for (const auto id : std::exchange(finished_, {})) running_.erase(id);
    if (room_) room_->set(io::Done{});
}

void Serving::clear() {
    // Ending one request's work may end up here again through what it holds.
    auto gone = std::exchange(running_, {});
    finished_.clear();
    gone.clear();
}

}  // namespace larder::rpc
