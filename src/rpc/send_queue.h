// What waits to be sent on one connection. Small frames lie one behind the other in one piece of memory and leave
// together; bulk is sent from where it lies.
#pragma once

#include "src/base/bytes.h"
#include "src/rpc/frame.h"

#include <cstdint>
#include <deque>
#include <string>

namespace larder::rpc {

class SendQueue {
 public:
    void push(Frame frame);
    bool empty() const { return pieces_.empty(); }
    // Bytes not sent yet.
    std::uint64_t bytes() const { return pushed_ - sent_; }
    // Bytes ever pushed and ever sent: a frame is gone when sent() has reached what pushed() was behind it.
    std::uint64_t pushed() const { return pushed_; }
    std::uint64_t sent() const { return sent_; }

    // Sends what the socket takes. False when the connection is broken.
    bool send(int descriptor);

 private:
    // One of the two; text grows until it is sent or bulk follows.
    struct Piece {
        std::string text;
        base::Buffer bulk;
        bool is_text() const { return bulk.empty(); }
        std::string_view bytes() const { return is_text() ? std::string_view(text) : bulk.chars(); }
    };
    std::string& text();
    void drop(std::size_t bytes);

    std::deque<Piece> pieces_;
    std::size_t front_sent_ = 0;
    std::uint64_t pushed_ = 0;
    std::uint64_t sent_ = 0;
};

}  // namespace larder::rpc
