// What waits to be sent on one connection. Small frames lie one behind the other in one piece of memory and leave
// together; bulk is sent from where it lies.
//
// Between nodes frames leave by their urgency: the most urgent first, but after kTurnsPassedOver turns of others one of
// those that were passed over. A frame longer than a part leaves in parts, in turn with the next few of its urgency.
#pragma once

#include "src/base/bytes.h"
#include "src/rpc/frame.h"
#include "src/rpc/transport.h"

#include <array>
#include <cstdint>
#include <deque>
#include <string>

namespace larder::rpc {

class SendQueue {
 public:
    static constexpr std::size_t kPartBytes = 32 * 1024;
    static constexpr std::size_t kFramesInTurn = 4;
    static constexpr int kTurnsPassedOver = 32;

    explicit SendQueue(Ends ends) : ends_(ends) {}

    void push(Frame frame);
    // An answer: when it is sent, gone() tells its weight.
    void push_answer(Frame frame, std::size_t weight);
    bool empty() const { return pieces_.empty() && waiting() == 0; }
    // Takes back a request, or what answers one, that has not left altogether. False: nothing of it is here.
    bool drop(bool answer, Urgency urgency, std::uint64_t id);
    // Sends what the connection takes. False when it is broken.
    bool send(Transport& transport);

    struct Gone {
        Urgency urgency;
        std::size_t weight;
    };
    // The answers that were sent or taken back since the last time.
    std::vector<Gone> take_gone() { return std::exchange(gone_, {}); }

 private:
    // One of the two; text grows until it is sent or bulk follows.
    struct Piece {
        std::string text;
        base::Buffer bulk;
        bool is_text() const { return bulk.empty(); }
        std::string_view bytes() const { return is_text() ? std::string_view(text) : bulk.chars(); }
    };
    struct Waiting {
        Frame frame;
        bool is_answer = false;
        std::size_t weight = 0;
        std::uint64_t stream = 0;  // once it has begun to leave in parts
        std::size_t taken = 0;     // bytes of the payload
    };
    struct Mark {
        std::uint64_t taken;
        Gone gone;
    };

    std::size_t waiting() const;
    void add(Waiting one);
    void take_whole(Waiting one);
    // True: that was the last.
    bool take_part(Waiting& one);
    void take_payload(const io::Message& content, std::size_t from, std::size_t bytes);
    void take_bulk(base::Buffer bulk);
    void fill();
    std::size_t whose_turn();
    std::string& text();
    void sent(std::size_t bytes);

    Ends ends_;
    std::array<std::deque<Waiting>, kUrgencies> lines_;
    std::array<int, kUrgencies> passed_over_{};
    std::uint64_t last_stream_ = 0;
    // What has had its turn, in the order of leaving.
    std::deque<Piece> pieces_;
    std::size_t front_sent_ = 0;
    std::uint64_t taken_ = 0;
    std::uint64_t sent_ = 0;
    std::deque<Mark> marks_;
    std::vector<Gone> gone_;
};

}  // namespace larder::rpc
