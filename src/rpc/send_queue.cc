#include "src/rpc/send_queue.h"

#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace larder::rpc {
namespace {

constexpr std::size_t kPiecesAtOnce = 64;
constexpr std::size_t kTextBytes = 64 * 1024;
// Up to this much is cheaper copied than named in a list of its own.
constexpr std::size_t kCopiedBulkBytes = 4096;

}  // namespace

void SendQueue::push(Frame frame) {
    pushed_ += kFrameHeaderBytes + payload_bytes(frame.content);
    append_front(text(), frame);
    for (auto& bulk : frame.content.bulk) {
        if (bulk.empty()) continue;
        if (bulk.size() <= kCopiedBulkBytes) {
            text().append(bulk.chars());
        } else {
            pieces_.push_back({{}, std::move(bulk)});
        }
    }
}

std::string& SendQueue::text() {
    if (pieces_.empty() || !pieces_.back().is_text() || pieces_.back().text.size() >= kTextBytes)
        pieces_.emplace_back();
    return pieces_.back().text;
}

bool SendQueue::send(int descriptor) {
    while (!pieces_.empty()) {
        std::array<iovec, kPiecesAtOnce> list;
        std::size_t count = 0;
        for (auto piece = pieces_.begin(); piece != pieces_.end() && count < list.size(); ++piece) {
            auto bytes = piece->bytes();
            if (count == 0) bytes.remove_prefix(front_sent_);
            list[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
        }
        msghdr message{};
        message.msg_iov = list.data();
        message.msg_iovlen = count;
        const auto n = ::sendmsg(descriptor, &message, MSG_NOSIGNAL);
        if (n >= 0) {
            drop(static_cast<std::size_t>(n));
        } else if (errno != EINTR) {
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
    }
    return true;
}

void SendQueue::drop(std::size_t bytes) {
    sent_ += bytes;
    front_sent_ += bytes;
    while (!pieces_.empty() && front_sent_ >= pieces_.front().bytes().size()) {
        front_sent_ -= pieces_.front().bytes().size();
        pieces_.pop_front();
    }
}

}  // namespace larder::rpc
