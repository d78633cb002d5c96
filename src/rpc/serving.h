// Requests of the other side of a link, from their arrival until their answers are sent.
#pragma once

#include "src/io/future.h"
#include "src/io/task_group.h"
#include "src/rpc/frame.h"

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace larder::rpc {

struct Request {
    std::uint64_t id = 0;
    Urgency urgency = Urgency::control;
    std::size_t weight = 0;  // bytes, its answer included
    std::size_t cost = 0;    // bytes of the window that it takes
    io::Message content;
};

class Serving {
 public:
    // What may be under way at once of one urgency.
    struct Room {
        std::size_t requests = 0;
        std::size_t bytes = 0;
    };
    // Carries out one, whose number, urgency and message are told.
    using Work = std::function<io::Task<void>(std::uint64_t id, Urgency urgency, io::Message content)>;

    Serving(io::Executor& executor, std::array<Room, kUrgencies> rooms, Work work);

    // Waits until a request of this urgency may be begun at once.
    io::Task<void> admit(Urgency urgency, std::size_t weight);
    // Begins the work on it inside this call when there is room, and later otherwise, in the order of arrival. False:
    // the number is in use.
    bool take(Request request);
    // Begins what there is room for. Not from the work on a request.
    void go_on();
    // Its answer is on its way.
    void finish(std::uint64_t id);
    // An answer of this urgency and weight is sent, or given up.
    void sent(Urgency urgency, std::size_t weight);
    void cancel(std::uint64_t id);
    std::size_t weight_of(std::uint64_t id) const { return running_.at(id)->weight; }
    // Of requests that are not answered yet.
    std::size_t cost(Urgency urgency) const { return lanes_[static_cast<std::size_t>(urgency)].cost; }
    // Nothing was asked that is not answered and sent.
    bool is_idle() const;
    // Clears away work that has ended. Not from such work.
    void reap();
    void clear();

 private:
    struct Running {
        explicit Running(io::Executor& executor) : work(executor) {}
        Urgency urgency = Urgency::control;
        std::size_t weight = 0;
        std::size_t cost = 0;
        bool finished = false;
        io::TaskGroup work;
    };
    struct Lane {
        Room room;
        std::size_t count = 0;  // under way, answers that leave included
        std::size_t held = 0;
        std::size_t cost = 0;
        std::deque<Request> line;
        bool fits(std::size_t weight) const {
            return count == 0 || (count < room.requests && held + weight <= room.bytes);
        }
    };
    Lane& lane(Urgency urgency) { return lanes_[static_cast<std::size_t>(urgency)]; }
    void begin(Request request);
    void drop_waiting(std::uint64_t id);

    io::Executor& executor_;
    Work work_;
    std::array<Lane, kUrgencies> lanes_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Running>> running_;
    std::vector<std::uint64_t> finished_;
    std::unique_ptr<Running> spare_;  // most requests are answered at once: one is used again and again
    std::optional<io::Promise<io::Done>> room_;
};

}  // namespace larder::rpc
