#include "src/http/stream.h"

#include <cerrno>
#include <sys/socket.h>

namespace larder::http {
namespace {

using Outcome = Moved::Outcome;
using Direction = Readiness::Direction;

Moved outcome_of(ssize_t n, Direction direction) {
    if (n > 0) return {Outcome::moved, static_cast<std::size_t>(n), direction};
    if (n == 0) return {Outcome::end, 0, direction};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Outcome::wait, 0, direction};
    return {Outcome::broken, 0, direction};
}

class PlainStream final : public Stream {
 public:
    explicit PlainStream(int descriptor) : descriptor_(descriptor) {}

    Moved read(std::span<iovec> into) override {
        msghdr message{};
        message.msg_iov = into.data();
        message.msg_iovlen = into.size();
        ssize_t n = 0;
        do n = ::recvmsg(descriptor_, &message, 0);
        while (n < 0 && errno == EINTR);
        return outcome_of(n, Direction::read);
    }
    Moved write(std::span<iovec> from) override {
        msghdr message{};
        message.msg_iov = from.data();
        message.msg_iovlen = from.size();
        ssize_t n = 0;
        do n = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return outcome_of(n, Direction::write);
    }
    Moved handshake() override { return {Outcome::moved, 0, Direction::read}; }
    void shut() override { ::shutdown(descriptor_, SHUT_WR); }

 private:
    int descriptor_;
};

}  // namespace

std::unique_ptr<Stream> make_plain_stream(int descriptor) {
    return std::make_unique<PlainStream>(descriptor);
}

}  // namespace larder::http
